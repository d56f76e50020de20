"""What is said about one mask as a whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from segae.report.rows import StructureScore, predicted_dice

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
