"""One training pair: a mask that may be wrong, the name it goes by, and the Dice of the whole slice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from segae.labels.structure import Structure
from segae_trainer.degrade.catalogue import DEGRADATIONS, OrganSlice, draw_beside, draw_fine_noise
from segae_trainer.degrade.measures import dice
from segae_trainer.degrade.names import wrong_name
from segae_trainer.degrade.spread import spread_evenly, working_box

SPECIAL_KINDS = ("several", "fine noise", "exact", "wrong name", "no overlap", "empty", "beyond its end")
KINDS = (*DEGRADATIONS, *SPECIAL_KINDS, "real")
# Share of each kind of pair; the rest are degradations whose Dice spreads evenly over 0..1.
SHARES = {"fine noise": 0.16, "exact": 0.04, "wrong name": 0.10, "no overlap": 0.04, "empty": 0.015}


@dataclass(frozen=True, eq=False)
class Pair:
    """`mask` (H, W) bool; `structure`: the row of the label table it is said to be; `target`: Dice, whole
    slice."""

    mask: np.ndarray
    structure: int
    target: float
    kind: str


def draw_pair(
    ct: np.ndarray, labels: np.ndarray, structure: int, table: Sequence[Structure], rng: np.random.Generator
) -> Pair:
    """A pair for `structure`, which is present in this slice (`ct`, `labels`: (H, W))."""
    box = working_box(labels == structure)
    organ = OrganSlice(ct[box], labels[box], labels[box] == structure)
    kind = str(rng.choice(["degraded", *SHARES], p=[1 - sum(SHARES.values()), *SHARES.values()]))
    name = structure
    if kind == "degraded":
        kind, mask, target = spread_evenly(organ, rng)
    elif kind == "wrong name":
        mask, target, name = draw_fine_noise(organ, rng), 0.0, wrong_name(structure, table, rng)
    else:
        mask = _special(kind, organ, rng)
        target = dice(mask, organ.mask)
    if not mask.any() and kind != "empty":  # nothing is left of a thin mask: take it as it is
        kind, mask, target, name = "exact", organ.mask, 1.0, structure
    whole = np.zeros(labels.shape, bool)
    whole[box] = mask
    return Pair(whole, name, target, kind)


def _special(kind: str, organ: OrganSlice, rng: np.random.Generator) -> np.ndarray:
    if kind == "fine noise":
        return draw_fine_noise(organ, rng)
    if kind == "no overlap":
        return draw_beside(organ, rng)
    return np.zeros_like(organ.mask) if kind == "empty" else organ.mask
