"""What cannot be scored is said in one sentence, and never as a traceback of VTK."""

from __future__ import annotations

import numpy as np
import pytest
import vtk

from segae.errors import InputError
from SegAELib.mrml.binding import slicer
from SegAELib.mrml.nodes import OVERLAY_ATTRIBUTE, reference_volume
from SegAELib.mrml.scene_reader import read_case, read_segments


@pytest.fixture
def nodes(mini):
    labels = np.zeros((4, 6, 8), np.uint8)
    labels[1:3, 2:5, 2:6] = 1
    volume = mini.add_volume(np.zeros((4, 6, 8), np.int16), np.eye(4))
    return mini.add_segmentation([(labels, np.eye(4), {1: "liver"})], volume), volume


def one_sentence(error: pytest.ExceptionInfo[InputError]) -> str:
    text = str(error.value)
    assert text.endswith(".") and "\n" not in text and ". " not in text
    return text


def test_the_reference_volume_is_the_one_the_segmentation_was_drawn_on(nodes):
    node, volume = nodes
    assert reference_volume(node) is volume


def test_a_segmentation_without_reference_volume(mini, nodes):
    lonely = mini.add_segmentation([(np.ones((2, 2, 2), np.uint8), np.eye(4), {1: "liver"})], name="Lonely")
    with pytest.raises(InputError) as error:
        read_case(lonely)
    assert one_sentence(error).startswith('Segmentation "Lonely" names no reference volume; choose the CT')


def test_a_segmentation_or_a_ct_that_was_deleted(mini, nodes):
    node, volume = nodes
    mini.scene.RemoveNode(volume)
    with pytest.raises(InputError) as error:
        read_segments(node, volume)
    assert one_sentence(error).startswith('The CT "CT" was removed from the scene')
    mini.scene.RemoveNode(node)
    with pytest.raises(InputError) as error:
        read_case(node)
    assert one_sentence(error).startswith('The segmentation "Organs" was removed from the scene')


def test_nodes_of_a_closed_scene(mini, nodes):
    node, volume = nodes
    mini.scene.Clear(0)
    with pytest.raises(InputError, match="was removed from the scene"):
        read_segments(node, volume)


def test_no_node_at_all(nodes):
    with pytest.raises(InputError, match="There is no node for the CT; choose one"):
        read_segments(nodes[0], None)
    with pytest.raises(InputError, match="There is no node for the segmentation; choose one"):
        read_case(None)


@pytest.mark.parametrize("which", [0, 1])
def test_a_non_linear_transform_above_either_node(mini, nodes, which):
    grid = vtk.vtkImageData()
    grid.SetDimensions(3, 3, 3)
    grid.AllocateScalars(vtk.VTK_DOUBLE, 3)
    grid.GetPointData().GetScalars().Fill(0.5)
    displacement = slicer.vtkOrientedGridTransform()
    displacement.SetDisplacementGridData(grid)
    bend = mini.scene.AddNewNodeByClass("vtkMRMLGridTransformNode", "Bend")
    bend.SetAndObserveTransformToParent(displacement)
    nodes[which].SetAndObserveTransformNodeID(bend.GetID())
    with pytest.raises(InputError) as error:
        read_segments(*nodes)
    text = str(error.value)
    assert f'"{nodes[which].GetName()}" lies under the non-linear transform "Bend"; harden' in text


def test_a_segmentation_of_another_patient(mini, nodes):
    node, _ = nodes
    away = np.eye(4)
    away[:3, 3] = 1000
    other = mini.add_volume(np.zeros((4, 6, 8), np.int16), away, "Other CT")
    with pytest.raises(InputError) as error:
        read_segments(node, other)
    assert one_sentence(error) == (
        'No segment of "Organs" lies inside the volume "Other CT"; choose the CT it was drawn on.'
    )


def test_the_colours_of_segae_itself_are_not_scored(nodes):
    node, volume = nodes
    node.SetAttribute(OVERLAY_ATTRIBUTE, "anything")
    with pytest.raises(InputError) as error:
        read_segments(node, volume)
    assert "shows the scores of another segmentation" in one_sentence(error)


def test_a_labelmap_is_no_ct(mini, nodes):
    labels = mini.scene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode", "Labels")
    with pytest.raises(InputError, match='"Labels" is not a CT'):
        read_segments(nodes[0], labels)


def test_surfaces_that_cannot_be_voxelised(mini, nodes):
    node = mini.scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Contours")
    segmentation = node.GetSegmentation()
    segmentation.SetSourceRepresentationName("Planar contours")
    segment = slicer.vtkSegment()
    segment.SetName("liver")
    segment.AddRepresentation("Planar contours", vtk.vtkPolyData())
    segmentation.AddSegment(segment, "liver")
    with pytest.raises(
        InputError, match='"Contours" holds Planar contours that cannot be turned into voxels'
    ):
        read_segments(node, nodes[1])
