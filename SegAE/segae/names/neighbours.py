"""The names that a mask is scored under beside its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain

from segae.labels.structure import Structure
from segae.names.relatives import levels_near, other_side, similar

MOST = 8
_FROM_LABELS = 5  # at most, so that touching organs have room when there are any


def neighbours(
    structure: Structure,
    touching: Sequence[Structure] = (),
    usable: Callable[[Structure], bool] = lambda structure: True,
    most: int = MOST,
) -> tuple[Structure, ...]:
    """Up to `most` other names for a mask, none twice, each one `usable` (the model has learned it).

    First the other side, the levels above and below and names of similar shape, then the structures whose
    masks touch it (`touching`, largest contact first), then what is left of the former.
    """
    side = other_side(structure)
    by_label = chain(() if side is None else (side,), levels_near(structure), similar(structure))
    related = list(filter(usable, by_label))
    ordered = chain(related[:_FROM_LABELS], filter(usable, touching), related[_FROM_LABELS:])
    return tuple(row for row in dict.fromkeys(ordered) if row != structure)[:most]
