"""Scoring as the published code does it: one slice at a time, Pillow resizing, eager network, gradients
on."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image

from segae.data import Segmentation, Volume
from segae.models.quality_model import QualityModel

SIZE = 256
MARGIN = 20


def plain_loop(model: QualityModel, ct: Volume, segmentation: Segmentation, slices: int) -> int:
    """Score up to `slices` slices of each structure; returns how many that were."""
    done = 0
    for segment in segmentation.segments:
        assert segment.structure is not None
        mask = segment.full_mask().astype(np.float32)
        filled = np.flatnonzero(mask.any(axis=(1, 2)))
        for k in filled[[int(len(filled) / slices * i) for i in range(min(slices, len(filled)))]]:
            rows, columns = _window(mask[k])
            image = (np.clip(ct.voxels[k].astype(np.float32), -200, 200) + 200) / 400
            pair = [
                (_resized(image[rows, columns]) - 0.5) / 0.25,
                (_resized(mask[k][rows, columns]) - 0.5) / 0.5,
            ]
            text = model.text_vectors[segment.structure.index][None]
            model.network(torch.stack(pair)[None], text).score.detach().item()
            done += 1
    return done


def _window(mask: np.ndarray) -> tuple[slice, slice]:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    height, width = mask.shape
    r0, r1 = max(rows[0] - MARGIN, 0), min(rows[-1] + MARGIN, height)
    c0, c1 = max(columns[0] - MARGIN, 0), min(columns[-1] + MARGIN, width)
    grow = abs((r1 - r0) - (c1 - c0)) // 2
    if r1 - r0 > c1 - c0:
        c0, c1 = max(c0 - grow, 0), min(c1 + grow, width)
    else:
        r0, r1 = max(r0 - grow, 0), min(r1 + grow, height)
    return slice(r0, r1), slice(c0, c1)


def _resized(image: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.array(Image.fromarray(image).resize((SIZE, SIZE), Image.Resampling.BILINEAR)))
