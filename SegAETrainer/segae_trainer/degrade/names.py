"""The mask is right and its name is not."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from segae.labels.structure import Structure

_LEVEL_OR_SIDE = re.compile(r"\b(?:[CTLS]?\d+|left|right|upper|lower|middle)\b")


def wrong_name(structure: int, table: Sequence[Structure], rng: np.random.Generator) -> int:
    """Another row of the table: half the time one that differs by level or side only, where there is one."""
    relatives = [
        row.index for row in table if _family(row) == _family(table[structure]) and row.index != structure
    ]
    nearest = sorted(relatives, key=lambda index: abs(index - structure))[:4]
    if nearest and rng.random() < 0.5:
        return int(rng.choice(nearest))
    others = [row.index for row in table[6:] if row.index != structure]
    return int(rng.choice(others))


def _family(row: Structure) -> str:
    """ "costa 7 left" -> "costa"."""
    return " ".join(_LEVEL_OR_SIDE.sub(" ", row.name).split())
