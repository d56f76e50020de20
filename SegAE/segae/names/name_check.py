"""What the check says about one name."""

from __future__ import annotations

from dataclasses import dataclass

from segae.labels.structure import Structure


@dataclass(frozen=True)
class NameCheck:
    """One mask and its name.

    `segment`: the name in the file; `named`: what it was taken for. `looks_like`: the structure that it looks
    like instead, None when nothing speaks against the name. `score_named`, `score_other`: predicted Dice
    (0..1) under its name and under `looks_like`, or, without one, under the best other name; None where the
    model has not learned the name. `reason`: why, without a full stop. `confident`: sure enough to offer the
    other name.
    """

    segment: str
    named: Structure
    looks_like: Structure | None
    score_named: float | None
    score_other: float | None
    reason: str
    confident: bool

    @property
    def is_doubtful(self) -> bool:
        """Something speaks for another name."""
        return self.looks_like is not None

    @property
    def sentence(self) -> str:
        """The answer for people."""
        if self.looks_like is None:
            return f"named {self.named}: {self.reason}"
        return (
            f"named {self.named}, looks like {self.looks_like} (predicted Dice {shown(self.score_named)} "
            f"against {shown(self.score_other)}): {self.reason}"
        )


def shown(score: float | None) -> str:
    """A score with two digits, or "none"."""
    return "none" if score is None else f"{score:.2f}"
