"""The verdicts of a report."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from segae.report.report import POOR, QualityReport
from segae.report.rows import SearchedSlice, SegmentExtent, SliceScore, StructureScore, predicted_dice
from segae.verdict.reliability import doubts
from segae.verdict.search import (
    MISSING_ML,
    MISSING_SHARE,
    Missing,
    missing_of_mask,
    present_without_mask,
    scored_by_segment,
    searched_by_segment,
)
from segae.verdict.verdict import OrganVerdict, Verdict
from segae.verdict.volume import organ_ml, volume_dice
from segae.verdict.wording import found_sentence, missing_sentence

NOT_THERE = 0.05  # an organ found in less than this share of its mask is somewhere else
NOTHING = Missing((), 0.0)


@dataclass(frozen=True)
class _Mask:
    """What a report knows about one mask. `dice`: of the volume (None) or else the mean, 0..1."""

    scores: StructureScore
    extent: SegmentExtent | None
    scored: Sequence[SliceScore]
    searched: Sequence[SearchedSlice]
    doubts: tuple[str, ...]
    slice_mm: float
    slice_axis: str
    volume_dice: float | None
    threshold: float

    @property
    def dice(self) -> float:
        return predicted_dice(self.scores.mean) if self.volume_dice is None else self.volume_dice

    @property
    def is_empty(self) -> bool:
        return not self.scored and (self.extent is None or self.extent.n_voxels == 0)


def judge(report: QualityReport, threshold: float = POOR) -> tuple[OrganVerdict, ...]:
    """A verdict for each mask with a structure, in the order of the report; nothing but the report is read.

    "not reliable here" goes before all others, "missing parts" before "poor". `threshold`: predicted Dice
    below which a mask is poor.
    """
    raw, reasons = volume_dice(report), doubts(report.findings)
    scored, searched = scored_by_segment(report), searched_by_segment(report)
    extents = {(segment.segment, segment.structure_index): segment for segment in report.segments}
    verdicts = []
    for scores in report.structures(threshold):
        key = (scores.segment, scores.structure_index)
        extent = extents.get(key)
        dice = raw.get(key) if extent is None or extent.volume_dice is None else extent.volume_dice
        mask = _Mask(
            scores,
            extent,
            scored.get(key, ()),
            searched.get(key, ()),
            (*reasons.get(scores.segment, ()), *reasons.get(None, ())),
            report.slice_mm or 0.0,
            report.slice_axis,
            dice,
            threshold,
        )
        verdicts.append(_verdict(mask))
    return tuple(verdicts)


def worst_verdicts_first(verdicts: Iterable[OrganVerdict]) -> tuple[OrganVerdict, ...]:
    """What needs a human first, then the rest; each by score, lowest first, equals in the order given."""
    return tuple(sorted(verdicts, key=lambda one: one.urgency))


def _verdict(mask: _Mask) -> OrganVerdict:
    missing = present_without_mask(mask.searched) if mask.is_empty else _missing(mask)
    verdict, sentences = _empty(mask, missing) if mask.is_empty else _filled(mask, missing)
    return OrganVerdict(
        segment=mask.scores.segment,
        structure_index=mask.scores.structure_index,
        structure=mask.scores.structure,
        verdict=verdict,
        volume_dice=mask.volume_dice,
        interval_low=None if mask.extent is None else mask.extent.interval_low,
        interval_high=None if mask.extent is None else mask.extent.interval_high,
        missing_slices=missing.indices,
        reasons=tuple(sentences),
        scores=mask.scores,
        n_voxels=0 if mask.extent is None else mask.extent.n_voxels,
    )


def _missing(mask: _Mask) -> Missing:
    """What is missing of a mask with voxels, nothing when it is too little to matter."""
    if not mask.scored:
        return NOTHING
    missing = missing_of_mask(mask.scored, mask.searched)
    whole = organ_ml(mask.scored, mask.slice_mm) + missing.volume_ml
    return missing if missing.volume_ml >= max(MISSING_ML, MISSING_SHARE * whole) else NOTHING


def _empty(mask: _Mask, found: Missing) -> tuple[Verdict, list[str]]:
    if mask.doubts and found.slices:
        return "not reliable here", [*mask.doubts, found_sentence(found, mask.slice_axis)]
    if found.slices:
        return "empty but present", [found_sentence(found, mask.slice_axis)]
    if mask.searched and not mask.doubts:
        return "absent", [f"The organ was found in none of {len(mask.searched)} slices that were searched."]
    return "absent", ["The mask is empty, and nothing could be said about the organ itself.", *mask.doubts]


def _filled(mask: _Mask, missing: Missing) -> tuple[Verdict, list[str]]:
    sentences = []
    if missing.slices:
        sentences.append(missing_sentence(missing, mask.scored, mask.slice_axis))
    if mask.scored and mask.dice < mask.threshold:
        sentences.append(f"The predicted Dice is {mask.dice:.2f}, below {mask.threshold:g}.")
    sentences += _nowhere(mask)
    if mask.doubts:
        return "not reliable here", [*mask.doubts, *sentences]
    if not mask.scored:
        return "not reliable here", ["None of its slices was scored."]
    if missing.slices:
        return "missing parts", sentences
    return ("poor" if mask.dice < mask.threshold else "fine"), [*sentences, *_poor_slices(mask)]


def _nowhere(mask: _Mask) -> list[str]:
    """The organ is not where the mask is: wrong name, or wrong place."""
    if not mask.scored or any(row.overlap_mm2 is None for row in mask.scored):
        return []
    area = sum(row.area_mm2 for row in mask.scored)
    overlap = sum(row.overlap_mm2 or 0.0 for row in mask.scored)
    if overlap >= NOT_THERE * area:
        return []
    return ["Next to nothing in the mask looks like this organ: see whether name and place are right."]


def _poor_slices(mask: _Mask) -> list[str]:
    n = round(mask.scores.poor_share * mask.scores.n_slices)
    if n == 0 or mask.dice < mask.threshold:
        return []
    slices = "slice is" if mask.scores.n_slices == 1 else "slices are"
    return [f"{n} of {mask.scores.n_slices} {slices} below {mask.threshold:g}."]
