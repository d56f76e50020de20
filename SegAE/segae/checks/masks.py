"""What is odd about single masks and about their names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from segae.checks.intensity import AIR, PADDING_BELOW
from segae.data import Segment, Volume
from segae.finding import Finding, Severity
from segae.geometry.orientation import axial_axis
from segae.labels.spelling import AROUND

_TINY = 20  # voxels
_MOST_VOID = 0.2  # share of a mask that may lie in a void
_MOST_AIR = 0.9  # the same of organs that hold air, where the void is as low as air
# Organs that hold air, or lie next to it all around.
_WITH_AIR = (
    "lung", "trachea", "bronchie", "colon", "small bowel", "stomach", "duodenum", "esophagus", "rectum",
    "nasal cavity", "skin", "skull",
)  # fmt: skip


def check_names(segments: list[Segment]) -> list[Finding]:
    """Findings UNKNOWN_NAME, DUPLICATE_STRUCTURE and NAME_UNDERSTOOD."""
    findings = []
    counts = Counter(segment.structure for segment in segments if segment.structure is not None)
    for segment in segments:
        if segment.structure is None:
            text = f"{_called(segment)} gets no score: {segment.reason}"
            findings.append(_about(segment, "UNKNOWN_NAME", "warning", text))
        elif counts[segment.structure] > 1:
            text = (
                f"{_called(segment)} is one of {counts[segment.structure]} taken for "
                f"{segment.structure}; keep one of them, or rename the others."
            )
            findings.append(_about(segment, "DUPLICATE_STRUCTURE", "warning", text))
        if segment.structure is not None and segment.confidence == AROUND:
            what = f"{_called(segment)} is taken for {segment.structure} ({segment.reason})"
            text = f"{what}; rename it if that is wrong."
            findings.append(_about(segment, "NAME_UNDERSTOOD", "info", text))
    return findings


def check_mask(segment: Segment, ct: Volume, voids: Sequence[float]) -> list[Finding]:
    """Findings EMPTY_MASK, TINY_MASK, ONE_SLICE, OUTSIDE_FOV and AT_BORDER of a segment on the grid of `ct`.

    `voids` are the values that `ct` has where nothing was scanned.
    """
    if segment.is_empty:
        text = f"{_called(segment)} is empty and gets no score; right only if the structure is absent."
        return [_about(segment, "EMPTY_MASK", "warning", text)]
    return [*_check_size(segment), *_check_field(segment, ct, voids), *_check_border(segment)]


def _check_size(segment: Segment) -> list[Finding]:
    findings = []
    count = int(np.count_nonzero(segment.voxels()))
    if count < _TINY:
        text = f"{_called(segment)} has {count} of at least {_TINY} voxels; look at it whatever its score."
        findings.append(_about(segment, "TINY_MASK", "info", text))
    axis = axial_axis(segment.grid)
    if segment.shape[axis] == 1 and segment.grid.shape[axis] > 1:
        text = f"{_called(segment)} lies in axial slice {segment.box[axis].start} only; check if that is all."
        findings.append(_about(segment, "ONE_SLICE", "info", text))
    return findings


def _check_field(segment: Segment, ct: Volume, voids: Sequence[float]) -> list[Finding]:
    inside = ct.voxels[segment.box.slices][segment.voxels()]
    with_air = segment.structure is not None and segment.structure.name.startswith(_WITH_AIR)
    for value in voids:
        share = float(np.mean(inside == value))
        like_air = PADDING_BELOW < value <= AIR
        if share > (_MOST_AIR if with_air and like_air else _MOST_VOID):
            text = (
                f"{_called(segment)} lies by {share:.0%} where the CT holds {value:g}, outside the scanned "
                "field; check that mask and CT belong together."
            )
            return [_about(segment, "OUTSIDE_FOV", "warning", text)]
    return []


def _check_border(segment: Segment) -> list[Finding]:
    """Edges of the image that the mask touches; an axis with a single voxel has none."""
    axial = axial_axis(segment.grid)
    touched = []
    for axis, (extent, size) in enumerate(zip(segment.box, segment.grid.shape, strict=True)):
        if size == 1:
            continue
        ends = [name for name, hit in (("first", extent.start == 0), ("last", extent.stop == size)) if hit]
        kind = "axial slice" if axis == axial else f"{'kji'[axis]} plane"
        touched += [f"the {end} {kind}" for end in ends]
    if not touched:
        return []
    text = f"{_called(segment)} touches {' and '.join(touched)}; the organ may be cut there."
    return [_about(segment, "AT_BORDER", "info", text)]


def _called(segment: Segment) -> str:
    return f'The mask "{segment.name}" in "{segment.source}"'


def _about(segment: Segment, code: str, severity: Severity, text: str) -> Finding:
    return Finding(code, severity, text, (segment.name,), segment.source)
