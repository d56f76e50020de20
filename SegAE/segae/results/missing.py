"""Where an organ was found though its mask has no voxel there, and the Dice of the whole volume."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from segae.results.types import QualityReport, SearchedSlice, SliceScore

PRESENT = 0.8  # presence from which a searched slice counts; below, finds are more often wrong than right
MISSING_SHARE = 0.05  # of the organ's volume: less changes its Dice by 0.03 at most, within any interval
MISSING_ML = 0.2  # a third of the smallest organ of the table (an adrenal gland of a slim adult: 0.6 ml)
SURELY_PRESENT = 0.9  # of an empty mask: below, absent organs are found too often
PRESENT_ML = 0.5  # an empty mask has no neighbour that backs a find, so more is asked for
PRESENT_RUN = 2  # and it must be found in this many searched slices next to each other

_Row = TypeVar("_Row", SliceScore, SearchedSlice)
Key = tuple[str, int]  # name of a segment, row of the label table


@dataclass(frozen=True)
class Missing:
    """Searched slices in which an organ was found, `volume_ml` of it together."""

    slices: tuple[SearchedSlice, ...]
    volume_ml: float

    @classmethod
    def of(cls, slices: Sequence[SearchedSlice]) -> Missing:
        ordered = tuple(sorted(slices, key=lambda one: one.slice))
        return cls(ordered, sum(one.organ_mm2 * one.thickness_mm for one in ordered) / 1000)

    @property
    def indices(self) -> tuple[int, ...]:
        """In the file, ascending."""
        return tuple(one.slice for one in self.slices)


def searched_by_segment(report: QualityReport) -> Mapping[Key, list[SearchedSlice]]:
    """The searched slices of each mask, in the order of the report."""
    return _by_segment(report.searched)


def scored_by_segment(report: QualityReport) -> Mapping[Key, list[SliceScore]]:
    """The scored slices of each mask, in the order of the report."""
    return _by_segment(report.slices)


def found(searched: Iterable[SearchedSlice]) -> list[SearchedSlice]:
    """Those in which the organ is present (`PRESENT`)."""
    return [one for one in searched if one.presence >= PRESENT]


def missing_of_mask(scored: Sequence[SliceScore], searched: Sequence[SearchedSlice]) -> Missing:
    """Of a mask with voxels: gaps between its slices, and beyond both ends as far as the organ goes on
    without a break. What is found further away is another organ, or noise."""
    first, last = (end(row.slice for row in scored) for end in (min, max))
    below = sorted((one for one in searched if one.slice < first), key=lambda one: -one.slice)
    above = sorted((one for one in searched if one.slice > last), key=lambda one: one.slice)
    inside = [one for one in searched if first < one.slice < last]
    return Missing.of([*_unbroken(below), *found(inside), *_unbroken(above)])


def present_without_mask(searched: Sequence[SearchedSlice]) -> Missing:
    """Of a mask without voxels: the largest find in slices that were searched next to each other, empty when
    it is too small to be believed."""
    runs: list[list[SearchedSlice]] = [[]]
    for one in sorted(searched, key=lambda one: one.slice):
        if one.presence >= SURELY_PRESENT:
            runs[-1].append(one)
        elif runs[-1]:
            runs.append([])
    least = min(PRESENT_RUN, len(searched))
    finds = [Missing.of(run) for run in runs if run and len(run) >= least]
    largest = max(finds, key=lambda find: find.volume_ml, default=Missing((), 0.0))
    return largest if largest.volume_ml >= PRESENT_ML else Missing((), 0.0)


def _unbroken(outwards: Iterable[SearchedSlice]) -> list[SearchedSlice]:
    """The first slices in which the organ was found, up to the first in which it was not."""
    run = []
    for one in outwards:
        if one.presence < PRESENT:
            break
        run.append(one)
    return run


def _by_segment(rows: Iterable[_Row]) -> dict[Key, list[_Row]]:
    groups: dict[Key, list[_Row]] = {}
    for row in rows:
        groups.setdefault((row.segment, row.structure_index), []).append(row)
    return groups


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
