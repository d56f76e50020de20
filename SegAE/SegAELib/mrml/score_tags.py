"""The result of a segment as tags on the segment: it travels with the segment into files and copies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import vtk

from segae.results.types import CaseReport, SegmentResult, clipped
from SegAELib.mrml.binding import Segment, SegmentationNode

PREFIX = "SegAE."
_NAMES = (
    "Score Worst WorstSlice PoorShare Threshold Slices Structure Model ModelSHA256 Stale "
    "Verdict VolumeDice IntervalLow IntervalHigh MissingSlices Reasons PredictedDice RawDice WrongMl"
)  # Score and VolumeDice are those of version 0.1: mean of the slices, and Dice of the volume
_ALL = tuple(PREFIX + name for name in _NAMES.split())
_SCORE, _WORST, _WORST_SLICE, _BELOW, _THRESHOLD, _SLICES, _STRUCTURE = _ALL[:7]
_MODEL, _SHA256, _STALE = _ALL[7:10]
_VERDICT, _VOLUME_DICE, _LOW, _HIGH, _MISSING, _REASONS, _DICE, _RAW, _WRONG = _ALL[10:]


@dataclass(frozen=True)
class SegmentTags:
    """What the tags of one segment say; the names are those of `segae.results.types.SegmentResult`.

    `mean`, `lowest`, `lowest_slice`, `below_threshold`: of its slices. `reasons`: as one text. `stale`:
    edited since. Tags of version 0.1 have no `raw_dice` and no `wrong_ml`.
    """

    predicted_dice: float
    mean: float
    lowest: float
    lowest_slice: int | None
    below_threshold: float
    threshold: float
    n_slices: int
    structure: str
    model: str
    model_sha256: str
    verdict: str = ""
    raw_dice: float | None = None
    interval_low: float | None = None
    interval_high: float | None = None
    missing_slices: tuple[int, ...] = ()
    wrong_ml: float | None = None
    reasons: str = ""
    stale: bool = False


def write_score(node: SegmentationNode, segment_id: str, result: SegmentResult, report: CaseReport) -> None:
    """Tag a segment with its result; `report` says which model gave it. A segment that is gone is passed
    over, a stale mark is taken away."""
    segment = node.GetSegmentation().GetSegment(segment_id)
    if segment is None:
        return
    values = {
        _DICE: _written(result.predicted_dice),
        _RAW: _written(result.raw_dice),
        _WRONG: _written(result.wrong_ml),
        _SCORE: _written(result.mean or 0.0),
        _WORST: _written(result.lowest or 0.0),
        _WORST_SLICE: "" if result.lowest_slice is None else str(result.lowest_slice),
        _BELOW: _written(result.below_threshold or 0.0),
        _THRESHOLD: _written(report.threshold if result.threshold is None else result.threshold),
        _SLICES: str(result.n_slices),
        _STRUCTURE: result.structure,
        _MODEL: report.model.name,
        _SHA256: report.model.sha256,
        _VERDICT: result.verdict or "",
        _VOLUME_DICE: _written(result.predicted_dice if result.has_areas else None),
        _LOW: _written(result.interval_low),
        _HIGH: _written(result.interval_high),
        _MISSING: " ".join(map(str, result.missing_slices)),
        _REASONS: " ".join(result.reasons),
    }
    for tag, value in values.items():
        segment.SetTag(tag, value)
    segment.RemoveTag(_STALE)


def write_scores(node: SegmentationNode, results: Mapping[str, SegmentResult], report: CaseReport) -> None:
    """`write_score` for many segments by id. Slicer is told once, as each time takes it long."""
    was = node.StartModify()
    for segment_id, result in results.items():
        write_score(node, segment_id, result, report)
    node.EndModify(was)


def read_score(node: SegmentationNode, segment_id: str) -> SegmentTags | None:
    """The result that a segment carries; None when it has none, or one that was not written by SegAE."""
    segment = node.GetSegmentation().GetSegment(segment_id)
    if segment is None or _tag(segment, _SCORE) is None:
        return None
    text = {tag: _tag(segment, tag) or "" for tag in _ALL}
    try:
        mean = float(text[_SCORE])
        return SegmentTags(
            predicted_dice=clipped(float(text[_DICE] or text[_VOLUME_DICE] or mean)),
            mean=mean,
            lowest=float(text[_WORST]),
            lowest_slice=int(text[_WORST_SLICE]) if text[_WORST_SLICE] else None,
            below_threshold=float(text[_BELOW]),
            threshold=float(text[_THRESHOLD]),
            n_slices=int(text[_SLICES]),
            structure=text[_STRUCTURE],
            model=text[_MODEL],
            model_sha256=text[_SHA256],
            verdict=text[_VERDICT],
            raw_dice=_number(text[_RAW]),
            interval_low=_number(text[_LOW]),
            interval_high=_number(text[_HIGH]),
            missing_slices=tuple(map(int, text[_MISSING].split())),
            wrong_ml=_number(text[_WRONG]),
            reasons=text[_REASONS],
            stale=text[_STALE] == "1",
        )
    except ValueError:
        return None


def set_stale(node: SegmentationNode, segment_id: str, stale: bool) -> None:
    """Mark the score of a segment as out of date, or as good again; without a score nothing happens."""
    segment = node.GetSegmentation().GetSegment(segment_id)
    if segment is None or _tag(segment, _SCORE) is None or (_tag(segment, _STALE) == "1") == stale:
        return
    if stale:
        segment.SetTag(_STALE, "1")
    else:
        segment.RemoveTag(_STALE)


def clear_score(node: SegmentationNode, segment_id: str) -> None:
    """Take all tags of SegAE off a segment."""
    segment = node.GetSegmentation().GetSegment(segment_id)
    if segment is None:
        return
    for tag in _ALL:
        segment.RemoveTag(tag)


def _written(value: float | None) -> str:
    return "" if value is None else repr(float(value))


def _number(text: str) -> float | None:
    return float(text) if text else None


def _tag(segment: Segment, name: str) -> str | None:
    value = vtk.reference("")
    return str(value) if segment.GetTag(name, value) else None
