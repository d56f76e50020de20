"""One CT with its masks, and all of them together."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from segae.preflight import Finding

SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class PseudoLabel:
    """The mask of row `structure` of the label table that the checkpoint or program `source` made.

    `value`: what its voxels hold in the file; None for a binary file, where everything but 0 belongs to it.
    """

    structure: int
    source: str
    path: Path
    value: int | None = None


@dataclass(frozen=True)
class Scan:
    """A CT and its true masks: a label map of table rows, or a folder with a binary file per structure.

    `ct` is an image file or a folder with a DICOM series. `structures`: rows of the label table that have
    voxels. `split`: "train", "val" or "test", "" while undecided.
    """

    name: str
    patient: str
    ct: Path
    masks: Path
    structures: tuple[int, ...] = ()
    pseudo_labels: tuple[PseudoLabel, ...] = ()
    split: str = ""


@dataclass(frozen=True)
class Found:
    """What a layout holds before anything was opened: scans by name, and what has no partner."""

    scans: tuple[Scan, ...]
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True)
class Index:
    """All usable scans sorted by name, what was wrong with the others, and the seed of the split."""

    scans: tuple[Scan, ...]
    findings: tuple[Finding, ...]
    seed: int

    def of(self, split: str) -> tuple[Scan, ...]:
        """The scans of one split."""
        return tuple(scan for scan in self.scans if scan.split == split)
