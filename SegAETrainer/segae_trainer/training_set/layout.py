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

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from segae_trainer.training_set.truth import Stored

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
