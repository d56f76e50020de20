"""Reports to write, read, sum up and rank."""

from __future__ import annotations

import pytest
from hypothesis import strategies as st

from segae.checks.finding import Finding
from segae.results.types import ModelIdentity, QualityReport, SearchedSlice, SegmentExtent, SliceScore

# Every character that a name may hold: commas, quotes, line breaks, "#", other scripts.
NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
SCORES = st.floats(-3, 3)
SLICES = st.builds(
    SliceScore,
    segment=NAMES,
    structure_index=st.integers(0, 144),
    structure=NAMES,
    slice=st.integers(0, 5000),
    x=NUMBERS,
    y=NUMBERS,
    z=NUMBERS,
    area_mm2=st.floats(0, 1e6),
    score=SCORES,
    interval_low=st.none() | SCORES,
    interval_high=st.none() | SCORES,
    overlap_mm2=st.none() | st.floats(0, 1e6),
    organ_mm2=st.none() | st.floats(0, 1e6),
)
SEARCHED = st.builds(
    SearchedSlice,
    segment=NAMES,
    structure_index=st.integers(0, 144),
    structure=NAMES,
    slice=st.integers(0, 5000),
    x=NUMBERS,
    y=NUMBERS,
    z=NUMBERS,
    thickness_mm=st.floats(0, 100),
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
EXTENTS = st.builds(
    SegmentExtent,
    segment=NAMES,
    structure_index=st.none() | st.integers(0, 144),
    structure=NAMES,
    n_voxels=st.integers(0, 2**40),
    volume_ml=st.floats(0, 1e6),
    volume_dice=st.none() | st.floats(0, 1),
    interval_low=st.none() | st.floats(0, 1),
    interval_high=st.none() | st.floats(0, 1),
)
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | NUMBERS | NAMES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=6,
)
REPORTS = st.builds(
    QualityReport,
    case=NAMES,
    ct=NAMES,
    segmentation=NAMES,
    model=st.builds(ModelIdentity, name=NAMES, sha256=NAMES, architecture=NAMES, demonstration=st.booleans()),
    slices=st.lists(SLICES, max_size=6).map(tuple),
    findings=st.lists(FINDINGS, max_size=3).map(tuple),
    timings=st.dictionaries(NAMES, st.floats(0, 1e6), max_size=3),
    options=st.dictionaries(NAMES, JSON_VALUES, max_size=3),
    slice_axis=st.sampled_from(["i", "j", "k"]),
    segments=st.lists(EXTENTS, max_size=3).map(tuple),
    searched=st.lists(SEARCHED, max_size=6).map(tuple),
    slice_mm=st.none() | st.floats(0.1, 20),
)


def score_row(segment: str, slice_: int, score: float, area: float = 100.0, index: int = 13) -> SliceScore:
    return SliceScore(segment, index, segment, slice_, 1.0, 2.0, 3.0 * slice_, area, score)


@pytest.fixture
def row():
    return score_row


@pytest.fixture(scope="session")
def reports() -> st.SearchStrategy[QualityReport]:
    return REPORTS


@pytest.fixture
def report() -> QualityReport:
    """Two scored masks, one empty, one that no structure fits."""
    slices = (
        score_row("liver", 10, 0.9, area=300.0),
        score_row("liver", 11, 0.5, area=100.0),
        score_row("liver", 12, 1.04, area=0.0),
        score_row("spleen, old", 11, -0.1, index=26),
        score_row("spleen, old", 12, 0.7, index=26),
    )
    segments = (
        SegmentExtent("brain", 25, "brain", 0, 0.0),
        SegmentExtent("liver", 13, "liver", 4000, 12.5),
        SegmentExtent("blob", None, "", 7, 0.1),
        SegmentExtent("spleen, old", 26, "spleen", 40, 0.5),
    )
    finding = Finding("empty", "warning", "The mask brain is empty.", ("brain",), "brain.nii.gz")
    model = ModelIdentity("starter", "0a" * 32, "segae-resnet18", demonstration=True)
    return QualityReport(
        case="s0001", ct="ct.nii.gz", segmentation="masks", model=model, slices=slices, findings=(finding,),
        timings={"reading": 0.5}, options={"slices": None}, slice_axis="k", segments=segments,
    )  # fmt: skip
