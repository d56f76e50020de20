"""The mask is right and its name is not."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

import numpy as np

from segae.labels.structure import Structure

_LEVEL_OR_SIDE = re.compile(r"\b(?:[CTLS]?\d+|left|right|upper|lower|middle)\b")

_FIRST_ORGAN = 6  # rows before it are no organs


def wrong_name(
    structure: int,
    table: Sequence[Structure],
    rng: np.random.Generator,
    among: Collection[int] | None = None,
) -> int:
    """Another row of the table: half the time one that differs by level or side only, where there is one.
    `among`: only these rows, if there is another one among them."""
    others = [row for row in table[_FIRST_ORGAN:] if row.index != structure]
    others = [row for row in others if among is None or row.index in among] or others
    relatives = [row.index for row in others if _family(row) == _family(table[structure])]
    nearest = sorted(relatives, key=lambda index: abs(index - structure))[:4]
    if nearest and rng.random() < 0.5:
        return int(rng.choice(nearest))
    return int(rng.choice([row.index for row in others]))


def _family(row: Structure) -> str:
    """ "costa 7 left" -> "costa"."""
    return " ".join(_LEVEL_OR_SIDE.sub(" ", row.name).split())
