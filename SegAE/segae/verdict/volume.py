"""Dice of a whole volume from the areas that a model predicts slice by slice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from segae.report.report import QualityReport
from segae.report.rows import SearchedSlice, SliceScore
from segae.verdict.search import Key, found, scored_by_segment, searched_by_segment


def volume_dice(report: QualityReport) -> Mapping[Key, float]:
    """Raw predicted Dice (0..1) of each mask whose slices have areas, by segment and row of the label table.

    2 V(mask and organ) / (V(mask) + V(organ)), where volumes are areas times the distance of slices, and the
    organ's includes the searched slices in which it was found. This is the volume's own Dice, which the mean
    of slice scores is not: there a slice of ten pixels counts as much as one of ten thousand.
    """
    searched, millilitres = searched_by_segment(report), _mask_volumes(report)
    if report.slice_mm is None:
        return {}
    return {
        key: _dice(rows, searched.get(key, ()), report.slice_mm, millilitres.get(key, 0.0))
        for key, rows in scored_by_segment(report).items()
        if all(row.overlap_mm2 is not None and row.organ_mm2 is not None for row in rows)
    }


def organ_ml(scored: Sequence[SliceScore], slice_mm: float) -> float:
    """Predicted volume of the organ in the scored slices."""
    return sum(row.organ_mm2 or 0.0 for row in scored) * slice_mm / 1000


def _dice(
    scored: Sequence[SliceScore], searched: Sequence[SearchedSlice], slice_mm: float, mask_ml: float
) -> float:
    mask = sum(row.area_mm2 for row in scored) * slice_mm
    # Where only some slices were scored, they stand for the others.
    each = max(1.0, mask_ml * 1000 / mask) if mask > 0 else 1.0
    overlap = sum(row.overlap_mm2 or 0.0 for row in scored) * slice_mm * each
    organ = organ_ml(scored, slice_mm) * 1000 * each
    organ += sum(one.organ_mm2 * one.thickness_mm for one in found(searched))
    both = mask * each + organ
    return min(1.0, 2 * overlap / both) if both > 0 else 0.0


def _mask_volumes(report: QualityReport) -> dict[Key, float]:
    return {
        (segment.segment, segment.structure_index): segment.volume_ml
        for segment in report.segments
        if segment.structure_index is not None
    }
