"""Masks made wrong so that their Dice spreads evenly over 0..1."""

from __future__ import annotations

import numpy as np

from segae_trainer.degrade.catalogue import DEGRADATIONS, OrganSlice, draw_several
from segae_trainer.degrade.measures import dice

CANDIDATES = 5
CLOSE_ENOUGH = 0.05


def spread_evenly(organ: OrganSlice, rng: np.random.Generator) -> tuple[str, np.ndarray, float]:
    """The first of a few random degradations whose Dice comes close to one drawn evenly from 0..1, or the
    closest."""
    wanted = rng.random()
    best: tuple[float, str, np.ndarray, float] | None = None
    for _ in range(CANDIDATES):
        kind = str(rng.choice([*DEGRADATIONS, "several", "several"]))
        mask = (draw_several if kind == "several" else DEGRADATIONS[kind])(organ, rng)
        if not mask.any():
            continue
        found = dice(mask, organ.mask)
        if best is None or abs(found - wanted) < best[0]:
            best = (abs(found - wanted), kind, mask, found)
        if best[0] <= CLOSE_ENOUGH:
            break
    return best[1:] if best else ("exact", organ.mask, 1.0)


def working_box(mask: np.ndarray) -> tuple[slice, slice]:
    """The organ's box with room for what the degradations do: they need not see the rest of the slice."""
    extents = [np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0)]
    room = 8 + int(0.8 * max(extent[-1] - extent[0] + 1 for extent in extents))
    rows, columns = (
        slice(max(0, int(extent[0]) - room), min(n, int(extent[-1]) + 1 + room))
        for extent, n in zip(extents, mask.shape, strict=True)
    )
    return rows, columns
