"""Quality reports: their rows, summaries, rankings and files."""

from segae.report.report import POOR, QualityReport
from segae.report.rows import (
    CaseScore,
    ModelIdentity,
    SearchedSlice,
    SegmentExtent,
    SliceScore,
    StructureScore,
    predicted_dice,
)

__all__ = [
    "POOR",
    "CaseScore",
    "ModelIdentity",
    "QualityReport",
    "SearchedSlice",
    "SegmentExtent",
    "SliceScore",
    "StructureScore",
    "predicted_dice",
]
