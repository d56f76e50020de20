"""What the figures are broken down by."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

GROUPINGS = ("structure", "size", "case", "source", "kind")
# cm2 of the larger of mask and truth in the slice; of an organ: in its largest slice.
SIZE_BOUNDS = (1.0, 5.0, 20.0)
SIZES = ("below 1 cm²", "1 to 5 cm²", "5 to 20 cm²", "20 cm² and more")


def with_size(table: pd.DataFrame) -> pd.DataFrame:
    """The table with a column `size`: the class of each row, one of `SIZES`."""
    largest = table["largest_mm2"] if "largest_mm2" in table else table[["area_mm2", "truth_mm2"]].max(axis=1)
    return table.assign(size=[size_class(area) for area in largest.to_numpy(float)])


def size_class(area_mm2: float) -> str:
    """One of `SIZES`; a class begins at its bound."""
    return SIZES[bisect_right(SIZE_BOUNDS, area_mm2 / 100)]
