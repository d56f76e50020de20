"""What goes into a payload comes out of it."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from segae.data import Segment, Segmentation, Volume
from segae.errors import Cancelled
from segae.finding import Finding
from segae.geometry.grid import Grid
from segae.jobs.payload import Payload, digest_of, read_payload, write_payload
from segae.jobs.settings import JobSettings
from segae.labels.table import offered_structures
from segae.progress import CancelToken
from segae.scoring.options import ScoringOptions

NUMBERS = st.floats(-1e3, 1e3)
SHAPES = st.tuples(st.integers(1, 5), st.integers(1, 6), st.integers(1, 19))


def always() -> None:
    """Go on."""


@st.composite
def grids(draw: st.DrawFn, shape: tuple[int, int, int]) -> Grid:
    nk, nj, ni = shape
    return Grid((ni, nj, nk), draw(hnp.arrays(float, (4, 4), elements=NUMBERS)))


@st.composite
def segments(draw: st.DrawFn, grid: Grid) -> Segment:
    mask = draw(hnp.arrays(bool, grid.shape))
    structure = draw(st.none() | st.sampled_from(offered_structures()))
    return Segment.from_mask(
        draw(st.text(max_size=9)), structure, mask, grid, draw(st.text(max_size=9)), "file"
    )


@st.composite
def payloads(draw: st.DrawFn) -> Payload:
    grid = draw(SHAPES.flatmap(grids))
    other = draw(SHAPES.flatmap(grids))
    voxels = draw(hnp.arrays(st.sampled_from([np.int16, np.float32]), grid.shape))
    if draw(st.booleans()):
        voxels = np.ascontiguousarray(voxels.T).T  # the layout that readers of other formats hand out
    masks = draw(st.lists(st.sampled_from([grid, other]).flatmap(segments), max_size=3))
    only = draw(st.none() | st.dictionaries(st.text(max_size=5), st.lists(st.integers(0, 9), max_size=3)))
    job = JobSettings(case=draw(st.text(max_size=9)), options=ScoringOptions(only=only, names=Path("n.csv")))
    about = draw(st.lists(st.builds(Finding, st.text(), st.just("warning"), st.text()), max_size=2))
    ct = Volume(voxels, grid, "CT", tuple(about))
    return Payload(ct, digest_of(voxels, always), Segmentation(tuple(masks), "masks", tuple(about[1:])), job)


@settings(max_examples=60)
@given(payloads())
def test_a_payload_keeps_everything(payload: Payload) -> None:
    with tempfile.TemporaryDirectory() as folder:
        write_payload(Path(folder) / "job", payload, with_ct=True, go_on=always)
        back = read_payload(Path(folder) / "job")
    assert back.digest == payload.digest
    assert back.settings.as_dict() == payload.settings.as_dict()
    assert back.ct.findings == payload.ct.findings
    assert back.segmentation.findings == payload.segmentation.findings
    assert back.ct.voxels.dtype == payload.ct.voxels.dtype
    np.testing.assert_array_equal(back.ct.voxels, payload.ct.voxels)
    np.testing.assert_array_equal(back.ct.grid.affine, payload.ct.grid.affine)
    assert back.segmentation.source == payload.segmentation.source
    for there, here in zip(back.segmentation.segments, payload.segmentation.segments, strict=True):
        assert (there.name, there.structure, there.reason, there.source, there.box, there.grid.size) == (
            here.name, here.structure, here.reason, here.source, here.box, here.grid.size
        )  # fmt: skip
        np.testing.assert_array_equal(there.full_mask(), here.full_mask())
        np.testing.assert_array_equal(there.grid.affine, here.grid.affine)


def test_voxels_that_the_receiver_keeps_are_not_sent_again(
    ct: Volume, masks: Segmentation, tmp_path: Path
) -> None:
    payload = Payload(ct, digest_of(ct.voxels, always), masks, JobSettings())
    write_payload(tmp_path / "job", payload, with_ct=False, go_on=always)
    assert not (tmp_path / "job" / "ct.npy").exists()
    assert read_payload(tmp_path / "job", payload).ct.voxels is ct.voxels
    with pytest.raises(FileNotFoundError):
        read_payload(tmp_path / "job")


def test_one_voxel_more_is_another_ct(ct: Volume) -> None:
    changed = ct.voxels.copy()
    changed[3, 4, 5] += 1
    assert digest_of(changed, always) != digest_of(ct.voxels, always)
    assert digest_of(ct.voxels.T, always) != digest_of(ct.voxels, always)


def test_the_payload_is_for_this_user_only(ct: Volume, masks: Segmentation, tmp_path: Path) -> None:
    write_payload(tmp_path / "job", Payload(ct, "", masks, JobSettings()), with_ct=True, go_on=always)
    assert (tmp_path / "job").stat().st_mode & 0o077 == 0


def test_writing_stops_on_request(ct: Volume, masks: Segmentation, tmp_path: Path) -> None:
    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        write_payload(
            tmp_path / "job",
            Payload(ct, "", masks, JobSettings()),
            with_ct=True,
            go_on=token.raise_if_cancelled,
        )
