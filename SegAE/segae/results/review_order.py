"""What to look at first: the order of segments, slices and cases wherever a list is shown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal

import numpy as np

from segae.results.types import CaseReport, Row, SegmentResult, SliceResult

Order = Literal["review", "dice"]

SMALL_MM2 = 50.0  # a slice in which mask and organ are both smaller is never first
_LAST = 1e6  # mm2, more than any mask and organ together


def slice_priority(
    predicted_dice: np.ndarray | Sequence[float],
    mask_mm2: np.ndarray | Sequence[float],
    organ_mm2: np.ndarray | Sequence[float],
) -> np.ndarray:
    """How early to look at each of n slices (n,): (1 - predicted Dice)^2 x (mask + organ), the highest first.

    Areas in mm2; where the model predicts no organ area, give the mask's. The square keeps edges of large
    organs, which are wrong by a little everywhere, behind slices that are wrong as a whole. Slices in which
    mask and organ are both below `SMALL_MM2` get negative numbers, so that they come after all others.
    """
    mask, organ = np.asarray(mask_mm2, float), np.asarray(organ_mm2, float)
    priority = (1 - np.asarray(predicted_dice, float)) ** 2 * (mask + organ)
    return np.where(np.maximum(mask, organ) < SMALL_MM2, priority - _LAST, priority)


def slice_keys(slices: Sequence[SliceResult], order: Order) -> np.ndarray:
    """Keys (n, 2) to sort n scored slices by, first by the first column, the lowest first."""
    values = [(one.predicted_dice, one.raw_score, one.area_mm2, one.organ_mm2) for one in slices]
    return slice_keys_of(order, *np.array(values, float).reshape(-1, 4).T)


def slice_keys_of(
    order: Order,
    predicted_dice: np.ndarray,
    raw_score: np.ndarray,
    mask_mm2: np.ndarray,
    organ_mm2: np.ndarray,
) -> np.ndarray:
    """The same of columns (n,), in which NaN stands for no value."""
    dice = np.nan_to_num(predicted_dice)
    if order == "dice":
        return np.stack((dice, np.nan_to_num(raw_score)), axis=1)
    organ = np.where(np.isnan(organ_mm2), mask_mm2, organ_mm2)
    return np.stack((-slice_priority(dice, mask_mm2, organ), np.zeros(len(dice))), axis=1)


def ranked(keys: np.ndarray) -> list[int]:
    """The order of n keys (n, 2), the lowest first; equals stay as they are."""
    return np.lexsort(keys.T[::-1]).tolist()


def segment_key(segment: SegmentResult, order: Order) -> tuple[Any, ...]:
    """A key to sort by, the lowest first: what needs review before the rest; each by expected wrong volume,
    largest first, or by predicted Dice, lowest first."""
    if order == "dice":
        return (not segment.needs_review, segment.predicted_dice or 0.0, segment.raw_dice or 0.0)
    return (not segment.needs_review, -segment.wrong_ml)


def first_slice(segment: SegmentResult, order: Order = "review") -> SliceResult | None:
    """The slice of a segment to look at first, None when nothing was predicted. In review order it may be one
    without mask in which the organ was found: all of the organ is wrong there."""
    if not segment.is_scored or order == "review":
        candidates = [*segment.slices, *segment.missing]
    else:
        candidates = [*segment.slices]
    return candidates[ranked(slice_keys(candidates, order))[0]] if candidates else None


def case_key(report: CaseReport, order: Order) -> float:
    """A key to sort by, the lowest first."""
    return (report.predicted_dice or 0.0) if order == "dice" else -report.wrong_ml


def ordered_segments(segments: Iterable[SegmentResult], order: Order = "review") -> tuple[SegmentResult, ...]:
    """Segments with what needs review first; equals stay in the order given."""
    return tuple(sorted(segments, key=lambda segment: segment_key(segment, order)))


def ordered_slices(report: CaseReport, order: Order = "review") -> tuple[Row, ...]:
    """All scored slices of a report, the first to look at first; equals stay in the order of the report."""
    rows = list(report.rows())
    return tuple(rows[n] for n in ranked(slice_keys([row.slice for row in rows], order)))
