"""The result of scoring: who scored, each slice, each segment, the case."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from os import PathLike, fspath
from typing import TYPE_CHECKING, Any

from segae.errors import ModelError

if TYPE_CHECKING:
    from segae.checks.finding import Finding


def predicted_dice(score: float) -> float:
    """A raw score as it is shown: clipped to 0..1."""
    return min(max(float(score), 0.0), 1.0)


@dataclass(frozen=True)
class ModelIdentity:
    """Which model gave the scores: its name and the SHA-256 of its file.

    `demonstration`: trained to show how the tool works, not to be relied upon; every picture says so.
    """

    name: str
    sha256: str
    architecture: str
    demonstration: bool = False

    @property
    def label(self) -> str:
        """Name for titles: a demonstration model is called one."""
        return f"{self.name} (demonstration model)" if self.demonstration else self.name


@dataclass(frozen=True)
class SliceScore:
    """One mask in one axial slice.

    `segment`: the name in the file; `structure_index`, `structure`: the row of the label table it was taken
    for. `slice`: index along the file's own axial axis. `x`, `y`, `z`: centre of the mask in that slice, RAS
    mm. `area_mm2`: its area. `score`: raw. `interval_low`, `interval_high`: raw, None where the model has no
    interval. `overlap_mm2`, `organ_mm2`: the predicted areas of mask and organ together and of the organ in
    the whole slice, None where the model predicts none.
    """

    segment: str
    structure_index: int
    structure: str
    slice: int
    x: float
    y: float
    z: float
    area_mm2: float
    score: float
    interval_low: float | None = None
    interval_high: float | None = None
    overlap_mm2: float | None = None
    organ_mm2: float | None = None

    @property
    def predicted_dice(self) -> float:
        """The score clipped to 0..1."""
        return predicted_dice(self.score)


@dataclass(frozen=True)
class SearchedSlice:
    """A slice in which a segment has no voxel and its organ was looked for: beyond its ends, in its gaps, or
    anywhere when the segment is empty.

    `segment`, `structure_index`, `structure`, `slice`: as in `SliceScore`. `x`, `y`, `z`: RAS mm of the
    middle of the window. `thickness_mm`: how much of the z axis this slice stands for; not every slice is
    looked at. `organ_mm2`: predicted area of the organ. `presence`: 0..1, the highest probability of the
    organ at any place of the slice, smoothed over a few pixels.
    """

    segment: str
    structure_index: int
    structure: str
    slice: int
    x: float
    y: float
    z: float
    thickness_mm: float
    organ_mm2: float
    presence: float


@dataclass(frozen=True)
class SegmentExtent:
    """A segment that was handed in, scored or not, so that nothing disappears from a report.

    `structure_index` is None and `structure` "" for a name without a partner in the label table.
    `volume_dice`, `interval_low`, `interval_high`: calibrated Dice of the whole organ and its interval
    (0..1), None where the model has none (`segae.verdict.with_organ_scores`).
    """

    segment: str
    structure_index: int | None
    structure: str
    n_voxels: int
    volume_ml: float
    volume_dice: float | None = None
    interval_low: float | None = None
    interval_high: float | None = None


@dataclass(frozen=True)
class StructureScore:
    """All slices of one segment.

    `mean`, `area_weighted_mean`, `worst`: of the raw scores, 0 where there is no slice (the published rule
    for an empty mask). `worst_slice`: index in the file, None without slices. `poor_share`: share (0..1) of
    slices whose score is below `threshold`.
    """

    segment: str
    structure_index: int
    structure: str
    mean: float
    area_weighted_mean: float
    worst: float
    worst_slice: int | None
    poor_share: float
    n_slices: int
    threshold: float

    @property
    def is_empty(self) -> bool:
        """No slice was scored: the mask is empty, or nothing of it could be used."""
        return self.n_slices == 0

    @property
    def predicted_dice(self) -> float:
        """The mean clipped to 0..1."""
        return predicted_dice(self.mean)


@dataclass(frozen=True)
class CaseScore:
    """All scored structures of one case; `mean` is the mean of the structures' means, each counting once.

    `worst_segment`: the one with the lowest mean ("" when nothing was scored). `poor_share`: of all slices.
    """

    case: str
    mean: float
    worst: float
    worst_segment: str
    poor_share: float
    n_structures: int
    n_slices: int
    threshold: float

    @property
    def predicted_dice(self) -> float:
        """The mean clipped to 0..1."""
        return predicted_dice(self.mean)


POOR = 0.7  # below this predicted Dice a slice is called poor, unless the caller says otherwise


@dataclass(frozen=True)
class QualityReport:
    """Predicted quality of every mask of one case.

    `ct`, `segmentation`: where they were read from. `slices`: one row per scored slice. `segments`: every
    segment that was handed in, the empty and the unknown too. `searched`: slices without mask in which a
    model that can do so looked for the organ. `slice_mm`: distance of the slices. `timings`: seconds per
    stage. `options`: what scoring was asked for, JSON values. `slice_axis`: the file's axis ("i", "j" or "k")
    that slice indices count along. Raises `ModelError` when a score is not a finite number.
    """

    case: str
    ct: str
    segmentation: str
    model: ModelIdentity
    slices: tuple[SliceScore, ...]
    findings: tuple[Finding, ...] = ()
    timings: Mapping[str, float] = field(default_factory=dict)
    options: Mapping[str, object] = field(default_factory=dict)
    slice_axis: str = "k"
    segments: tuple[SegmentExtent, ...] = ()
    searched: tuple[SearchedSlice, ...] = ()
    slice_mm: float | None = None

    def __post_init__(self) -> None:
        for row in self.slices:
            if not math.isfinite(row.score):
                raise ModelError(
                    f"Model {self.model.name} gave no finite score for {row.segment}, slice {row.slice}, of "
                    f"{self.case}; use another checkpoint."
                )
        # What a file gives back must equal what went in, so options are JSON values from the start.
        object.__setattr__(self, "options", plain(self.options))
        object.__setattr__(self, "timings", {name: float(s) for name, s in self.timings.items()})

    def structures(self, threshold: float = POOR) -> tuple[StructureScore, ...]:
        """Each segment summed up over its slices, in the order in which segments were handed in.

        A segment without a scored slice is listed with `n_slices` 0; one without a structure only in
        `segments`.
        """
        names: dict[tuple[str, int], str] = {}
        groups: dict[tuple[str, int], list[SliceScore]] = defaultdict(list)
        for item in (*self.segments, *self.slices):
            if item.structure_index is None:
                continue
            key = (item.segment, item.structure_index)
            names.setdefault(key, item.structure)
            if isinstance(item, SliceScore):
                groups[key].append(item)
        return tuple(
            _structure_score(segment, index, structure, groups[segment, index], threshold)
            for (segment, index), structure in names.items()
        )

    def unscored(self) -> tuple[SegmentExtent, ...]:
        """The segments without a scored slice: empty, unknown, or refused by the preflight."""
        scored = {row.segment for row in self.slices}
        return tuple(segment for segment in self.segments if segment.segment not in scored)

    def case_score(self, threshold: float = POOR) -> CaseScore:
        """The whole case in one row; segments without slices do not count."""
        scored = [s for s in self.structures(threshold) if not s.is_empty]
        lowest = min(scored, key=lambda s: s.mean, default=None)
        return CaseScore(
            case=self.case,
            mean=_mean([s.mean for s in scored]),
            worst=min((s.worst for s in scored), default=0.0),
            worst_segment=lowest.segment if lowest else "",
            poor_share=_poor_share(self.slices, threshold),
            n_structures=len(scored),
            n_slices=len(self.slices),
            threshold=threshold,
        )


def plain(value: Any) -> Any:
    """`value` as JSON gives it back: tuples become lists, paths text, numpy scalars Python numbers."""
    if isinstance(value, Mapping):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, PathLike):
        return fspath(value)
    return value.item() if hasattr(value, "item") else value


def _structure_score(
    segment: str, index: int, structure: str, rows: Sequence[SliceScore], threshold: float
) -> StructureScore:
    worst = min(rows, key=lambda row: row.score, default=None)
    area = math.fsum(row.area_mm2 for row in rows)
    weighted = math.fsum(row.area_mm2 * row.score for row in rows)
    mean = _mean([row.score for row in rows])
    return StructureScore(
        segment=segment,
        structure_index=index,
        structure=structure,
        mean=mean,
        area_weighted_mean=weighted / area if area > 0 else mean,
        worst=worst.score if worst else 0.0,
        worst_slice=worst.slice if worst else None,
        poor_share=_poor_share(rows, threshold),
        n_slices=len(rows),
        threshold=threshold,
    )


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values) if values else 0.0


def _poor_share(rows: Sequence[SliceScore], threshold: float) -> float:
    return sum(row.score < threshold for row in rows) / len(rows) if rows else 0.0
