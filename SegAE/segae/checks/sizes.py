"""Volumes: against the size of the body that they are in, and left against right."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from segae.checks.shape import Shape
from segae.data import Volume
from segae.finding import Finding
from segae.geometry.orientation import axial_axis

_BODY_HU = -300
_STEP_MM = 4.0  # outlines need no more
_LEAST = 0.05  # of a row's or column's pixels: a cable, a table's edge do not count
_BORDER_MM = 8.0
# A trunk of 23 x 35 cm, which many adults have: the box round it.
ADULT_MM2 = 230.0 * 350.0
SMALLEST, LARGEST = 0.05, 2.0


def body_scale(ct: Volume) -> float:
    """The volume that the patient's organs should have, as a share of an adult's: (area of the box round the
    body / an adult's) ^ 1.5, of the middle one of the axial slices. 1.0 when the picture does not show the
    body's whole outline in half of its slices, because then nothing is known."""
    axial = axial_axis(ct.grid)
    steps = np.maximum(1, np.round(_STEP_MM / ct.grid.spacing[::-1])).astype(int)
    coarse = np.moveaxis(ct.voxels[tuple(slice(None, None, n) for n in steps)], axial, 0) > _BODY_HU
    pixel = np.delete(ct.grid.spacing[::-1] * steps, axial)
    spans = [_spans(coarse.mean(axis=across), mm) for across, mm in ((2, pixel[0]), (1, pixel[1]))]
    (tall, tall_seen), (wide, wide_seen) = spans
    seen = tall_seen & wide_seen
    if seen.mean() < 0.5:
        return 1.0
    area = float(np.median((tall * wide)[seen]))
    return float(np.clip((area / ADULT_MM2) ** 1.5, SMALLEST, LARGEST))


def _spans(filled: np.ndarray, mm: float) -> tuple[np.ndarray, np.ndarray]:
    """From the filled share of each line (K, N): how far the body reaches in millimetres (K,), and whether
    there is air on both sides of it (K,)."""
    body = filled > _LEAST
    first, last = body.argmax(axis=1), body.shape[1] - 1 - body[:, ::-1].argmax(axis=1)
    room = _BORDER_MM / mm
    seen = body.any(axis=1) & (first >= room) & (last <= body.shape[1] - 1 - room)
    return (last - first + 1) * mm, seen


# Reference adults, smaller (female) and larger (male) mass in grams, of ICRP Publication 89 (2002):
# with soft tissue near 1.05 g/ml a mass is a volume within the margin below. The heart is counted with its
# blood, kidneys and adrenal glands are given for both sides there and halved here.
REFERENCE_ML: Mapping[str, tuple[float, float]] = {
    "liver": (1400, 1800),
    "spleen": (130, 150),
    "pancreas": (120, 140),
    "kidney": (137, 155),
    "adrenal gland": (6.5, 7),
    "brain": (1300, 1450),
    "heart": (620, 840),
}
MARGIN = 4.0  # disease and build change organs up to threefold and more; beyond this look at the mask
# Paired structures whose sides are alike in build; soft organs shrink and swell on one side.
ALIKE: Mapping[str, float] = {
    "kidney": 3, "adrenal gland": 4, "costa": 2.5, "clavicle": 2, "scapula": 2, "hip": 2, "gluteus": 2.5,
    "autochthon": 2, "iliopsoas": 2.5, "eyeball": 2,
}  # fmt: skip


def check_volume(shape: Shape, scale: float = 1.0) -> Iterable[Finding]:
    """Finding VOLUME: against what reference adults have, times `scale` (see `body_scale`). A mask that the
    scan's end cuts cannot be too small."""
    reference = REFERENCE_ML.get(shape.structure.sideless)
    if reference is None:
        return
    low, high = scale * reference[0] / MARGIN, scale * reference[1] * MARGIN
    if shape.volume_ml <= high and (shape.is_cut or shape.volume_ml >= low):
        return
    word = "large" if shape.volume_ml > high else "small"
    whose = "an adult" if scale == 1.0 else "a body of this size"
    text = (
        f'The mask "{shape.name}" has {shape.volume_ml:.3g} ml, unusually {word} for {shape.structure} of '
        f"{whose} ({low:.3g} to {high:.3g} ml); see whether it is whole and has the right name."
    )
    yield Finding("VOLUME", "info", text, (shape.name,), shape.segment.source)


def check_symmetry(shapes: Sequence[Shape]) -> Iterable[Finding]:
    """Findings ASYMMETRY: one side much smaller than the other, though the scan's ends cut neither. Named
    after the smaller side."""
    for left, right in pairs(shapes):
        most = next((n for name, n in ALIKE.items() if left.structure.name.startswith(name)), None)
        if most is None or left.is_cut or right.is_cut:
            continue
        small, large = sorted((left, right), key=lambda shape: shape.volume_ml)
        ratio = large.volume_ml / small.volume_ml
        if ratio > most:
            text = (
                f'The mask "{small.name}" has {small.volume_ml:.3g} ml and "{large.name}" {ratio:.1f} times '
                "as much; see whether one is incomplete or the other too large."
            )
            yield Finding("ASYMMETRY", "info", text, (small.name, large.name), small.segment.source)


def pairs(shapes: Sequence[Shape]) -> Iterable[tuple[Shape, Shape]]:
    """(left, right) of each structure that the case has on both sides."""
    right = {s.structure.sideless: s for s in shapes if s.structure.laterality == "right"}
    for shape in shapes:
        other = right.get(shape.structure.sideless)
        if shape.structure.laterality == "left" and other is not None:
            yield shape, other
