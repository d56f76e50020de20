"""The result of scoring: a case, its segments, and their slices."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from os import PathLike, fspath
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from segae.errors import ModelError
from segae.results.bins import POOR

if TYPE_CHECKING:
    from segae.finding import Finding

Verdict = Literal["fine", "poor", "missing parts", "empty but present", "absent", "not reliable here"]

NEEDS_NO_REVIEW: frozenset[Verdict] = frozenset({"fine", "absent"})


@dataclass(frozen=True)
class ModelIdentity:
    """Which model gave the scores: its name and the SHA-256 of its file."""

    name: str
    sha256: str
    architecture: str


@dataclass(frozen=True, slots=True)
class SliceResult:
    """One segment in one axial slice, with its mask or, where the organ was only looked for, without.

    `slice`: index along the file's own axial axis. `x`, `y`, `z`: centre of the mask's box in that slice, or
    of the crop where there is no mask, RAS mm. `thickness_mm`: how much of the axis the slice stands for; not
    every slice without mask is looked at. `area_mm2`: area of the mask.
    `raw_score`: output of the network, unbounded; None without mask, and in files of version 0.1 that hold
    only the calibrated number. `predicted_dice`: the calibrated number 0..1 that people see, without
    calibration the raw score clipped to 0..1; None without mask. `interval_low`, `interval_high`: 0..1, None
    where the model has no interval. `overlap_mm2`, `organ_mm2`: predicted areas of mask and organ together
    and of the organ in the whole slice, None where the model predicts none. `presence`: of a slice without
    mask, 0..1, the highest probability of the organ at any place, smoothed over a few pixels.
    """

    slice: int
    x: float
    y: float
    z: float
    thickness_mm: float
    area_mm2: float
    raw_score: float | None = None
    predicted_dice: float | None = None
    interval_low: float | None = None
    interval_high: float | None = None
    overlap_mm2: float | None = None
    organ_mm2: float | None = None
    presence: float | None = None

    @property
    def wrong_mm2(self) -> float:
        """Expected wrong area: mask + organ - 2 overlap where the model predicts areas, else
        (1 - predicted Dice) x mask."""
        if self.organ_mm2 is None:
            return (1 - (self.predicted_dice or 0.0)) * self.area_mm2
        return max(0.0, self.area_mm2 + self.organ_mm2 - 2 * (self.overlap_mm2 or 0.0))


def clipped(score: float) -> float:
    """A raw score as a predicted Dice, where there is no calibration: clipped to 0..1."""
    return min(max(float(score), 0.0), 1.0)


@dataclass(frozen=True)
class SegmentResult:
    """One segment that was handed in, scored or not, so that nothing disappears from a report.

    `segment`: the name in the file. `structure_index`, `structure`: the row of the label table it was taken
    for, None and "" without one. `n_voxels`, `volume_ml`: of the mask. `slices`: those with mask that were
    scored; `searched`: those without mask in which the organ was looked for.

    `raw_dice`: uncalibrated Dice of the volume where the model predicts areas, else the mean of the raw
    scores; None when that is unknown. `predicted_dice`: the number that people see, 0..1: the calibrated Dice
    of the volume, else the mean of the slices; None when nothing was predicted. `interval_low`,
    `interval_high`: of it, 0..1, None where the model has none.

    `verdict`: decided once (`segae.results.verdicts`), None for a segment without a structure. `reasons`:
    sentences. `missing_slices`: indices in the file of slices without mask in which the organ was found;
    between two that are further apart than one slice nothing was looked at. `n_below`: scored slices whose
    predicted Dice is below the threshold of the report. `wrong_ml`: expected wrong volume, missing parts
    included. `threshold`: predicted Dice below which this segment is poor, where the model has one of its own
    for the structure; None: that of the report.
    """

    segment: str
    structure_index: int | None
    structure: str
    n_voxels: int
    volume_ml: float
    slices: tuple[SliceResult, ...] = ()
    searched: tuple[SliceResult, ...] = ()
    raw_dice: float | None = None
    predicted_dice: float | None = None
    interval_low: float | None = None
    interval_high: float | None = None
    verdict: Verdict | None = None
    reasons: tuple[str, ...] = ()
    missing_slices: tuple[int, ...] = ()
    n_below: int = 0
    wrong_ml: float = 0.0
    threshold: float | None = None

    @property
    def n_slices(self) -> int:
        return len(self.slices)

    @property
    def is_scored(self) -> bool:
        """At least one slice was scored."""
        return bool(self.slices)

    @property
    def is_listed(self) -> bool:
        """It belongs into rankings: a slice was scored, or its organ was found without a mask."""
        return self.is_scored or self.verdict == "empty but present"

    @property
    def has_areas(self) -> bool:
        """The model predicted areas in all scored slices, so that the Dice is that of the volume."""
        return self.is_scored and all(
            one.overlap_mm2 is not None and one.organ_mm2 is not None for one in self.slices
        )

    @property
    def needs_review(self) -> bool:
        """Whether somebody should look. A mask without voxels that nobody could judge is left alone: there is
        nothing to see, and folders with a file per organ are full of them."""
        if self.verdict is None or self.verdict in NEEDS_NO_REVIEW:
            return False
        return self.verdict != "not reliable here" or self.is_scored or self.n_voxels > 0

    @cached_property
    def mean(self) -> float | None:
        """Mean predicted Dice of the scored slices."""
        return _mean(self._dice) if self.slices else None

    @cached_property
    def area_weighted_mean(self) -> float | None:
        """The same, each slice weighted by the area of its mask."""
        area = math.fsum(one.area_mm2 for one in self.slices)
        if area <= 0:
            return self.mean
        return math.fsum(one.area_mm2 * (one.predicted_dice or 0.0) for one in self.slices) / area

    @cached_property
    def worst(self) -> SliceResult | None:
        """The scored slice with the lowest predicted Dice."""
        return min(self.slices, key=lambda one: one.predicted_dice or 0.0, default=None)

    @property
    def lowest(self) -> float | None:
        """Its predicted Dice."""
        return None if self.worst is None else self.worst.predicted_dice

    @property
    def lowest_slice(self) -> int | None:
        """Its index in the file."""
        return None if self.worst is None else self.worst.slice

    @property
    def below_threshold(self) -> float | None:
        """Share (0..1) of the scored slices whose predicted Dice is below the threshold of the report."""
        return self.n_below / len(self.slices) if self.slices else None

    @property
    def missing(self) -> tuple[SliceResult, ...]:
        """The slices of `missing_slices`."""
        indices = set(self.missing_slices)
        return tuple(sorted((one for one in self.searched if one.slice in indices), key=lambda s: s.slice))

    @property
    def _dice(self) -> list[float]:
        return [one.predicted_dice or 0.0 for one in self.slices]


@dataclass(frozen=True)
class CaseReport:
    """Predicted quality of every segment of one case.

    `ct`, `segmentation`: where they were read from. `segments`: all that were handed in, in that order, the
    empty and the unknown too. `timings`: seconds per stage. `options`: what scoring was asked for, JSON
    values. `slice_axis`: the file's axis ("i", "j" or "k") that slice indices count along. `threshold`: the
    predicted Dice below which segments were called poor. `patient`: whose CT it is, "" where the data set
    does not tell. Raises `ModelError` when a score is not a finite number.
    """

    case: str
    ct: str
    segmentation: str
    model: ModelIdentity
    segments: tuple[SegmentResult, ...] = ()
    findings: tuple[Finding, ...] = ()
    timings: Mapping[str, float] = field(default_factory=dict)
    options: Mapping[str, object] = field(default_factory=dict)
    slice_axis: str = "k"
    threshold: float = POOR
    patient: str = ""

    def __post_init__(self) -> None:
        for segment in self.segments:
            for one in segment.slices:
                if not math.isfinite((one.raw_score or 0.0) + (one.predicted_dice or 0.0)):
                    raise ModelError(
                        f"Model {self.model.name} gave no number for {segment.segment} in slice "
                        f"{one.slice} of {self.case}; use another checkpoint."
                    )
        # What a file gives back must equal what went in, so options are JSON values from the start.
        object.__setattr__(self, "options", plain(self.options))
        object.__setattr__(self, "timings", {name: float(s) for name, s in self.timings.items()})

    def rows(self) -> Iterator[Row]:
        """Every scored slice, segment by segment."""
        for segment in self.segments:
            for one in segment.slices:
                yield Row(self, segment, one)

    def searched_rows(self) -> Iterator[Row]:
        """Every slice without mask in which an organ was looked for, segment by segment."""
        for segment in self.segments:
            for one in segment.searched:
                yield Row(self, segment, one)

    @property
    def scored(self) -> tuple[SegmentResult, ...]:
        """The segments with a scored slice."""
        return tuple(segment for segment in self.segments if segment.is_scored)

    @property
    def unscored(self) -> tuple[SegmentResult, ...]:
        """The segments without one: empty, unknown, or refused by the preflight."""
        return tuple(segment for segment in self.segments if not segment.is_scored)

    @property
    def n_segments(self) -> int:
        """Segments with a scored slice."""
        return len(self.scored)

    @property
    def n_slices(self) -> int:
        """Scored slices."""
        return sum(segment.n_slices for segment in self.segments)

    @property
    def n_to_review(self) -> int:
        """Segments that somebody should look at."""
        return sum(segment.needs_review for segment in self.segments)

    @property
    def predicted_dice(self) -> float | None:
        """Mean over the scored segments of the mean over their slices: each segment counts once."""
        return _mean([segment.mean or 0.0 for segment in self.scored]) if self.scored else None

    @property
    def worst(self) -> float | None:
        """Lowest predicted Dice of a slice."""
        lowest = (segment.worst for segment in self.scored)
        return min((one.predicted_dice or 0.0 for one in lowest if one is not None), default=None)

    @property
    def worst_segment(self) -> str:
        """The segment with the lowest mean, "" when nothing was scored."""
        lowest = min(self.scored, key=lambda segment: segment.mean or 0.0, default=None)
        return "" if lowest is None else lowest.segment

    @property
    def n_below(self) -> int:
        """Slices whose predicted Dice is below the threshold."""
        return sum(segment.n_below for segment in self.segments)

    @property
    def below_threshold(self) -> float | None:
        """Their share (0..1)."""
        return self.n_below / self.n_slices if self.n_slices else None

    @property
    def wrong_ml(self) -> float:
        """Expected wrong volume of all segments."""
        return math.fsum(segment.wrong_ml for segment in self.segments)


class Row(NamedTuple):
    """A line of a table: a slice with its segment and its case, a segment with its case, or a case alone."""

    report: CaseReport
    segment: SegmentResult = None  # type: ignore[assignment]
    slice: SliceResult = None  # type: ignore[assignment]


def plain(value: Any) -> Any:
    """`value` as JSON gives it back: tuples become lists, paths text, numpy scalars Python numbers."""
    if isinstance(value, Mapping):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, PathLike):
        return fspath(value)
    return value.item() if hasattr(value, "item") else value


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values) if values else 0.0
