"""Reports to write, read, sum up and rank, and reports whose predicted areas are the true ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import get_args

import numpy as np
import pytest
from flat_rows import FlatRow, report_from_rows
from hypothesis import strategies as st

from segae.data import Segmentation
from segae.finding import Finding
from segae.geometry.grid import Grid
from segae.labels.structure import Structure
from segae.results.bins import POOR
from segae.results.types import CaseReport, ModelIdentity, SegmentResult, SliceResult, Verdict

# Every character that a name may hold: commas, quotes, line breaks, "#", other scripts.
NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
SCORES = st.floats(-3, 3)
PLACES = {"slice": st.integers(0, 5000), "x": NUMBERS, "y": NUMBERS, "z": NUMBERS}
SLICES = st.builds(
    SliceResult,
    **PLACES,
    thickness_mm=st.floats(0, 100),
    area_mm2=st.floats(0, 1e6),
    raw_score=st.none() | SCORES,
    predicted_dice=st.floats(0, 1),
    interval_low=st.none() | SCORES,
    interval_high=st.none() | SCORES,
    overlap_mm2=st.none() | st.floats(0, 1e6),
    organ_mm2=st.none() | st.floats(0, 1e6),
)
SEARCHED = st.builds(
    SliceResult,
    **PLACES,
    thickness_mm=st.floats(0, 100),
    area_mm2=st.just(0.0),
    organ_mm2=st.floats(0, 1e6),
    presence=st.floats(0, 1),
)
FINDINGS = st.builds(
    Finding,
    code=NAMES,
    severity=st.sampled_from(["error", "warning", "info"]),
    message=NAMES,
    segments=st.lists(NAMES, max_size=2).map(tuple),
    source=st.none() | NAMES,
)
DICE = st.none() | st.floats(0, 1)
SEGMENTS = st.builds(
    SegmentResult,
    segment=NAMES,
    structure_index=st.none() | st.integers(0, 144),
    structure=NAMES,
    n_voxels=st.integers(0, 2**40),
    volume_ml=st.floats(0, 1e6),
    slices=st.lists(SLICES, max_size=4).map(tuple),
    searched=st.lists(SEARCHED, max_size=3).map(tuple),
    raw_dice=st.none() | SCORES,
    predicted_dice=DICE,
    interval_low=DICE,
    interval_high=DICE,
    verdict=st.none() | st.sampled_from(get_args(Verdict)),
    reasons=st.lists(NAMES, max_size=2).map(tuple),
    missing_slices=st.lists(st.integers(0, 99), max_size=3).map(tuple),
    n_below=st.integers(0, 99),
    wrong_ml=st.floats(0, 1e6),
)
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | NUMBERS | NAMES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=6,
)
REPORTS = st.builds(
    CaseReport,
    case=NAMES,
    ct=NAMES,
    segmentation=NAMES,
    model=st.builds(ModelIdentity, name=NAMES, sha256=NAMES, architecture=NAMES),
    segments=st.lists(SEGMENTS, max_size=3).map(tuple),
    findings=st.lists(FINDINGS, max_size=3).map(tuple),
    timings=st.dictionaries(NAMES, st.floats(0, 1e6), max_size=3),
    options=st.dictionaries(NAMES, JSON_VALUES, max_size=3),
    slice_axis=st.sampled_from(["i", "j", "k"]),
    threshold=st.floats(0, 1),
)


def score_row(segment: str, slice_: int, score: float, area: float = 100.0, index: int = 13) -> FlatRow:
    return FlatRow(segment, index, segment, slice_, 1.0, 2.0, 3.0 * slice_, area, score)


@pytest.fixture
def row():
    return score_row


@pytest.fixture(scope="session")
def reports() -> st.SearchStrategy[CaseReport]:
    return REPORTS


EXTENTS = (
    SegmentResult("brain", 25, "brain", 0, 0.0),
    SegmentResult("liver", 13, "liver", 4000, 12.5),
    SegmentResult("blob", None, "", 7, 0.1),
    SegmentResult("spleen, old", 26, "spleen", 40, 0.5),
)
ROWS = (
    score_row("liver", 10, 0.9, area=300.0),
    score_row("liver", 11, 0.5, area=100.0),
    score_row("liver", 12, 1.04, area=0.0),
    score_row("spleen, old", 11, -0.1, index=26),
    score_row("spleen, old", 12, 0.7, index=26),
)


@pytest.fixture
def report_with():
    """The report of `report` with other rows, findings or names."""

    def make(*rows: FlatRow, extents=EXTENTS, findings=(), **more) -> CaseReport:
        more = {"timings": {"reading": 0.5}, "options": {"slices": None}, **more}
        return report_from_rows(rows, extents, findings=findings, **more)

    return make


@pytest.fixture
def report(report_with) -> CaseReport:
    """Two scored masks, one empty, one that no structure fits."""
    finding = Finding("empty", "warning", "The mask brain is empty.", ("brain",), "brain.nii.gz")
    return report_with(*ROWS, findings=(finding,))


Masks = Mapping[str, np.ndarray]
STEP = 2  # every second slice without mask is searched
MODEL = ModelIdentity("dense", "0a" * 32, "segae-dense")


@pytest.fixture(scope="session")
def truth(sample_segmentation: Segmentation) -> Masks:
    """Whole boolean masks [k, j, i] of the sample's structures by name; k grows towards the head."""
    return {s.name: s.full_mask() for s in sample_segmentation.segments if s.structure is not None}


@pytest.fixture(scope="session")
def rows_of(sample_segmentation: Segmentation, truth: Masks) -> Callable[..., tuple[list, list]]:
    """Masks by name -> rows and segments as a model gives them that knows all areas; `areas=False`: one that
    knows none."""
    structures = {segment.name: segment.structure for segment in sample_segmentation.segments}
    grid = sample_segmentation.segments[0].grid

    def make(masks: Masks, areas: bool = True) -> tuple[list[FlatRow], list[SegmentResult]]:
        rows, extents = [], []
        for name, mask in masks.items():
            structure = structures[name]
            assert structure is not None
            rows += [_score(name, structure, grid, mask, truth[name], k, areas) for k in _filled(mask)]
            if areas:
                rows += [_search(name, structure, grid, truth[name], k) for k in _empty(mask)[::STEP]]
            extents.append(_extent(name, structure, grid, mask))
        return rows, extents

    return make


@pytest.fixture(scope="session")
def report_of(rows_of) -> Callable[..., CaseReport]:
    """Masks by name -> the report of such a model. `change`: what to do with each row before."""

    def make(masks: Masks, areas=True, findings=(), threshold=POOR, change=lambda row: row) -> CaseReport:
        rows, extents = rows_of(masks, areas)
        return report_from_rows(
            map(change, rows), extents, model=MODEL, findings=tuple(findings), threshold=threshold
        )

    return make


def _score(
    name: str, structure: Structure, grid: Grid, mask: np.ndarray, true: np.ndarray, k: int, areas: bool
) -> FlatRow:
    pixel = float(grid.spacing[0] * grid.spacing[1])
    area, organ, overlap = (float(one[k].sum()) * pixel for one in (mask, true, mask & true))
    x, y, z = grid.world(np.array([0, 0, k])).tolist()
    return FlatRow(
        name, structure.index, structure.name, int(k), x, y, z, area, 2 * overlap / (area + organ),
        overlap_mm2=overlap if areas else None, organ_mm2=organ if areas else None,
        thickness_mm=float(grid.spacing[2]),
    )  # fmt: skip


def _search(name: str, structure: Structure, grid: Grid, true: np.ndarray, k: int) -> FlatRow:
    pixel, thickness = float(grid.spacing[0] * grid.spacing[1]), STEP * float(grid.spacing[2])
    x, y, z = grid.world(np.array([0, 0, k])).tolist()
    area = float(true[k].sum()) * pixel
    return FlatRow(
        name, structure.index, structure.name, int(k), x, y, z, organ_mm2=area, thickness_mm=thickness,
        presence=float(area > 0),
    )  # fmt: skip


def _extent(name: str, structure: Structure, grid: Grid, mask: np.ndarray) -> SegmentResult:
    n = int(mask.sum())
    return SegmentResult(name, structure.index, structure.name, n, n * float(np.prod(grid.spacing)) / 1000)


def _filled(mask: np.ndarray) -> np.ndarray:
    return np.flatnonzero(mask.any(axis=(1, 2)))


def _empty(mask: np.ndarray) -> np.ndarray:
    return np.flatnonzero(~mask.any(axis=(1, 2)))
