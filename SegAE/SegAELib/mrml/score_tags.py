"""The score of a segment as tags on the segment: it travels with the segment into files and copies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import vtk

from segae.results.types import ModelIdentity
from segae.results.verdicts import OrganVerdict
from SegAELib.mrml.binding import Segment, SegmentationNode

PREFIX = "SegAE."
_NAMES = (
    "Score Worst WorstSlice PoorShare Threshold Slices Structure Model ModelSHA256 Stale "
    "Verdict VolumeDice IntervalLow IntervalHigh MissingSlices Reasons"
)
_ALL = tuple(PREFIX + name for name in _NAMES.split())
_SCORE, _WORST, _WORST_SLICE, _POOR_SHARE, _THRESHOLD, _SLICES, _STRUCTURE = _ALL[:7]
_MODEL, _SHA256, _STALE = _ALL[7:10]
_VERDICT, _VOLUME_DICE, _LOW, _HIGH, _MISSING, _REASONS = _ALL[10:]


@dataclass(frozen=True)
class SegmentScore:
    """What the tags of one segment say; scores raw, `stale` after an edit. `verdict` to `reasons`: as in
    `segae.verdict.OrganVerdict`, `reasons` as one text."""

    mean: float
    worst: float
    worst_slice: int | None
    poor_share: float
    threshold: float
    n_slices: int
    structure: str
    model: str
    model_sha256: str
    verdict: str = ""
    volume_dice: float | None = None
    interval_low: float | None = None
    interval_high: float | None = None
    missing_slices: tuple[int, ...] = ()
    reasons: str = ""
    stale: bool = False


def write_score(node: SegmentationNode, segment_id: str, verdict: OrganVerdict, model: ModelIdentity) -> None:
    """Tag a segment with its verdict and scores; a segment that is gone is passed over, a stale mark is
    taken away."""
    segment = node.GetSegmentation().GetSegment(segment_id)
    if segment is None:
        return
    score = verdict.scores
    values = {
        _SCORE: repr(float(score.mean)),
        _WORST: repr(float(score.worst)),
        _WORST_SLICE: "" if score.worst_slice is None else str(score.worst_slice),
        _POOR_SHARE: repr(float(score.poor_share)),
        _THRESHOLD: repr(float(score.threshold)),
        _SLICES: str(score.n_slices),
        _STRUCTURE: score.structure,
        _MODEL: model.name,
        _SHA256: model.sha256,
        _VERDICT: verdict.verdict,
        _VOLUME_DICE: _written(verdict.volume_dice),
        _LOW: _written(verdict.interval_low),
        _HIGH: _written(verdict.interval_high),
        _MISSING: " ".join(map(str, verdict.missing_slices)),
        _REASONS: " ".join(verdict.reasons),
    }
    for tag, value in values.items():
        segment.SetTag(tag, value)
    segment.RemoveTag(_STALE)


def write_scores(node: SegmentationNode, verdicts: Mapping[str, OrganVerdict], model: ModelIdentity) -> None:
    """`write_score` for many segments by id. Slicer is told once, as each time takes it long."""
    was = node.StartModify()
    for segment_id, verdict in verdicts.items():
        write_score(node, segment_id, verdict, model)
    node.EndModify(was)


def read_score(node: SegmentationNode, segment_id: str) -> SegmentScore | None:
    """The score that a segment carries; None when it has none, or one that was not written by SegAE."""
    segment = node.GetSegmentation().GetSegment(segment_id)
    if segment is None or _tag(segment, _SCORE) is None:
        return None
    text = {tag: _tag(segment, tag) or "" for tag in _ALL}
    try:
        return SegmentScore(
            mean=float(text[_SCORE]),
            worst=float(text[_WORST]),
            worst_slice=int(text[_WORST_SLICE]) if text[_WORST_SLICE] else None,
            poor_share=float(text[_POOR_SHARE]),
            threshold=float(text[_THRESHOLD]),
            n_slices=int(text[_SLICES]),
            structure=text[_STRUCTURE],
            model=text[_MODEL],
            model_sha256=text[_SHA256],
            verdict=text[_VERDICT],
            volume_dice=_number(text[_VOLUME_DICE]),
            interval_low=_number(text[_LOW]),
            interval_high=_number(text[_HIGH]),
            missing_slices=tuple(map(int, text[_MISSING].split())),
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
