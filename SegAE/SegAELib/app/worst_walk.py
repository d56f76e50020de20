"""From one poor slice to the next, over all segments."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from SegAELib.app.results import SliceKey


def step(
    order: Sequence[SliceKey],
    current: SliceKey | None,
    direction: int,
    wanted: Callable[[SliceKey], bool] = lambda _key: True,
) -> SliceKey | None:
    """The next (`direction` 1) or the previous (-1) slice of `order`, worst first, that is `wanted`.

    From nowhere, or from a slice that is not in `order`, the walk begins at its worst end. None when there is
    nothing in that direction.
    """
    start = order.index(current) if current in order else -1 if direction > 0 else 0
    stop = len(order) if direction > 0 else -1
    return next((order[n] for n in range(start + direction, stop, direction) if wanted(order[n])), None)
