"""A case that was read from files becomes two nodes, and what is changed in its masks is found."""

from __future__ import annotations

import numpy as np
import pytest

from segae.data import Segment, Volume
from segae.files import whole_file
from segae.geometry.grid import Grid
from segae.io.seg_nrrd import write_seg_nrrd
from segae.labels.resolver import resolve
from SegAELib.mrml.binding import BINARY_LABELMAP, slicer
from SegAELib.mrml.case_nodes import CaseNodes
from SegAELib.mrml.matrices import volume_grid
from SegAELib.mrml.part_edits import add_part, remove_part
from SegAELib.mrml.scene_reader import read_masks, read_volume

TILTED = np.array([[0.0, -1.6, 0.2, 12.5], [2.0, 0.0, 0.0, -30.0], [0.0, 0.2, 3.0, 800.25], [0, 0, 0, 1]])
GRID = Grid((9, 8, 7), TILTED)


def box_mask(name, start, stop, organ=None):
    voxels = np.zeros(GRID.shape, bool)
    voxels[start:stop, start:stop, start:stop] = True
    return Segment.from_mask(name, resolve(organ or name).structure, voxels, GRID)


LIVER, SPLEEN, COLON = box_mask("liver", 0, 4), box_mask("spleen", 2, 6), box_mask("colon", 6, 6)


@pytest.fixture
def ct():
    voxels = np.random.default_rng(1).integers(-1000, 1000, GRID.shape).astype(np.int16)
    return Volume(voxels, GRID, "ct.nii.gz")


@pytest.fixture
def case(mini, ct):
    return CaseNodes(mini.scene, ct, [LIVER, SPLEEN, COLON], "case 1")


def test_ct_and_masks_lie_where_they_lie_in_the_files(case, ct):
    assert np.array_equal(read_volume(case.volume).voxels, ct.voxels)
    assert np.allclose(volume_grid(case.volume).affine, TILTED)
    masks = read_masks(case.segmentation, case.volume)
    for before in (LIVER, SPLEEN, COLON):
        assert np.array_equal(masks[before.name].full_mask(), before.full_mask())
    assert not case.edits()


def test_an_edit_is_found_and_is_none_any_more_once_it_is_taken_back_or_saved(case):
    part = box_mask("liver", 5, 7)
    add_part(case.segmentation, case.volume, "liver", part)
    edits = case.edits()
    (changed,) = edits.changed
    assert edits.names == {"liver"} and changed.structure == LIVER.structure
    assert np.array_equal(changed.full_mask(), LIVER.full_mask() | part.full_mask())
    assert np.array_equal(case.mask("liver").full_mask(), changed.full_mask())
    case.saved(edits)
    assert not case.edits()
    remove_part(case.segmentation, case.volume, "liver", part)
    assert case.edits().names == {"liver"}
    add_part(case.segmentation, case.volume, "liver", part)
    assert not case.edits()


def test_an_edit_that_is_made_while_another_is_saved_is_not_lost(case):
    add_part(case.segmentation, case.volume, "liver", box_mask("liver", 5, 6))
    edits = case.edits()
    add_part(case.segmentation, case.volume, "liver", box_mask("liver", 6, 7))
    case.saved(edits)
    assert case.edits().names == {"liver"}


def test_new_deleted_and_renamed_masks_are_found(case):
    content = case.segmentation.GetSegmentation()
    content.GetSegment("spleen").SetName("stomach")
    content.RemoveSegment("colon")
    content.AddEmptySegment("new", "kidney left")
    edits = case.edits()
    assert {one.name for one in edits.changed} == {"stomach", "kidney left"}
    assert set(edits.removed) == {"spleen", "colon"}
    by_name = {one.name: one for one in edits.changed}
    assert np.array_equal(by_name["stomach"].full_mask(), SPLEEN.full_mask())
    assert by_name["kidney left"].structure == resolve("kidney left").structure
    case.saved(edits)
    assert not case.edits() and case.mask("spleen") is None


def test_a_transform_over_both_nodes_is_no_edit(case, mini):
    matrix = np.eye(4)
    matrix[:3, 3] = (10, 20, 30)
    mini.add_transform(matrix, case.volume, case.segmentation)
    assert not case.edits()


def test_only_what_was_loaded_is_removed(case, mini, ct):
    scene = mini.scene
    own = mini.add_volume(np.zeros(GRID.shape, np.int16), TILTED, "own")
    before = {scene.GetNthNode(n).GetID() for n in range(scene.GetNumberOfNodes())}
    other = CaseNodes(scene, ct, [LIVER], "case 2")
    other.remove()
    other.remove()
    assert {scene.GetNthNode(n).GetID() for n in range(scene.GetNumberOfNodes())} == before
    assert own.GetScene() is scene and case.is_alive and not other.is_alive


def test_a_file_of_corrected_masks_is_read_by_slicer_with_names_codes_and_layers(mini, tmp_path):
    path = tmp_path / "case.seg.nrrd"
    with whole_file(path) as stream:
        write_seg_nrrd([LIVER, SPLEEN, COLON], GRID, stream)
    node = mini.scene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    storage = slicer.vtkMRMLSegmentationStorageNode()
    storage.SetFileName(str(path))
    assert storage.ReadData(node)
    content = node.GetSegmentation()
    names = {content.GetSegment(i).GetName(): i for i in content.GetSegmentIDs()}
    assert names.keys() == {"liver", "spleen", "colon"}
    assert content.GetNumberOfLayers(BINARY_LABELMAP) == 2, "liver and spleen overlap"
    assert "10200004" in content.GetSegment(names["liver"]).GetTerminology(), "SNOMED CT: liver"
    volume = mini.add_volume(np.zeros(GRID.shape, np.int16), TILTED)
    masks = read_masks(node, volume)
    for before in (LIVER, SPLEEN, COLON):
        assert np.array_equal(masks[names[before.name]].full_mask(), before.full_mask())
