"""A volume node gives the numbers and the place of its voxels."""

from __future__ import annotations

import numpy as np
import pytest
import vtk

from segae.errors import InputError
from segae.io.ct import read_ct
from SegAELib.mrml.scene_reader import read_volume


def test_the_bundled_ct_is_read_as_the_core_reads_its_file(mini, sample_folder):
    scene_volume, file_volume = read_volume(mini.load_ct()), read_ct(sample_folder / "ct.nii.gz")
    assert scene_volume.voxels.dtype == file_volume.voxels.dtype
    np.testing.assert_array_equal(scene_volume.voxels, file_volume.voxels)
    np.testing.assert_allclose(scene_volume.grid.affine, file_volume.grid.affine, atol=1e-4)


@pytest.mark.parametrize(
    ("stored", "read"),
    [(np.uint8, np.int16), (np.int32, np.int16), (np.uint16, np.int16), (np.float64, np.float32)],
)
def test_whole_numbers_that_fit_become_int16(mini, stored, read):
    voxels = np.arange(24).reshape(2, 3, 4).astype(stored)
    volume = read_volume(mini.add_volume(voxels, np.eye(4)))
    assert volume.voxels.dtype == read
    np.testing.assert_array_equal(volume.voxels, voxels)


def test_whole_numbers_beyond_int16_become_float32(mini):
    volume = read_volume(mini.add_volume(np.full((2, 3, 4), 40000, np.int32), np.eye(4)))
    assert volume.voxels.dtype == np.float32 and volume.voxels.max() == 40000


def test_the_voxels_are_a_copy_that_outlives_the_node(mini):
    node = mini.add_volume(np.full((2, 3, 4), 7, np.int16), np.eye(4))
    volume = read_volume(node)
    node.GetImageData().GetPointData().GetScalars().Fill(0)
    mini.scene.RemoveNode(node)
    assert (volume.voxels == 7).all()


def test_a_parent_transform_moves_the_grid(mini):
    node = mini.add_volume(np.zeros((2, 3, 4), np.int16), np.diag([1, 2, 3, 1.0]))
    shift = np.eye(4)
    shift[:3, 3] = (10, 20, 30)
    mini.add_transform(shift, node)
    np.testing.assert_allclose(read_volume(node).grid.world(np.array([1, 1, 1])), (11, 22, 33))


def test_a_volume_without_voxels_or_with_colours_is_refused_in_one_sentence(mini):
    empty = mini.scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "Nothing")
    with pytest.raises(InputError, match='"Nothing" has no voxels; load it again'):
        read_volume(empty)
    photo = mini.add_volume(np.zeros((2, 3, 4), np.uint8), np.eye(4), "Photo")
    image = vtk.vtkImageData()
    image.SetDimensions(4, 3, 2)
    image.AllocateScalars(vtk.VTK_UNSIGNED_CHAR, 3)
    photo.SetAndObserveImageData(image)
    with pytest.raises(InputError, match='"Photo" has 3 values per voxel'):
        read_volume(photo)
