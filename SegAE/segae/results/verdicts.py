"""The verdict on each segment of a report, with its reasons."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from segae.checks.finding import Finding
from segae.results.missing import (
    MISSING_ML,
    MISSING_SHARE,
    Missing,
    missing_of_mask,
    organ_ml,
    present_without_mask,
    scored_by_segment,
    searched_by_segment,
    volume_dice,
)
from segae.results.types import (
    POOR,
    QualityReport,
    SearchedSlice,
    SegmentExtent,
    SliceScore,
    StructureScore,
    predicted_dice,
)

Verdict = Literal["fine", "poor", "missing parts", "empty but present", "absent", "not reliable here"]

NEEDS_NOBODY: frozenset[Verdict] = frozenset({"fine", "absent"})


@dataclass(frozen=True)
class OrganVerdict:
    """One mask of a report.

    `volume_dice`: predicted Dice (0..1) of the whole volume, None where the model predicts no areas.
    `interval_low`, `interval_high`: of the organ, 0..1, None without one. `missing_slices`: indices in the
    file of slices without mask in which the organ was found; between two that are further apart than one
    slice nothing was looked at. `reasons`: sentences. `scores`: the sums over the scored slices. `n_voxels`:
    of the mask.
    """

    segment: str
    structure_index: int
    structure: str
    verdict: Verdict
    volume_dice: float | None
    interval_low: float | None
    interval_high: float | None
    missing_slices: tuple[int, ...]
    reasons: tuple[str, ...]
    scores: StructureScore
    n_voxels: int = 0

    @property
    def score(self) -> float:
        """What ranks the mask: the volume's Dice where there is one, else the mean of the slices, raw."""
        return self.scores.mean if self.volume_dice is None else self.volume_dice

    @property
    def dice(self) -> float:
        """The score clipped to 0..1."""
        return predicted_dice(self.score)

    @property
    def is_ranked(self) -> bool:
        """Something was predicted for it: a slice was scored, or its organ was found."""
        return not self.scores.is_empty or self.verdict == "empty but present"

    @property
    def needs_human(self) -> bool:
        """Whether somebody should look. A mask without voxels that nobody could judge is left alone: there is
        nothing to see, and folders with a file per organ are full of them."""
        nothing = self.scores.is_empty and self.n_voxels == 0
        unjudged = self.verdict == "not reliable here" and nothing
        return self.verdict not in NEEDS_NOBODY and not unjudged

    @property
    def urgency(self) -> tuple[bool, float]:
        """Key to sort by: what needs a human first, then the rest; each by score, lowest first."""
        return (not self.needs_human, self.score)


# Code of a finding -> what it means for the score. One without a segment holds for every mask of the case.
UNRELIABLE: Mapping[str, str] = {
    "NAME_NOT_TRAINED": "The model has learned from no mask of this name.",
    "NAME_NOT_IN_MODEL": "The model does not know this name.",
    "UNLIKE_TRAINING": "The picture is unlike those that the model has learned from.",
    "HU_RANGE": "The CT's values are unusual.",
    "OBLIQUE": "The slices lie oblique in the patient.",
    "METAL": "Metal near the mask disturbs the picture.",
    "TINY_MASK": "The mask has too few voxels for a score.",
    "OUTSIDE_FOV": "The mask lies outside the scanned field.",
}


def doubts(findings: Sequence[Finding]) -> Mapping[str | None, tuple[str, ...]]:
    """Why scores are not reliable, by the name of the segment; None holds what concerns all."""
    reasons: dict[str | None, dict[str, None]] = {}
    for finding in findings:
        if finding.code in UNRELIABLE:
            for segment in finding.segments or (None,):
                reasons.setdefault(segment, {})[UNRELIABLE[finding.code]] = None
    return {segment: tuple(sentences) for segment, sentences in reasons.items()}


_NEXT = 1.5  # thicknesses between the middles of two searched slices that are neighbours


def missing_sentence(missing: Missing, scored: Sequence[SliceScore], slice_axis: str) -> str:
    """Where an organ goes on without its mask. "Above" and "below" are towards head and feet."""
    top, bottom = (end(row.z for row in scored) for end in (max, min))
    heights = [one.z for one in missing.slices]
    places = {
        "above": any(z > top for z in heights),
        "below": any(z < bottom for z in heights),
        "in gaps of": any(bottom <= z <= top for z in heights),
    }
    where = " and ".join(place for place, is_there in places.items() if is_there)
    return f"The organ seems to go on {where} the mask, {_amount(missing)}, {spans(missing, slice_axis)}."


def found_sentence(found: Missing, slice_axis: str) -> str:
    """Where an organ was found whose mask is empty."""
    where = f"{_amount(found)}, {spans(found, slice_axis)}"
    return f"The mask is empty, but its organ seems to be there, {where}."


def spans(missing: Missing, slice_axis: str) -> str:
    """Slices in the file, for people: "k = 3, 7 to 19"; slices between searched neighbours are counted in."""
    runs: list[list[SearchedSlice]] = []
    for one in missing.slices:
        if runs and abs(one.z - runs[-1][-1].z) <= _NEXT * max(one.thickness_mm, runs[-1][-1].thickness_mm):
            runs[-1].append(one)
        else:
            runs.append([one])
    ends = [(run[0].slice, run[-1].slice) for run in runs]
    return f"{slice_axis} = " + ", ".join(f"{a}" if a == b else f"{a} to {b}" for a, b in ends)


def _amount(missing: Missing) -> str:
    digits = 1 if missing.volume_ml < 10 else 0
    return f"about {missing.volume_ml:.{digits}f} ml"


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
