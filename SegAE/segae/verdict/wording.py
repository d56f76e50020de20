"""Sentences about slices in which something is missing."""

from __future__ import annotations

from collections.abc import Sequence

from segae.report.rows import SearchedSlice, SliceScore
from segae.verdict.search import Missing

_NEXT = 1.5  # thicknesses between the middles of two searched slices that are neighbours


def missing_sentence(missing: Missing, scored: Sequence[SliceScore], slice_axis: str) -> str:
    """Where an organ goes on without its mask. "Above" and "below" are towards head and feet."""
    top, bottom = (end(row.z for row in scored) for end in (max, min))
    heights = [one.z for one in missing.slices]
    places = {
        "above": any(z > top for z in heights),
        "below": any(z < bottom for z in heights),
        "in gaps of": any(bottom <= z <= top for z in heights),
    }
    where = " and ".join(place for place, is_there in places.items() if is_there)
    return f"The organ seems to go on {where} the mask, {_amount(missing)}, {spans(missing, slice_axis)}."


def found_sentence(found: Missing, slice_axis: str) -> str:
    """Where an organ was found whose mask is empty."""
    where = f"{_amount(found)}, {spans(found, slice_axis)}"
    return f"The mask is empty, but its organ seems to be there, {where}."


def spans(missing: Missing, slice_axis: str) -> str:
    """Slices in the file, for people: "k = 3, 7 to 19"; slices between searched neighbours are counted in."""
    runs: list[list[SearchedSlice]] = []
    for one in missing.slices:
        if runs and abs(one.z - runs[-1][-1].z) <= _NEXT * max(one.thickness_mm, runs[-1][-1].thickness_mm):
            runs[-1].append(one)
        else:
            runs.append([one])
    ends = [(run[0].slice, run[-1].slice) for run in runs]
    return f"{slice_axis} = " + ", ".join(f"{a}" if a == b else f"{a} to {b}" for a, b in ends)


def _amount(missing: Missing) -> str:
    digits = 1 if missing.volume_ml < 10 else 0
    return f"about {missing.volume_ml:.{digits}f} ml"
