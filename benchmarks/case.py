"""A case of clinical size made from the bundled CT: the slices enlarged to 512 x 512, repeated along z."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from segae.data import Segment, Segmentation, Volume
from segae.geometry.grid import Grid
from segae.io.ct import read_ct
from segae.io.segmentation import read_segmentation
from segae.labels.table import LabelTable

SAMPLE = Path(__file__).resolve().parents[1] / "SegAE/Resources/SampleData/totalsegmentator_s0001"
SIDE = 512
FIRST_STRUCTURE = 6


def clinical_case(depth: int, structures: int) -> tuple[Volume, Segmentation]:
    """A CT of 512 x 512 x `depth` voxels (HU, int16) and `structures` masks on its grid.

    The sample has 41 masks; further ones are the same masks in other slices under other names.
    """
    ct = read_ct(SAMPLE / "ct.nii.gz")
    masks = [
        s for s in read_segmentation(SAMPLE / "segmentation_multilabel.nii.gz").segments if not s.is_empty
    ]
    affine = ct.grid.affine.copy()
    affine[:3, :2] /= 4
    grid = Grid((SIDE, SIDE, depth), affine)
    segments = []
    for number in range(structures):
        mask = _enlarged(masks[number % len(masks)].full_mask(), depth, shift=number // len(masks))
        structure = LabelTable.default().by_index(FIRST_STRUCTURE + number)
        segments.append(Segment.from_mask(structure.name, structure, mask, grid))
    voxels = _enlarged(ct.voxels, depth, fill=-1024)
    return replace(ct, voxels=voxels, grid=grid), Segmentation(tuple(segments))


def _enlarged(array: np.ndarray, depth: int, *, shift: int = 0, fill: int = 0) -> np.ndarray:
    """Each pixel four times in both directions, cut or filled to 512 x 512; slices repeated up to `depth`."""
    big = array.repeat(4, axis=1).repeat(4, axis=2)[:, :SIDE, :SIDE]
    rows, columns = SIDE - big.shape[1], SIDE - big.shape[2]
    big = np.pad(big, ((0, 0), (0, rows), (0, columns)), constant_values=fill)
    return big[(np.arange(depth) + 7 * shift) % len(big)]
