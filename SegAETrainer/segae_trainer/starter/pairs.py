"""One training pair: a mask that may be wrong, the name it goes by, and the Dice of the whole slice."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from segae.labels.structure import Structure
from segae_trainer.data.mask_measures import dice
from segae_trainer.data.synthetic_errors import (
    DEGRADATIONS,
    OrganSlice,
    draw_beside,
    draw_fine_noise,
    spread_evenly,
    working_box,
    wrong_name,
)

SPECIAL_KINDS = ("several", "fine noise", "exact", "wrong name", "no overlap", "empty", "beyond its end")
# Masks of another network; and slices where an organ is looked for: where it is not, or in the whole body.
OTHER_KINDS = ("real", "absent", "searched")
KINDS = (*DEGRADATIONS, *SPECIAL_KINDS, *OTHER_KINDS)
# Share of each kind of pair; the rest are degradations whose Dice spreads evenly over 0..1.
KNOWN_NAMES = 0.8  # of the wrong names are names that the case has masks of
SHARES = {"fine noise": 0.16, "exact": 0.05, "wrong name": 0.14, "no overlap": 0.03, "empty": 0.03}


@dataclass(frozen=True, eq=False)
class Pair:
    """`mask` (H, W) bool; `structure`: the row of the label table it is said to be; `target`: Dice, whole
    slice."""

    mask: np.ndarray
    structure: int
    target: float
    kind: str


def draw_pair(
    ct: np.ndarray,
    labels: np.ndarray,
    structure: int,
    table: Sequence[Structure],
    rng: np.random.Generator,
    rows: Collection[int] = (),
    shares: Mapping[str, float] = MappingProxyType(SHARES),
) -> Pair:
    """A pair for `structure`, which is present in this slice (`ct`, `labels`: (H, W)). Most wrong names are
    among `rows`, those that the case has masks of: what belongs to them is known. `shares`: as `SHARES`."""
    box = working_box(labels == structure)
    organ = OrganSlice(ct[box], labels[box], labels[box] == structure)
    kind = str(rng.choice(["degraded", *shares], p=[1 - sum(shares.values()), *shares.values()]))
    name = structure
    if kind == "degraded":
        kind, mask, target = spread_evenly(organ, rng)
    elif kind == "wrong name":
        mask, target, name = draw_fine_noise(organ, rng), 0.0, _wrong_name(structure, table, rng, rows)
    else:
        mask = _special(kind, organ, rng)
        target = dice(mask, organ.mask)
    if not mask.any() and kind != "empty":  # nothing is left of a thin mask: take it as it is
        kind, mask, target, name = "exact", organ.mask, 1.0, structure
    whole = np.zeros(labels.shape, bool)
    whole[box] = mask
    return Pair(whole, name, target, kind)


def _wrong_name(
    structure: int, table: Sequence[Structure], rng: np.random.Generator, rows: Collection[int]
) -> int:
    among = rows if rows and rng.random() < KNOWN_NAMES else None
    return wrong_name(structure, table, rng, among)


def _special(kind: str, organ: OrganSlice, rng: np.random.Generator) -> np.ndarray:
    if kind == "fine noise":
        return draw_fine_noise(organ, rng)
    if kind == "no overlap":
        return draw_beside(organ, rng)
    return np.zeros_like(organ.mask) if kind == "empty" else organ.mask
