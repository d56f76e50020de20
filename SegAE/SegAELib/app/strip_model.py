"""What a heat strip shows: the slices of one segment from feet to head, by score."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class StripModel:
    """`first` to `last`: slice indices from the left to the right end (`last` may be the smaller one);
    `scores`: raw, by slice; slices without score stay empty."""

    first: int
    last: int
    scores: Mapping[int, float]

    @classmethod
    def of(cls, scores: Mapping[int, float], *, upwards: bool) -> StripModel | None:
        """From the lowest slice of the patient to the highest; None without scores.

        `upwards`: slice indices grow towards the head.
        """
        if not scores:
            return None
        low, high = min(scores), max(scores)
        return cls(low, high, scores) if upwards else cls(high, low, scores)

    @property
    def count(self) -> int:
        return abs(self.last - self.first) + 1

    def slice_at(self, share: float) -> int:
        """The slice at a place along the strip, 0 (left end) to 1."""
        place = min(max(int(share * self.count), 0), self.count - 1)
        return self.first + place if self.last >= self.first else self.first - place

    def place_of(self, index: int) -> int | None:
        """Position of a slice counted from the left end; None when it is not on the strip."""
        place = index - self.first if self.last >= self.first else self.first - index
        return place if 0 <= place < self.count else None
