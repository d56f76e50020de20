"""How large the patient is: organs are large or small against the body that they are in."""

from __future__ import annotations

import numpy as np

from segae.data import Volume
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
