"""The rows of a quality report: who scored, one slice, one segment, one structure.

`score` is what the network gave and may leave 0..1; `predicted_dice` is what people are shown.
"""

from __future__ import annotations

from dataclasses import dataclass


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
