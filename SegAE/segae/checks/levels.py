"""Vertebrae and ribs: in order from head to foot, each counted once, none left out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np

from segae.checks.shape import Shape
from segae.checks.sizes import pairs
from segae.finding import Finding
from segae.labels.structure import Structure
from segae.labels.table import LabelTable

SAME_PLACE = 0.35  # of the usual distance of two levels: nearer, they are one and the same
ROOM = 1.65  # of the usual distance: room for another level
LEAST_LEVELS = 4  # that the usual distance can be taken from
RIB_PAIR_MM = 15.0  # heads of a pair of ribs lie at one vertebra; more than half a level apart they do not


def check_levels(shapes: Sequence[Shape]) -> Iterable[Finding]:
    """Findings LEVEL_ORDER, LEVEL_TWICE and LEVEL_GAP of neighbouring levels, named after the lower one, and
    RIB_PAIR of ribs of one number at different heights."""
    for series in LabelTable.default().level_series:
        members = [s for s in shapes if s.structure in series and not s.is_cut]
        members.sort(key=lambda shape: series.index(shape.structure))
        yield from _in_order(members, series)
    for left, right in pairs([s for s in shapes if s.structure.name.startswith("costa ")]):
        apart = abs(left.top - right.top)
        if apart > RIB_PAIR_MM and not (left.is_cut or right.is_cut):
            text = (
                f'The ribs "{left.name}" and "{right.name}" begin {apart:.0f} mm apart in height; see '
                "whether both sides are counted alike."
            )
            yield Finding("RIB_PAIR", "info", text, (left.name, right.name), left.segment.source)


def _in_order(members: Sequence[Shape], series: Sequence[Structure]) -> Iterable[Finding]:
    def place(shape: Shape) -> int:
        return series.index(shape.structure)

    steps = [
        (upper, lower, _height(upper) - _height(lower), place(lower) - place(upper))
        for upper, lower in pairwise(members)
    ]
    per_level = [drop / n for _, _, drop, n in steps if drop > 0 and n > 0]
    usual = float(np.median(per_level)) if len(members) >= LEAST_LEVELS and per_level else None
    for upper, lower, drop, n in steps:
        finding = _step(upper, lower, drop, n, usual)
        if finding is not None:
            code, text = finding
            yield Finding(code, "warning", text, (lower.name, upper.name), lower.segment.source)


def _step(upper: Shape, lower: Shape, drop: float, n: int, usual: float | None) -> tuple[str, str] | None:
    """Code and sentence about two levels `n` apart by name and `drop` mm apart in height."""
    both = f'"{upper.name}" and "{lower.name}"'
    if n == 0 or (usual is not None and abs(drop) < SAME_PLACE * usual):
        return "LEVEL_TWICE", f"The masks {both} mark one and the same level; keep one and count again."
    if drop < 0:
        where = f'"{lower.name}" lies {-drop:.0f} mm above "{upper.name}"'
        return "LEVEL_ORDER", f"The mask {where} and belongs below it; see whether the names are swapped."
    if usual is None or lower.structure.laterality:  # ribs slope, so that their distance says little
        return None
    if n > 1 and drop < (n - 1 + SAME_PLACE) * usual:
        skipped = "a level is" if n == 2 else f"{n - 1} levels are"
        return "LEVEL_GAP", f"Between {both} {skipped} left out though there is no room; count again."
    if drop > (n + ROOM - 1) * usual:
        return "LEVEL_GAP", f"Between {both} there is room for another level; count again."
    return None


def _height(shape: Shape) -> float:
    """A vertebra's middle; a rib's head, which is its top."""
    return shape.top if shape.structure.laterality else float(shape.centre[2])
