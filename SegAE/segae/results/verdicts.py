"""What is said of a segment as a whole: the Dice of the volume, missing parts, the verdict."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from segae.finding import Finding
from segae.results.bins import POOR
from segae.results.types import CaseReport, SegmentResult, SliceResult, Verdict

PRESENT = 0.8  # presence from which a searched slice counts; below, finds are more often wrong than right
MISSING_SHARE = 0.05  # of the organ's volume: less changes its Dice by 0.03 at most, within any interval
MISSING_ML = 0.2  # a third of the smallest organ of the table (an adrenal gland of a slim adult: 0.6 ml)
SURELY_PRESENT = 0.9  # of an empty mask: below, absent organs are found too often
PRESENT_ML = 0.5  # an empty mask has no neighbour that backs a find, so more is required
PRESENT_RUN = 2  # and it must be found in this many searched slices next to each other


def found(searched: Iterable[SliceResult]) -> list[SliceResult]:
    """The searched slices in which the organ is present (`PRESENT`)."""
    return [one for one in searched if (one.presence or 0.0) >= PRESENT]


def organ_ml(slices: Iterable[SliceResult]) -> float:
    """Predicted volume of the organ in some slices, each of which stands for its thickness."""
    return sum((one.organ_mm2 or 0.0) * one.thickness_mm for one in slices) / 1000


def volume_dice(segment: SegmentResult) -> float | None:
    """Uncalibrated Dice (0..1) of the whole mask; None where the model predicts no areas.

    2 V(mask and organ) / (V(mask) + V(organ)), where volumes are areas times the distance of slices, and the
    organ's includes the searched slices in which it was found. This is the volume's own Dice, which the mean
    of the slices is not: there a slice of ten pixels counts as much as one of ten thousand.
    """
    if not segment.has_areas:
        return None
    mask = sum(one.area_mm2 * one.thickness_mm for one in segment.slices)
    if mask <= 0:
        return None
    # Where only some slices were scored, they stand for the others.
    each = max(1.0, segment.volume_ml * 1000 / mask)
    overlap = sum((one.overlap_mm2 or 0.0) * one.thickness_mm for one in segment.slices) * each
    organ = 1000 * (organ_ml(segment.slices) * each + organ_ml(found(segment.searched)))
    return min(1.0, 2 * overlap / (mask * each + organ))


def missing_of_mask(
    scored: Sequence[SliceResult], searched: Sequence[SliceResult]
) -> tuple[SliceResult, ...]:
    """Of a mask with voxels: gaps between its slices, and beyond both ends as far as the organ goes on
    without a break. What is found further away is another organ, or noise."""
    first, last = (end(one.slice for one in scored) for end in (min, max))
    below = sorted((one for one in searched if one.slice < first), key=lambda one: -one.slice)
    above = sorted((one for one in searched if one.slice > last), key=lambda one: one.slice)
    inside = [one for one in searched if first < one.slice < last]
    return _ascending([*_unbroken(below), *found(inside), *_unbroken(above)])


def present_without_mask(searched: Sequence[SliceResult]) -> tuple[SliceResult, ...]:
    """Of a mask without voxels: the largest find in slices that were searched next to each other, empty when
    it is too small to be believed."""
    runs: list[list[SliceResult]] = [[]]
    for one in _ascending(searched):
        if (one.presence or 0.0) >= SURELY_PRESENT:
            runs[-1].append(one)
        elif runs[-1]:
            runs.append([])
    least = min(PRESENT_RUN, len(searched))
    largest = max((run for run in runs if run and len(run) >= least), key=organ_ml, default=[])
    return tuple(largest) if organ_ml(largest) >= PRESENT_ML else ()


def _unbroken(outwards: Iterable[SliceResult]) -> list[SliceResult]:
    """The first slices in which the organ was found, up to the first in which it was not."""
    run = []
    for one in outwards:
        if (one.presence or 0.0) < PRESENT:
            break
        run.append(one)
    return run


def _ascending(slices: Iterable[SliceResult]) -> tuple[SliceResult, ...]:
    return tuple(sorted(slices, key=lambda one: one.slice))


# Code of a finding -> what it means for the score. One without a segment holds for every mask of the case.
UNRELIABLE: Mapping[str, str] = {
    "NAME_NOT_TRAINED": "The model was trained on no mask of this name.",
    "NAME_NOT_IN_MODEL": "The model does not know this name.",
    "UNLIKE_TRAINING": "The CT looks unlike the images that the model was trained on.",
    "HU_RANGE": "The CT's values are unusual.",
    "HU_CLIPPED": "The CT's values were clipped.",
    "UPSIDE_DOWN": "The scan seems to lie upside down.",
    "BACK_TO_FRONT": "The scan seems to lie back to front.",
    "OBLIQUE": "The slices lie oblique in the patient.",
    "METAL": "Metal near the mask disturbs the CT.",
    "TINY_MASK": "The mask has too few voxels for a score.",
    "OUTSIDE_FOV": "The mask lies outside the scanned field.",
}


class Doubts:
    """Why scores of a case are not reliable, from its findings."""

    def __init__(self, findings: Iterable[Finding] = ()) -> None:
        self._reasons: dict[str | None, dict[str, None]] = {}
        for finding in findings:
            if finding.code in UNRELIABLE:
                for segment in finding.segments or (None,):
                    self._reasons.setdefault(segment, {})[UNRELIABLE[finding.code]] = None

    def about(self, segment: str) -> tuple[str, ...]:
        """Sentences about a segment by name, then those that concern all."""
        return (*self._reasons.get(segment, ()), *self._reasons.get(None, ()))


def judged(
    segment: SegmentResult, doubts: Doubts, threshold: float = POOR, slice_axis: str = "k"
) -> SegmentResult:
    """The segment with its verdict and what belongs to it: reasons, missing slices, expected wrong volume.

    Slices and Dice are there already. "not reliable here" goes before all other verdicts, "missing parts"
    before "poor". `threshold`: predicted Dice below which a segment is poor, unless it has a threshold of its
    own. A segment without a structure gets no verdict.
    """
    if segment.structure_index is None:
        return segment
    is_empty = not segment.is_scored and segment.n_voxels == 0
    missing = present_without_mask(segment.searched) if is_empty else _missing(segment)
    decided = _decided(segment, missing, doubts, threshold, slice_axis)
    return replace(
        decided,
        predicted_dice=0.0 if decided.verdict == "empty but present" else segment.predicted_dice,
        missing_slices=tuple(one.slice for one in missing),
        wrong_ml=_wrong_ml(segment) + organ_ml(missing),
    )


def judged_again(
    segment: SegmentResult, doubts: Doubts, threshold: float, slice_axis: str = "k"
) -> SegmentResult:
    """A segment as `judged` for another threshold: what is missing and wrong stays the same. One without a
    verdict gets none."""
    if segment.verdict is None:
        return replace(segment, n_below=_count_below(segment, threshold))
    return _decided(segment, segment.missing, doubts, threshold, slice_axis)


def _decided(
    segment: SegmentResult,
    missing: tuple[SliceResult, ...],
    doubts: Doubts,
    threshold: float,
    slice_axis: str,
) -> SegmentResult:
    """The segment with verdict and reasons."""
    n_below = _count_below(segment, threshold)
    case = _Case(segment, doubts.about(segment.segment), missing, n_below, threshold, slice_axis)
    is_empty = not segment.is_scored and segment.n_voxels == 0
    verdict, reasons = case.of_empty() if is_empty else case.of_filled()
    return replace(segment, verdict=verdict, reasons=tuple(reasons), n_below=n_below)


def _count_below(segment: SegmentResult, threshold: float) -> int:
    return sum((one.predicted_dice or 0.0) < threshold for one in segment.slices)


def with_threshold(report: CaseReport, threshold: float) -> CaseReport:
    """The report with every verdict decided anew: below `threshold` a segment is poor."""
    if threshold == report.threshold:
        return report
    doubts = Doubts(report.findings)
    segments = tuple(judged_again(one, doubts, threshold, report.slice_axis) for one in report.segments)
    return replace(report, segments=segments, threshold=threshold)


def _missing(segment: SegmentResult) -> tuple[SliceResult, ...]:
    """What is missing of a mask with voxels, nothing when it is too little to matter."""
    if not segment.is_scored:
        return ()
    missing = missing_of_mask(segment.slices, segment.searched)
    volume = organ_ml(missing)
    return missing if volume >= max(MISSING_ML, MISSING_SHARE * (organ_ml(segment.slices) + volume)) else ()


def _wrong_ml(segment: SegmentResult) -> float:
    """Expected wrong volume where the mask is; slices that were not scored are taken for like the others."""
    area = sum(one.area_mm2 for one in segment.slices)
    if area <= 0:
        return 0.0
    return segment.volume_ml * sum(one.wrong_mm2 for one in segment.slices) / area


NOT_THERE = 0.05  # an organ found in less than this share of its mask is somewhere else
_NEXT = 1.5  # thicknesses between the middles of two searched slices that are neighbours


@dataclass(frozen=True)
class _Case:
    """What a verdict is decided on."""

    segment: SegmentResult
    doubts: tuple[str, ...]
    missing: tuple[SliceResult, ...]
    n_below: int
    threshold: float
    slice_axis: str

    @property
    def dice(self) -> float:
        return self.segment.predicted_dice or 0.0

    @property
    def poor_below(self) -> float:
        """The model's line for this structure goes before that of the report."""
        return self.threshold if self.segment.threshold is None else self.segment.threshold

    def of_empty(self) -> tuple[Verdict, list[str]]:
        """Of a mask without voxels."""
        present = f"The mask is empty, but its organ seems to be there, {self._where()}."
        if self.missing:
            if self.doubts:
                return "not reliable here", [*self.doubts, present]
            return "empty but present", [present]
        n = len(self.segment.searched)
        if n and not self.doubts:
            return "absent", [f"The organ was found in none of {n} slices that were searched."]
        return "absent", [
            "The mask is empty, and nothing could be said about the organ itself.",
            *self.doubts,
        ]

    def of_filled(self) -> tuple[Verdict, list[str]]:
        """Of a mask with voxels."""
        is_scored, is_poor = self.segment.is_scored, self.dice < self.poor_below
        sentences = []
        if self.missing:
            sentences.append(f"The organ seems to go on {self._places()} the mask, {self._where()}.")
        if is_scored and is_poor:
            sentences.append(f"The predicted Dice is {self.dice:.2f}, below {self.poor_below:g}.")
        sentences += self._nowhere()
        if self.doubts:
            return "not reliable here", [*self.doubts, *sentences]
        if not is_scored:
            return "not reliable here", ["None of its slices was scored."]
        if self.missing:
            return "missing parts", sentences
        return ("poor" if is_poor else "fine"), [*sentences, *self._low_slices()]

    def _nowhere(self) -> list[str]:
        """The organ is not where the mask is: wrong name, or wrong place."""
        slices = self.segment.slices
        if not slices or any(one.overlap_mm2 is None for one in slices):
            return []
        if sum(one.overlap_mm2 or 0.0 for one in slices) >= NOT_THERE * sum(one.area_mm2 for one in slices):
            return []
        return ["Next to nothing in the mask looks like this organ: see whether name and place are right."]

    def _low_slices(self) -> list[str]:
        if self.n_below == 0 or self.dice < self.poor_below:
            return []
        total = self.segment.n_slices
        slices = "slice is" if total == 1 else "slices are"
        return [f"{self.n_below} of {total} {slices} below {self.threshold:g}."]

    def _places(self) -> str:
        """Where an organ goes on without its mask. "Above" and "below" are towards head and feet."""
        top, bottom = (end(one.z for one in self.segment.slices) for end in (max, min))
        heights = [one.z for one in self.missing]
        places = {
            "above": any(z > top for z in heights),
            "below": any(z < bottom for z in heights),
            "in gaps of": any(bottom <= z <= top for z in heights),
        }
        return " and ".join(place for place, is_there in places.items() if is_there)

    def _where(self) -> str:
        volume = organ_ml(self.missing)
        return f"about {volume:.{1 if volume < 10 else 0}f} ml, {spans(self.missing, self.slice_axis)}"


def spans(slices: Iterable[SliceResult], slice_axis: str) -> str:
    """Slices in the file, for people: "k = 3, 7 to 19"; slices between searched neighbours are counted in."""
    runs: list[list[SliceResult]] = []
    for one in slices:
        if runs and abs(one.z - runs[-1][-1].z) <= _NEXT * max(one.thickness_mm, runs[-1][-1].thickness_mm):
            runs[-1].append(one)
        else:
            runs.append([one])
    ends = [(run[0].slice, run[-1].slice) for run in runs]
    return f"{slice_axis} = " + ", ".join(f"{a}" if a == b else f"{a} to {b}" for a, b in ends)
