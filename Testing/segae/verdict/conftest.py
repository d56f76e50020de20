"""Reports whose predicted areas are the true ones: of a real label map, against masks that differ from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pytest

from segae.data import Segmentation
from segae.geometry.grid import Grid
from segae.labels.structure import Structure
from segae.results.types import ModelIdentity, QualityReport, SearchedSlice, SegmentExtent, SliceScore

Masks = Mapping[str, np.ndarray]
STEP = 2  # every second slice without mask is searched
MODEL = ModelIdentity("dense", "0a" * 32, "segae-dense")


@pytest.fixture(scope="session")
def truth(sample_segmentation: Segmentation) -> Masks:
    """Whole boolean masks [k, j, i] of the sample's structures by name; k grows towards the head."""
    return {s.name: s.full_mask() for s in sample_segmentation.segments if s.structure is not None}


@pytest.fixture(scope="session")
def report_of(sample_segmentation: Segmentation, truth: Masks) -> Callable[..., QualityReport]:
    """Masks by name -> the report of a model that knows all areas. `areas=False`: of one that knows none."""
    structures = {segment.name: segment.structure for segment in sample_segmentation.segments}
    grid = sample_segmentation.segments[0].grid

    def make(masks: Masks, areas: bool = True, findings=()) -> QualityReport:
        scored, searched, extents = [], [], []
        for name, mask in masks.items():
            structure = structures[name]
            assert structure is not None
            scored += [_score(name, structure, grid, mask, truth[name], k, areas) for k in _filled(mask)]
            if areas:
                searched += [_search(name, structure, grid, truth[name], k) for k in _empty(mask)[::STEP]]
            extents.append(_extent(name, structure, grid, mask))
        return QualityReport(
            "s0001", "ct.nii.gz", "masks", MODEL, tuple(scored), tuple(findings),
            segments=tuple(extents), searched=tuple(searched), slice_mm=float(grid.spacing[2]),
        )  # fmt: skip

    return make


def _score(
    name: str, structure: Structure, grid: Grid, mask: np.ndarray, true: np.ndarray, k: int, areas: bool
) -> SliceScore:
    pixel = float(grid.spacing[0] * grid.spacing[1])
    area, organ, overlap = (float(one[k].sum()) * pixel for one in (mask, true, mask & true))
    x, y, z = grid.world(np.array([0, 0, k])).tolist()
    return SliceScore(
        name, structure.index, structure.name, int(k), x, y, z, area, 2 * overlap / (area + organ),
        overlap_mm2=overlap if areas else None, organ_mm2=organ if areas else None,
    )  # fmt: skip


def _search(name: str, structure: Structure, grid: Grid, true: np.ndarray, k: int) -> SearchedSlice:
    pixel, thickness = float(grid.spacing[0] * grid.spacing[1]), STEP * float(grid.spacing[2])
    x, y, z = grid.world(np.array([0, 0, k])).tolist()
    area = float(true[k].sum()) * pixel
    return SearchedSlice(
        name, structure.index, structure.name, int(k), x, y, z, thickness, area, float(area > 0)
    )


def _extent(name: str, structure: Structure, grid: Grid, mask: np.ndarray) -> SegmentExtent:
    n = int(mask.sum())
    return SegmentExtent(name, structure.index, structure.name, n, n * float(np.prod(grid.spacing)) / 1000)


def _filled(mask: np.ndarray) -> np.ndarray:
    return np.flatnonzero(mask.any(axis=(1, 2)))


def _empty(mask: np.ndarray) -> np.ndarray:
    return np.flatnonzero(~mask.any(axis=(1, 2)))
