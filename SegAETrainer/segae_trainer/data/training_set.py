"""How a training set lies on the disk.

```
SET/set.json              what it was made from, its scans, sources and fingerprint; written last
SET/scans/NAME/ct.npy     (K, H, W) int16 HU, clipped to -1024..3071, in the axis order LAS
SET/pairs.npy             one row of type PAIR for each mask in one slice
SET/masks.bin             masks and truths: the bits of their boxes, one after the other
SET/statistics.csv, dice_by_structure.png
```
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from segae.errors import InputError
from segae_trainer.data.index import SPLITS

if TYPE_CHECKING:
    from segae_trainer.data.pairs import Stored

FORMAT = "segae training set 1"
ORIENTATION = "LAS"
LOWEST_HU, HIGHEST_HU = -1024, 3071

SET, PAIRS, MASKS, STATISTICS, FIGURE = (
    "set.json", "pairs.npy", "masks.bin", "statistics.csv", "dice_by_structure.png",
)  # fmt: skip

# "missed": the organ is in the slice and the mask is empty there. "invented": the other way round.
KINDS = ("pseudo label", "missed", "invented", "degraded", "exact", "wrong name")
ON_PURPOSE = "made on purpose"  # the source of degraded, exact and wrongly named masks

# Boxes are first and last row, first and last column, ends half-open; places are bytes in masks.bin.
PAIR = np.dtype(
    [
        ("scan", "<u4"),  # place in the list of scans
        ("slice", "<u4"),  # k in the axis order LAS
        ("structure", "u1"),  # row of the label table that the mask is said to be
        ("source", "<u2"),  # place in the list of sources
        ("kind", "u1"),  # place in KINDS
        ("dice", "<f4"),  # of the whole slice
        ("overlap", "<u4"),  # pixels
        ("mask_pixels", "<u4"),
        ("truth_pixels", "<u4"),
        ("mask_box", "<u2", 4),
        ("mask_at", "<u8"),
        ("truth_box", "<u2", 4),
        ("truth_at", "<u8"),
    ]
)


class Pair(NamedTuple):
    """The columns of `PAIR` but the first, in their order."""

    slice: int
    structure: int
    source: int
    kind: int
    dice: float
    overlap: int
    mask_pixels: int
    truth_pixels: int
    mask_box: tuple[int, int, int, int]
    mask_at: int
    truth_box: tuple[int, int, int, int]
    truth_at: int

    @classmethod
    def of(
        cls, k: int, structure: int, source: int, kind: str, overlap: int, mask: Stored, truth: Stored
    ) -> Pair:
        """Mask and truth of slice `k`, at least one of which has pixels, with the Dice of the whole slice."""
        dice = 2 * overlap / (mask.pixels + truth.pixels)
        sizes = (overlap, mask.pixels, truth.pixels)
        places = (mask.box, mask.at, truth.box, truth.at)
        return cls(k, structure, source, KINDS.index(kind), dice, *sizes, *places)


def ct_file(scan: str) -> str:
    """Where the CT of `scan` lies below the folder of the set."""
    return f"scans/{scan}/ct.npy"


def n_bytes(box: np.ndarray) -> int:
    """Bytes that the bits of a box (first and last row, first and last column) take in masks.bin."""
    rows, columns = int(box[1]) - int(box[0]), int(box[3]) - int(box[2])
    return (rows * columns + 7) // 8


@dataclass(frozen=True)
class StoredScan:
    """A scan of the set; `pixel_mm` (rows, columns) and `slice_mm` in millimetres."""

    name: str
    patient: str
    split: str
    slices: int
    rows: int
    columns: int
    pixel_mm: tuple[float, float]
    slice_mm: float

    @classmethod
    def from_json(cls, row: dict[str, Any]) -> StoredScan:
        """What `dataclasses.asdict` made of one."""
        values = dict(row)
        values["pixel_mm"] = tuple(row["pixel_mm"])
        return cls(**values)


@dataclass(frozen=True, eq=False)
class SliceExample:
    """One mask in one slice, in the axis order LAS.

    `ct` (H, W) int16 HU is a view into the file and cannot be written to; `mask` and `truth` (H, W) bool are
    new. `structure`: row of the label table that the mask is said to be. `dice`: of the whole slice.
    """

    row: int
    scan: StoredScan
    slice: int
    structure: int
    source: str
    kind: str
    dice: float
    ct: np.ndarray
    mask: np.ndarray
    truth: np.ndarray

    @property
    def pixel_mm(self) -> tuple[float, float]:
        return self.scan.pixel_mm


class TrainingSet:
    """Pairs of masks and truths with their CTs, by `TrainingSet.open(folder)`.

    `table`: structured array of type `layout.PAIR`, a row for each pair, on the disk. `scans` and `sources`
    are what its columns of these names count, `layout.KINDS` what `kind` counts. `structures`: rows of the
    label table. `findings`: sentences about the set. `made_from`: index and sampling. Copies that are sent
    to another process open the folder anew.
    """

    def __init__(self, folder: Path, content: dict[str, Any], table: np.ndarray, bits: np.ndarray) -> None:
        self.folder = folder
        self.fingerprint: str = content["fingerprint"]
        self.orientation: str = content["orientation"]
        self.made_from: dict[str, Any] = content["made_from"]
        self.structures: tuple[int, ...] = tuple(content["structures"])
        self.sources: tuple[str, ...] = tuple(content["sources"])
        self.findings: tuple[str, ...] = tuple(content["findings"])
        self.scans = tuple(StoredScan.from_json(scan) for scan in content["scans"])
        self.table = table
        self._bits = bits
        self._cts: dict[int, np.ndarray] = {}

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

    def pairs(self, split: str) -> np.ndarray:
        """Row numbers (int64, ascending) of the pairs of "train", "val" or "test"."""
        if split not in SPLITS:
            raise InputError(f'There is no split "{split}"; choose one of {", ".join(SPLITS)}.')
        wanted = np.array([scan.split == split for scan in self.scans], bool)
        return np.flatnonzero(wanted[self.table["scan"]])

    def ct(self, scan: int) -> np.ndarray:
        """The CT (K, H, W) int16 HU of scan number `scan`, mapped."""
        if scan not in self._cts:
            path = self.folder / ct_file(self.scans[scan].name)
            self._cts[scan] = _map_ct(path, self.scans[scan])
        return self._cts[scan]

    def slice_of(self, row: int) -> SliceExample:
        """The pair in row `row` of the table."""
        pair = self.table[row]
        scan, k = int(pair["scan"]), int(pair["slice"])
        shape = (self.scans[scan].rows, self.scans[scan].columns)
        return SliceExample(
            row=int(row),
            scan=self.scans[scan],
            slice=k,
            structure=int(pair["structure"]),
            source=self.sources[pair["source"]],
            kind=KINDS[pair["kind"]],
            dice=float(pair["dice"]),
            ct=self.ct(scan)[k],
            mask=self._unpacked(pair["mask_box"], int(pair["mask_at"]), shape),
            truth=self._unpacked(pair["truth_box"], int(pair["truth_at"]), shape),
        )

    def rows_of(self, scan: int, structure: int, source: int) -> np.ndarray:
        """Row numbers of one organ of one scan by one source, all slices."""
        table = self.table
        same = (table["scan"] == scan) & (table["structure"] == structure) & (table["source"] == source)
        return np.flatnonzero(same)

    def _unpacked(self, box: np.ndarray, at: int, shape: Sequence[int]) -> np.ndarray:
        mask = np.zeros(shape, bool)
        top, bottom, left, right = (int(edge) for edge in box)
        count = (bottom - top) * (right - left)
        bits = np.unpackbits(self._bits[at : at + n_bytes(box)], count=count)
        mask[top:bottom, left:right] = bits.reshape(bottom - top, right - left)
        return mask


def _read_set(folder: Path) -> dict[str, Any]:
    try:
        content = json.loads((folder / SET).read_text(encoding="utf-8"))
        known = content["format"] == FORMAT
    except OSError:
        raise InputError(
            f'"{folder}" is no training set, or one that was not finished; build it with '
            "`segae-train training-set`."
        ) from None
    except (ValueError, KeyError, TypeError):
        known, content = False, {}
    if not known:
        raise InputError(f'"{folder / SET}" describes no training set of this version; build it again.')
    return content


def _map_ct(path: Path, scan: StoredScan) -> np.ndarray:
    try:
        ct = np.load(path, mmap_mode="r")
    except (OSError, ValueError):
        ct = np.zeros((0, 0, 0), np.int16)
    if (ct.dtype, ct.shape) != (np.int16, (scan.slices, scan.rows, scan.columns)):
        raise InputError(f'"{path}" is missing or damaged; build the training set again.')
    return ct
