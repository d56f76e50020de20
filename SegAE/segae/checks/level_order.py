"""Levels of the spine and of the ribs: masks that follow each other from head to foot have names that do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from segae.data import Segment
from segae.geometry.orientation import axial_axis
from segae.labels.structure import Structure
from segae.labels.table import LabelTable

KEEP = 0.1  # what a mask's name has in its favour because somebody gave it
PRESENT = 0.15  # and a name of the case, for every mask: two swapped names are likelier than a new one
_TOP = 0.95  # share of a mask that lies below its top: islands do not count, and a rib's top is its head


def ordered_levels(
    segments: Sequence[Segment], scores: Mapping[str, Mapping[Structure, float]]
) -> dict[str, Structure]:
    """For segments named after a vertebra or a rib: the level that fits best when all of them are in order
    and none is counted twice.

    `scores`: predicted Dice of each segment (by name) under each structure that it was scored under. Ribs
    that the upper end of the scan cuts are left out, as nobody knows how high they reach.
    """
    levels = {}
    for series in LabelTable.default().level_series:
        members = [s for s in segments if s.structure in series and s.name in scores and not _lacks_head(s)]
        members.sort(key=top_mm, reverse=True)
        given = {segment.structure for segment in members}
        table = np.full((len(members), len(series)), -np.inf)
        for row, segment in zip(table, members, strict=True):
            for structure, score in scores[segment.name].items():
                if structure in series:
                    favour = KEEP * (structure == segment.structure) + PRESENT * (structure in given)
                    row[series.index(structure)] = score + favour
        found = best_ascending(table)
        levels |= {segment.name: series[level] for segment, level in zip(members, found, strict=False)}
    return levels


def best_ascending(scores: np.ndarray) -> list[int]:
    """Columns c_0 < c_1 < ... with the largest sum of scores[i, c_i] (n rows; -inf: impossible), one per row;
    an empty list when there is no such choice."""
    n, columns = scores.shape
    best = np.full((n + 1, columns + 1), -np.inf)  # best[i, c]: the first i rows in the first c columns
    best[0] = 0.0
    for i in range(n):
        for c in range(columns):
            best[i + 1, c + 1] = max(best[i + 1, c], best[i, c] + scores[i, c])
    if not np.isfinite(best[n, columns]):
        return []
    chosen, c = [], columns
    for i in range(n, 0, -1):
        while best[i, c - 1] == best[i, c]:
            c -= 1
        c -= 1
        chosen.append(c)
    return chosen[::-1]


def top_mm(segment: Segment) -> float:
    """Height (z, RAS mm) below which nearly all of a mask lies."""
    axis, upwards = _slice_axis(segment)
    areas = np.count_nonzero(segment.voxels(), axis=tuple(other for other in range(3) if other != axis))
    share = np.cumsum(areas if upwards else areas[::-1]) / areas.sum()
    below = int(np.searchsorted(share, _TOP))
    place = np.array([(extent.start + extent.stop - 1) / 2 for extent in segment.box])
    place[axis] = segment.box[axis].start + (below if upwards else len(areas) - 1 - below)
    return float(segment.grid.world(place[::-1])[2])


def _lacks_head(segment: Segment) -> bool:
    """A rib in the uppermost slice of the scan, which has lost the end that sits at the spine."""
    axis, upwards = _slice_axis(segment)
    extent = segment.box[axis]
    is_rib = segment.structure is not None and segment.structure.laterality != ""
    return is_rib and (extent.stop == segment.grid.shape[axis] if upwards else extent.start == 0)


def _slice_axis(segment: Segment) -> tuple[int, bool]:
    """Axis of the array along which slices lie, and whether the index grows towards the head."""
    axis = axial_axis(segment.grid)
    return axis, bool(segment.grid.directions[2, 2 - axis] > 0)
