"""A model's intervals applied to whole organs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from segae.intervals import ORGAN, calibrated, interval_for
from segae.report.report import QualityReport
from segae.report.rows import SegmentExtent
from segae.verdict.volume import volume_dice


def with_organ_scores(report: QualityReport, intervals: Mapping[str, Any]) -> QualityReport:
    """`report` with the calibrated Dice and its interval in each of `segments` whose slices have areas.

    `intervals`: the model's table; without the level "organ" the Dice stays raw and there is no interval.
    Reports of models without areas are returned as they are.
    """
    dice = volume_dice(report)
    if not dice:
        return report
    segments = tuple(_scored(segment, dice, intervals) for segment in report.segments)
    return replace(report, segments=segments)


def _scored(
    segment: SegmentExtent, dice: Mapping[tuple[str, int], float], intervals: Mapping[str, Any]
) -> SegmentExtent:
    index = segment.structure_index
    if index is None or (segment.segment, index) not in dice:
        return segment
    raw = np.array([dice[segment.segment, index]])
    if ORGAN not in intervals:
        return replace(segment, volume_dice=float(raw[0]))
    (value,) = calibrated(raw, intervals, ORGAN).tolist()
    ((low, high),) = interval_for(
        raw, np.array([segment.volume_ml * 1000]), [index], intervals, ORGAN
    ).tolist()
    return replace(segment, volume_dice=value, interval_low=low, interval_high=high)
