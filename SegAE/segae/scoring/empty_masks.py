"""Looks for an organ whose mask is empty, in windows as large as the body."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from segae.data import Segment
from segae.models.spec import ModelSpec
from segae.scoring.inputs import (
    CHUNK,
    OrientedCT,
    PreparedSlices,
    context_for,
    images_of,
    window_pixels_mm2,
)
from segae.scoring.search import EVERYWHERE_MM, slices_everywhere
from segae.scoring.windows import Windows


def empty_count(ct: OrientedCT) -> int:
    """How many slices `prepare_empty` gives."""
    return len(slices_everywhere(len(ct.voxels), ct.slice_mm)[0])


def prepare_empty(
    ct: OrientedCT, segment: Segment, spec: ModelSpec, step_mm: float = EVERYWHERE_MM
) -> Iterator[PreparedSlices]:
    """Slices spread over the whole scan, `step_mm` apart (0: all), without mask."""
    slices, thickness = slices_everywhere(len(ct.voxels), ct.slice_mm, step_mm)
    for start in range(0, len(slices), CHUNK):
        k = slices[start : start + CHUNK]
        windows = body_windows(ct, k)
        masks = torch.zeros((len(k), *ct.voxels.shape[1:]), dtype=torch.bool, device=ct.voxels.device)
        middle = (windows.start + windows.length / 2).cpu().numpy()
        whole = (slice(0, masks.shape[1]), slice(0, masks.shape[2]))
        yield PreparedSlices(
            segment,
            images_of(ct, k, masks, whole, windows, spec),
            windows,
            k.tolist(),
            [ct.file_slice(int(index)) for index in k],
            ct.grid.world(np.stack((middle[:, 1], middle[:, 0], k), axis=1)),
            np.zeros(len(k)),
            context_for(ct, k, masks, windows, spec),
            window_pixels_mm2(ct, windows, spec),
            np.full(len(k), thickness),
        )


def body_windows(ct: OrientedCT, k: np.ndarray) -> Windows:
    """A square round the whole body in each of some slices."""
    assert ct.body is not None, "orient the CT with its body"
    box = ct.body.box[torch.from_numpy(k).to(ct.voxels.device)].float()
    spacing = torch.tensor(ct.pixel_mm, device=box.device)
    first, last = box[:, [0, 2]], box[:, [1, 3]] + 1
    length = ((last - first) * spacing).amax(dim=1, keepdim=True) / spacing
    return Windows((first + last - length) / 2, length, closed=False)
