"""The one result type: what scoring returns, the panel shows, batch writes and the pictures draw."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from os import PathLike, fspath
from typing import TYPE_CHECKING, Any

from segae.errors import ModelError
from segae.report.rows import (
    CaseScore,
    ModelIdentity,
    SearchedSlice,
    SegmentExtent,
    SliceScore,
    StructureScore,
)

if TYPE_CHECKING:
    from segae.preflight.findings import Finding

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
