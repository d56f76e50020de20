"""How a training set lies on the disk.

```
SET/set.json              what it was made from, its scans, sources and fingerprint; written last
SET/scans/NAME/ct.npy     (K, H, W) int16 HU, clipped to -1024..3071, in the axis order LAS
SET/scans/NAME/labels.npy (K, H, W) uint8, true masks as indices of the label table
SET/pairs.npy             one row of type PAIR for each mask in one slice
SET/masks.bin             masks: the bits of their boxes, one after the other
SET/statistics.csv, dice_by_structure.png
```
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from segae.errors import InputError, way
from segae.labels.table import LabelTable
from segae_trainer.data.draw_samples import Sampling
from segae_trainer.data.index import SPLITS
from segae_trainer.data.sample import KINDS, CropBox, LabelledScan, Sample, Samples

FORMAT = "segae training set 2"
SET, PAIRS, MASKS, STATISTICS, FIGURE = (
    "set.json", "pairs.npy", "masks.bin", "statistics.csv", "dice_by_structure.png",
)  # fmt: skip

# Boxes are first and last row, first and last column, ends half-open; `mask_at` is a byte in masks.bin.
PAIR = np.dtype(
    [
        ("scan", "<u4"),  # place in the list of scans
        ("slice", "<u4"),  # k in the axis order LAS
        ("structure", "u1"),  # index of the label table that the mask is said to be
        ("source", "<u2"),  # place in the list of sources
        ("kind", "u1"),  # place in KINDS
        ("variant", "<u2"),  # variation of the CT's grey values, 0 for none
        ("dice", "<f4"),  # of the whole slice, NaN where neither mask nor organ has a pixel
        ("overlap", "<u4"),  # pixels
        ("mask_pixels", "<u4"),
        ("truth_pixels", "<u4"),
        ("crop_box", "<u2", 4),  # what the crop is cut round, zeros for the whole body
        ("mask_box", "<u2", 4),
        ("mask_at", "<u8"),
    ]
)


def scan_file(scan: str, name: str) -> str:
    """Where the array `name` ("ct" or "labels") of `scan` lies below the folder of the set."""
    return f"scans/{scan}/{name}.npy"


def n_bytes(box: np.ndarray) -> int:
    """Bytes that the bits of a box take in masks.bin."""
    rows, columns = int(box[1]) - int(box[0]), int(box[3]) - int(box[2])
    return (rows * columns + 7) // 8


@dataclass(frozen=True)
class StoredScan:
    """A scan of the set; `spacing`: mm between slices, rows, columns; `known` and `absent` structures."""

    name: str
    patient: str
    split: str
    slices: int
    rows: int
    columns: int
    spacing: tuple[float, float, float]
    known: tuple[int, ...]
    absent: tuple[int, ...] = ()

    @classmethod
    def from_json(cls, row: dict[str, Any]) -> StoredScan:
        """What `dataclasses.asdict` made of one."""
        values = dict(row)
        for name in ("spacing", "known", "absent"):
            values[name] = tuple(row[name])
        return cls(**values)


class TrainingSet:
    """Samples with their CTs and true masks, by `TrainingSet.open(folder)`.

    `table`: structured array of type `PAIR`, a row for each sample, on the disk. `scans` and `sources` are
    what its columns of these names count, `KINDS` what `kind` counts; `expert_sources` were drawn by people.
    `structures`: indices of `label_table`. `sampling`: how it was drawn. `findings`: sentences about the
    set. Copies that are sent to another process open the folder anew.
    """

    def __init__(self, folder: Path, content: dict[str, Any], table: np.ndarray, bits: np.ndarray) -> None:
        self.folder = folder
        self.fingerprint: str = content["fingerprint"]
        self.orientation: str = content["orientation"]
        self.made_from: dict[str, Any] = content["made_from"]
        self.sampling = Sampling.from_json(self.made_from["sampling"])
        self.label_table = LabelTable.from_json(content.get("own_structures", ()))
        self.structures: tuple[int, ...] = tuple(content["structures"])
        self.sources: tuple[str, ...] = tuple(content["sources"])
        self.expert_sources: tuple[str, ...] = tuple(content["expert_sources"])
        self.findings: tuple[str, ...] = tuple(content["findings"])
        self.scans = tuple(StoredScan.from_json(scan) for scan in content["scans"])
        self.table = table
        self.bits = bits
        self._open: dict[int, LabelledScan] = {}

    @classmethod
    def open(cls, folder: str | Path) -> TrainingSet:
        """Map the files of a finished set. Raises `InputError` for a folder that is none, or damaged."""
        folder = Path(folder)
        content = _read_set(folder)
        damaged = InputError(f'The training set "{folder}" is damaged or only partly copied; build it again.')
        try:
            table = np.load(folder / PAIRS, mmap_mode="r")
            bits = np.memmap(folder / MASKS, np.uint8, "r")
            promised = (PAIR, content["pairs"], content["mask_bytes"])
        except (OSError, ValueError, KeyError):
            raise damaged from None
        if (table.dtype, len(table), len(bits)) != promised:
            raise damaged
        return cls(folder, content, table, bits)

    def __len__(self) -> int:
        return len(self.table)

    def __reduce__(self) -> tuple[Any, ...]:
        return TrainingSet.open, (self.folder,)

    def rows(self, split: str) -> np.ndarray:
        """Row numbers (int64, ascending) of the samples of "train", "val" or "test"."""
        if split not in SPLITS:
            raise InputError(f'There is no split "{split}"; choose one of {", ".join(SPLITS)}.')
        in_split = np.array([scan.split == split for scan in self.scans], bool)
        return np.flatnonzero(in_split[self.table["scan"]])

    def of_kinds(self, rows: np.ndarray, kinds: Sequence[str]) -> np.ndarray:
        """Those of `rows` whose kind is one of `kinds`."""
        return rows[np.isin(self.table["kind"][rows], [KINDS.index(kind) for kind in kinds])]

    def scan(self, number: int) -> LabelledScan:
        """Scan number `number`, its arrays mapped."""
        if number not in self._open:
            stored = self.scans[number]
            ct, labels = (
                _map(self.folder / scan_file(stored.name, name), stored, kind)
                for name, kind in (("ct", np.int16), ("labels", np.uint8))
            )
            self._open[number] = LabelledScan(
                stored.name, stored.patient, ct, labels, stored.spacing,
                frozenset(stored.known), frozenset(stored.absent),
                self.label_table,
            )  # fmt: skip
        return self._open[number]

    def sample(self, row: int) -> Sample:
        """The sample in row `row` of the table."""
        pair = self.table[row]
        scan = self.scan(int(pair["scan"]))
        top, bottom, left, right = (int(edge) for edge in pair["crop_box"])
        crop_box: CropBox | None = (top, bottom, left, right) if bottom > top else None
        return Sample(
            scan=scan,
            slice=int(pair["slice"]),
            structure=int(pair["structure"]),
            mask=self._unpacked(pair["mask_box"], int(pair["mask_at"]), scan.ct.shape[1:]),
            kind=KINDS[pair["kind"]],
            source=self.sources[pair["source"]],
            variant=int(pair["variant"]),
            crop_box=crop_box,
        )

    def samples(self, rows: np.ndarray) -> Samples:
        """The samples of some rows, each read when it is needed."""
        return Samples(rows.tolist(), self.sample)

    def _unpacked(self, box: np.ndarray, at: int, shape: Sequence[int]) -> np.ndarray:
        mask = np.zeros(shape, bool)
        top, bottom, left, right = (int(edge) for edge in box)
        count = (bottom - top) * (right - left)
        bits = np.unpackbits(self.bits[at : at + n_bytes(box)], count=count)
        mask[top:bottom, left:right] = bits.reshape(bottom - top, right - left)
        return mask


def _read_set(folder: Path) -> dict[str, Any]:
    try:
        content = json.loads((folder / SET).read_text(encoding="utf-8"))
        known = content["format"] == FORMAT
    except OSError:
        raise InputError(
            f'"{folder}" is no training set, or one that was not finished; '
            + way("build it with `segae-train training-set`.", "press Build training set.")
        ) from None
    except (ValueError, KeyError, TypeError):
        known, content = False, {}
    if not known:
        raise InputError(f'"{folder / SET}" describes no training set of this version; build it again.')
    return content


def _map(path: Path, scan: StoredScan, kind: type) -> np.ndarray:
    try:
        array = np.load(path, mmap_mode="c")  # tensors share its memory; nothing writes to the file
    except (OSError, ValueError):
        array = np.zeros((0, 0, 0), kind)
    if (array.dtype, array.shape) != (kind, (scan.slices, scan.rows, scan.columns)):
        raise InputError(f'"{path}" is missing or damaged; build the training set again.')
    return array
