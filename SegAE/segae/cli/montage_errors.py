"""The predicted errors that a montage draws."""

from __future__ import annotations

from typing import TYPE_CHECKING

from segae.data import Segmentation, Volume
from segae.draw.montage import Errors, shown_slices
from segae.report.report import QualityReport

if TYPE_CHECKING:
    from segae.scoring.scorer import Scorer


def montage_errors(
    scorer: Scorer, volume: Volume, segmentation: Segmentation, report: QualityReport
) -> dict[str, Errors]:
    """By name of the segment, in the slices that are shown only; nothing for a model that cannot tell."""
    if not scorer.model.spec.predicts_areas:
        return {}
    from segae.scoring.error_map import locate_errors

    shown, ct = shown_slices(report), scorer.orient(volume)
    located = {
        segment.name: locate_errors(scorer, ct, segment, shown[segment.name])
        for segment in segmentation.segments
        if segment.name in shown
    }
    return {name: (errors.missing, errors.extra) for name, errors in located.items()}
