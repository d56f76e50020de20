"""Which masks become pairs."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from segae.errors import InputError

Rule = Literal["whole", "published"]
LEAST_OVERLAP = 20  # pixels that mask and truth share in a slice of the published training set


@dataclass(frozen=True)
class Sampling:
    """`rule`: "whole" takes every slice in which mask or truth has a pixel, also where they do not touch and
    where the mask misses the organ; "published" those in which they share at least `LEAST_OVERLAP` pixels.

    `degraded`, `exact`, `wrong_name`: number of true masks that are made wrong, left as they are, or given
    another name, for each pair of a pseudo label in the same scan (in a scan without pseudo labels, for each
    organ in each slice). `seed` draws them.
    """

    rule: Rule = "whole"
    degraded: float = 0.25
    exact: float = 0.02
    wrong_name: float = 0.05
    seed: int = 2026

    def __post_init__(self) -> None:
        if self.rule not in ("whole", "published"):
            raise InputError(f'There is no sampling "{self.rule}"; choose whole or published.')
        if min(self.degraded, self.exact, self.wrong_name) < 0 or self.seed < 0:
            raise InputError("Weights and seed of the sampling must not be negative; correct them.")

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


WHOLE = Sampling()
PUBLISHED = Sampling("published", degraded=0, exact=0, wrong_name=0)
RULES: dict[str, Sampling] = {"whole": WHOLE, "published": PUBLISHED}
