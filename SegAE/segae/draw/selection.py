"""Which slices a montage shows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from segae.report.rows import SliceScore


def extremes(
    slices: Sequence[SliceScore], n: int, per_structure: int = 2
) -> tuple[list[SliceScore], list[SliceScore]]:
    """The `n` lowest slices, worst first, and the `n` highest, best first; no slice is in both.

    At most `per_structure` of one segment are taken as long as others are left, so that one bad organ does
    not fill the picture. With fewer than 2n slices both halves get shorter, the lowest keeping the odd one.
    """
    ascending = sorted(slices, key=lambda row: row.score)
    n_low = min(n, (len(ascending) + 1) // 2)
    n_high = min(n, len(ascending) - n_low)
    lowest = _varied(ascending, n_low, per_structure)
    taken = {id(row) for row in lowest}
    rest = [row for row in reversed(ascending) if id(row) not in taken]
    return lowest, _varied(rest, n_high, per_structure)


def _varied(rows: Iterable[SliceScore], n: int, per_structure: int) -> list[SliceScore]:
    """The first `n` rows that keep to `per_structure`, filled up with those passed over, in order."""
    seen: Counter[str] = Counter()
    kept, passed_over = [], []
    for place, row in enumerate(rows):
        if len(kept) == n:
            break
        chosen = kept if seen[row.segment] < per_structure else passed_over
        seen[row.segment] += 1
        chosen.append((place, row))
    filled = kept + passed_over[: n - len(kept)]
    return [row for _, row in sorted(filled, key=lambda item: item[0])]
