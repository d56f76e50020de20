"""Statistics of the CT inside the mask and across its border."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from segae_trainer.evaluation.mask_slice import MaskSlice

NAMES = (
    "mean", "deviation", "5 %", "25 %", "50 %", "75 %", "95 %", "rim outside", "contrast", "edge", "unlike",
)  # fmt: skip
_RIM = 3  # pixels to each side of the border
_UNLIKE = 100.0  # HU from the median


def intensity_features(slice_: MaskSlice) -> np.ndarray:
    """The values (11,) of `NAMES` in HU for a mask that is not empty.

    Contrast is the mean within three pixels inside the border minus that within three outside; edge the mean
    size of the gradient (HU per pixel) along the border; unlike the share of pixels more than 100 HU from the
    median.
    """
    part = _box(slice_.mask)
    mask, ct = slice_.mask[part], slice_.ct[part].astype(np.float32)
    inside = ct[mask]
    inner = mask & ~np.asarray(ndimage.binary_erosion(mask, iterations=_RIM), bool)
    outer = np.asarray(ndimage.binary_dilation(mask, iterations=_RIM), bool) & ~mask
    border = mask & ~np.asarray(ndimage.binary_erosion(mask), bool)
    outside = float(ct[outer].mean()) if outer.any() else float(inside.mean())
    gradient = np.hypot(ndimage.sobel(ct, axis=0), ndimage.sobel(ct, axis=1)) / 8
    return np.array(
        [
            inside.mean(),
            inside.std(),
            *np.percentile(inside, [5, 25, 50, 75, 95]),
            outside,
            float(ct[inner].mean()) - outside,
            gradient[border].mean(),
            (np.abs(inside - np.median(inside)) > _UNLIKE).mean(),
        ]
    )


def _box(mask: np.ndarray) -> tuple[slice, slice]:
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    room = _RIM + 2
    return (
        slice(max(0, int(rows[0]) - room), int(rows[-1]) + 1 + room),
        slice(max(0, int(columns[0]) - room), int(columns[-1]) + 1 + room),
    )
