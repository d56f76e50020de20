"""Masks written as .seg.nrrd are read back as they were, with their names and what they were taken for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segae.data import Segment
from segae.errors import InputError
from segae.files import whole_file
from segae.geometry.grid import Grid
from segae.io.seg_nrrd import write_seg_nrrd
from segae.io.segmentation import read_segmentation
from segae.labels.resolver import resolve

TILTED = np.array([[0.0, -0.7, 0.1, 12.5], [0.8, 0.0, 0.0, -30.0], [0.0, 0.1, 3.0, 800.25], [0, 0, 0, 1]])


def grid(affine: np.ndarray = TILTED) -> Grid:
    return Grid((7, 6, 5), affine)


def mask(name: str, voxels: np.ndarray, organ: str = "liver", on: Grid | None = None) -> Segment:
    return Segment.from_mask(name, resolve(organ).structure, voxels, on or grid())


def write(path: Path, *segments: Segment) -> Path:
    with whole_file(path) as stream:
        write_seg_nrrd(segments, segments[0].grid, stream)
    return path


@given(st.lists(st.integers(0, 2**20), min_size=1, max_size=4))
def test_masks_come_back_whether_they_overlap_or_not(
    tmp_path_factory: pytest.TempPathFactory, seeds: list[int]
) -> None:
    organs = ["liver", "spleen", "kidney_left", "aorta"]
    masks = [
        mask(organ, np.random.default_rng(seed).random((5, 6, 7)) < (seed % 3) / 2, organ)
        for organ, seed in zip(organs, seeds, strict=False)
    ]
    path = write(tmp_path_factory.mktemp("masks") / "masks.seg.nrrd", *masks)
    read = read_segmentation(path)
    found = {one.name: one for one in read.segments}  # the reader goes layer by layer
    assert found.keys() == {one.name for one in masks}
    for before in masks:
        after = found[before.name]
        assert np.array_equal(after.full_mask(), before.full_mask())
        assert np.allclose(after.grid.affine, before.grid.affine)
        assert after.structure == before.structure
    assert read.findings == ()


def test_a_name_of_any_language_and_a_structure_that_it_does_not_tell_stay(tmp_path: Path) -> None:
    voxels = np.ones((5, 6, 7), bool)
    (read,) = read_segmentation(write(tmp_path / "a.seg.nrrd", mask("Leber größer", voxels))).segments
    assert read.name == "Leber größer" and read.structure == resolve("liver").structure


def test_more_masks_than_a_layer_has_values_are_kept(tmp_path: Path) -> None:
    flat = np.zeros(5 * 6 * 7, bool)
    masks = []
    for n in range(300):
        one = flat.copy()
        one[n % 210] = True
        masks.append(mask(f"liver {n}", one.reshape(5, 6, 7)))
    read = read_segmentation(write(tmp_path / "many.seg.nrrd", *masks))
    found = {one.name: one for one in read.segments}
    assert len(found) == 300
    for before in masks:
        assert np.array_equal(found[before.name].full_mask(), before.full_mask())


def test_two_masks_of_one_name_and_another_grid_are_refused(tmp_path: Path) -> None:
    voxels = np.ones((5, 6, 7), bool)
    moved = TILTED.copy()
    moved[2, 3] += 3
    with pytest.raises(InputError, match="own name"):
        write(tmp_path / "a.seg.nrrd", mask("liver", voxels), mask("liver", voxels))
    with pytest.raises(InputError, match="grid"):
        write(tmp_path / "a.seg.nrrd", mask("liver", voxels), mask("spleen", voxels, on=grid(moved)))
    assert list(tmp_path.iterdir()) == []
