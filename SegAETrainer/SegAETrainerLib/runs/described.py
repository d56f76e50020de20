"""What a list of scans and a training set hold, in numbers and sentences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class IndexSummary:
    """`by_split`: scans for each of `SPLITS`. `findings`: what did not fit, errors first."""

    scans: int
    patients: int
    by_split: Mapping[str, int]
    pseudo_labels: int
    findings: tuple[str, ...]


@dataclass(frozen=True)
class SetSummary:
    """`by_split`: pairs of a mask with its truth for each of `SPLITS`."""

    scans: int
    pairs: int
    by_split: Mapping[str, int]
    findings: tuple[str, ...]


def describe_index(path: Path) -> IndexSummary:
    """Raises `InputError` for a file that is no index."""
    from segae_trainer.index import read_index

    index = read_index(path)
    counts = Counter(scan.split for scan in index.scans)
    order = {"error": 0, "warning": 1}
    findings = sorted(index.findings, key=lambda finding: order.get(finding.severity, 2))
    return IndexSummary(
        scans=len(index.scans),
        patients=len({scan.patient for scan in index.scans}),
        by_split={split: counts[split] for split in SPLITS},
        pseudo_labels=sum(len(scan.pseudo_labels) for scan in index.scans),
        findings=tuple(finding.message for finding in findings),
    )


def describe_set(folder: Path) -> SetSummary:
    """Raises `InputError` for a folder that is no training set."""
    from segae_trainer.training_set.store import TrainingSet

    opened = TrainingSet.open(folder)
    return SetSummary(
        scans=len(opened.scans),
        pairs=len(opened),
        by_split={split: len(opened.pairs(split)) for split in SPLITS},
        findings=opened.findings,
    )
