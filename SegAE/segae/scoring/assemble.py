"""From the network's outputs to a report: slices first, then segments, then the case. Imports no torch."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from segae.data import Segment
from segae.results.bins import POOR
from segae.results.types import SegmentResult, SliceResult, clipped
from segae.results.verdicts import Doubts, judged, volume_dice
from segae.scoring.calibration import ORGAN, SLICE, calibrated, interval_for, threshold_of

if TYPE_CHECKING:
    from segae.inputs.prepare import PreparedSlices
    from segae.models.output import ModelOutput


def slice_results(
    batch: Sequence[PreparedSlices], output: ModelOutput, intervals: Mapping[str, Any], slice_mm: float
) -> list[tuple[Segment, list[SliceResult]]]:
    """The slices of each part of a batch; those without mask have no score but an area of the organ.

    `intervals`: the table of `segae.scoring.calibration`, by which scores are calibrated when it has one for
    slices. `slice_mm`: distance of slices.
    """
    raw = np.asarray(output.score.tolist(), float)
    dice, interval = _calibrated(batch, raw, intervals)
    areas = None if output.areas is None else output.areas.tolist()
    presence = None if output.presence is None else output.presence.tolist()
    results, done = [], 0
    for part in batch:
        slices = []
        for place, index in enumerate(part.slices):
            n, pixel = done + place, float(part.pixels_mm2[place])
            overlap, organ = (None, None) if areas is None else (areas[n][0] * pixel, areas[n][1] * pixel)
            x, y, z = part.centres[place].tolist()
            if part.searched_mm[place] == 0:
                low, high = (None, None) if interval is None else interval[n]
                area, score = float(part.areas_mm2[place]), float(raw[n])
                scored = (area, score, dice[n], low, high, overlap, organ)
                slices.append(SliceResult(index, x, y, z, slice_mm, *scored))
            else:
                assert presence is not None
                thickness = float(part.searched_mm[place])
                slices.append(
                    SliceResult(index, x, y, z, thickness, 0.0, organ_mm2=organ, presence=presence[n])
                )
        results.append((part.segment, slices))
        done += len(part.slices)
    return results


def _calibrated(
    batch: Sequence[PreparedSlices], raw: np.ndarray, intervals: Mapping[str, Any]
) -> tuple[list[float], list[list[float]] | None]:
    """Predicted Dice (n), and its interval (n, 2) where there is one."""
    if SLICE not in intervals:
        return [clipped(score) for score in raw], None
    areas = np.concatenate([part.areas_mm2 for part in batch])
    labels = np.concatenate([part.input.structures.tolist() for part in batch])
    return calibrated(raw, intervals).tolist(), interval_for(raw, areas, labels, intervals).tolist()


def segment_result(
    segment: SegmentResult,
    intervals: Mapping[str, Any],
    doubts: Doubts,
    threshold: float = POOR,
    slice_axis: str = "k",
) -> SegmentResult:
    """A segment, whose slices are there, with its Dice, its interval and its verdict.

    `intervals`: the model's table; without the level "organ" the Dice stays raw and there is no interval.
    """
    return judged(with_dice(segment, intervals), doubts, threshold, slice_axis)


def with_dice(segment: SegmentResult, intervals: Mapping[str, Any]) -> SegmentResult:
    """A segment with its Dice: of the volume where the model predicts areas, else the mean of its slices; and
    with the threshold that the model has for its structure."""
    segment = replace(segment, threshold=threshold_of(segment.structure_index, intervals))
    volume = volume_dice(segment)
    if volume is None:
        return replace(
            segment,
            raw_dice=_mean_raw(segment.slices),
            predicted_dice=segment.mean,
            interval_low=None,
            interval_high=None,
        )
    if ORGAN not in intervals or segment.structure_index is None:
        return replace(segment, raw_dice=volume, predicted_dice=volume, interval_low=None, interval_high=None)
    raw, size = np.array([volume]), np.array([segment.volume_ml * 1000])
    (dice,) = calibrated(raw, intervals, ORGAN).tolist()
    ((low, high),) = interval_for(raw, size, [segment.structure_index], intervals, ORGAN).tolist()
    return replace(segment, raw_dice=volume, predicted_dice=dice, interval_low=low, interval_high=high)


def segment_results(
    segments: Sequence[Segment],
    slices: Mapping[int, Iterable[SliceResult]],
    intervals: Mapping[str, Any],
    doubts: Doubts,
    slice_axis: str,
) -> tuple[SegmentResult, ...]:
    """A result for each segment handed in. `slices`: with mask or without, by the segment's place."""
    results = []
    for place, segment in enumerate(segments):
        own = list(slices.get(place, ()))
        result = replace(
            unscored(segment),
            slices=tuple(one for one in own if one.raw_score is not None),
            searched=tuple(one for one in own if one.raw_score is None),
        )
        results.append(segment_result(result, intervals, doubts, slice_axis=slice_axis))
    return tuple(results)


def unscored(segment: Segment) -> SegmentResult:
    """What is known of a segment before it is scored: its name, structure and size."""
    structure, voxels = segment.structure, int(segment.voxels().sum())
    return SegmentResult(
        segment=segment.name,
        structure_index=None if structure is None else structure.index,
        structure="" if structure is None else structure.name,
        n_voxels=voxels,
        volume_ml=voxels * float(abs(segment.grid.spacing.prod())) / 1000,
    )


def places_of(kept: Sequence[Segment], handed_in: Sequence[Segment]) -> list[int]:
    """Where each of `kept`, which the preflight may have resampled, stands among the segments handed in."""
    by_id = {id(segment): place for place, segment in enumerate(handed_in)}
    used = {by_id[id(segment)] for segment in kept if id(segment) in by_id}
    places = []
    for segment in kept:
        place = by_id.get(id(segment))
        if place is None:
            like = (n for n, one in enumerate(handed_in) if n not in used and _key(one) == _key(segment))
            place = next(like)
            used.add(place)
        places.append(place)
    return places


def _key(segment: Segment) -> tuple[str, int | None, str]:
    return segment.name, None if segment.structure is None else segment.structure.index, segment.source


def _mean_raw(slices: Sequence[SliceResult]) -> float | None:
    raw = [one.raw_score for one in slices if one.raw_score is not None]
    return math.fsum(raw) / len(raw) if raw and len(raw) == len(slices) else None
