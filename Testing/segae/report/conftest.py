"""The bundled CT with its masks, and a report whose scores are made from each mask's area."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

import nibabel as nib
import numpy as np
import pytest
from flat_rows import FlatRow, report_from_rows

from segae.data import Segment, Segmentation, Volume
from segae.files import resource
from segae.geometry.grid import Grid
from segae.labels.table import load_structures
from segae.results.types import CaseReport, SegmentResult
from segae.scoring.assemble import unscored

SAMPLE = resource("SampleData", "totalsegmentator_s0001")
MASKS = (
    "liver", "spleen", "kidney_left", "aorta", "vertebrae_L1", "rib_left_11", "lung_lower_lobe_left", "brain",
)  # fmt: skip


def _load(name: str) -> tuple[np.ndarray, Grid]:
    image = nib.Nifti1Image.from_filename(SAMPLE / name)
    ni, nj, nk = image.shape
    assert image.affine is not None
    return np.asarray(image.dataobj).T, Grid((ni, nj, nk), image.affine)


def _rows(segment: Segment) -> list[FlatRow]:
    rows = []
    assert segment.structure is not None
    pixel = float(segment.grid.spacing[0] * segment.grid.spacing[1])
    for offset, plane in enumerate(segment.voxels()):
        if plane.any():
            k = segment.box[0].start + offset
            j, i = np.argwhere(plane).mean(axis=0)
            ijk = np.array([i + segment.box[2].start, j + segment.box[1].start, k])
            x, y, z = segment.grid.world(ijk).tolist()
            area = float(plane.sum()) * pixel
            score = 1.02 - 0.6 * math.exp(-area / 400) + 0.1 * math.sin(k)
            index, name = segment.structure.index, segment.structure.name
            rows.append(FlatRow(segment.name, index, name, k, x, y, z, area, score))
    return rows


@pytest.fixture(scope="session")
def volume() -> Volume:
    voxels, grid = _load("ct.nii.gz")
    return Volume(voxels, grid, "ct.nii.gz")


@pytest.fixture(scope="session")
def segmentation() -> Segmentation:
    by_name = {s.totalsegmentator_v2: s for s in load_structures()}
    loaded = [(name, *_load(f"segmentations/{name}.nii.gz")) for name in MASKS]
    return Segmentation(tuple(Segment.from_mask(name, by_name[name], m, grid) for name, m, grid in loaded))


@pytest.fixture(scope="session")
def rows(segmentation: Segmentation) -> list[FlatRow]:
    return [row for segment in segmentation.segments for row in _rows(segment)]


@pytest.fixture(scope="session")
def report_with(segmentation: Segmentation) -> Callable[..., CaseReport]:
    """The report of some rows; `extents`: of the masks, unless others are given."""
    masks = [unscored(segment) for segment in segmentation.segments]

    def make(rows: Iterable[FlatRow], extents: Sequence[SegmentResult] = masks, **more) -> CaseReport:
        return report_from_rows(rows, extents, **more)

    return make


@pytest.fixture(scope="session")
def report(rows: list[FlatRow], report_with: Callable[..., CaseReport]) -> CaseReport:
    return report_with(rows)
