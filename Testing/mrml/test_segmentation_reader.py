"""Segments come out of a scene as they are in the file, whatever layers, transforms and axes lie between."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np
import pytest
import vtk
from vtkmodules.util.numpy_support import vtk_to_numpy

from segae.errors import InputError
from segae.geometry.box import boxes_of_labels
from SegAELib.mrml.binding import BINARY_LABELMAP, slicer
from SegAELib.mrml.matrices import ijk_to_node, to_vtk, volume_grid
from SegAELib.mrml.scene_reader import read_case, read_segments, segment_names

AFFINE = np.array([[0.8, 0, 0, -20], [0, 0.9, 0, 10], [0, 0, 2.5, -40], [0, 0, 0, 1.0]])
SHAPE = (12, 20, 24)


def blocks() -> np.ndarray:
    """Three blocks, none symmetric in any axis."""
    labels = np.zeros(SHAPE, np.uint8)
    labels[2:6, 3:9, 4:15] = 1
    labels[6:9, 3:12, 15:20] = 2
    labels[9:11, 13:19, 2:7] = 5
    return labels


NAMES = {1: "liver", 2: "spleen", 5: "kidney_left"}


def masks(segments) -> dict[str, np.ndarray]:
    return {segment_id: segment.full_mask() for segment_id, segment in segments.items()}


def brute_force(labels, from_affine, shape, to_affine, value) -> np.ndarray:
    """Nearest neighbour, voxel by voxel, in plain numpy."""
    k, j, i = np.indices(shape)
    points = np.stack([i, j, k, np.ones_like(i)], axis=-1) @ (np.linalg.inv(from_affine) @ to_affine).T
    ijk = np.floor(points[..., :3] + 0.5 + 1e-9).astype(int)
    inside = np.all((ijk >= 0) & (ijk < labels.shape[::-1]), axis=-1)
    index = np.where(inside[..., None], ijk, 0)
    return inside & (labels[index[..., 2], index[..., 1], index[..., 0]] == value)


def rotation(degrees: float, shift=(0.0, 0.0, 0.0)) -> np.ndarray:
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    matrix = np.eye(4)
    matrix[:2, :2] = [[c, -s], [s, c]]
    matrix[:3, 3] = shift
    return matrix


def test_a_shared_layer_gives_every_segment_its_own_voxels(mini):
    volume = mini.add_volume(np.zeros(SHAPE, np.int16), AFFINE)
    node = mini.add_segmentation([(blocks(), AFFINE, NAMES)], volume)
    found = masks(read_segments(node, volume))
    assert list(found) == ["liver", "spleen", "kidney_left"]
    for value, name in NAMES.items():
        np.testing.assert_array_equal(found[name], blocks() == value)


def test_overlapping_segments_keep_all_their_voxels(mini):
    volume = mini.add_volume(np.zeros(SHAPE, np.int16), AFFINE)
    body = np.zeros(SHAPE, np.uint8)
    body[1:11, 2:19, 1:22] = 1
    node = mini.add_segmentation([(blocks(), AFFINE, NAMES), (body, AFFINE, {1: "body"})], volume)
    assert node.GetSegmentation().GetNumberOfLayers(BINARY_LABELMAP) == 2
    found = masks(read_segments(node, volume))
    np.testing.assert_array_equal(found["body"], body == 1)
    np.testing.assert_array_equal(found["liver"], blocks() == 1)


def test_a_labelmap_cropped_to_what_was_painted_lies_at_its_extent(mini):
    volume = mini.add_volume(np.zeros(SHAPE, np.int16), AFFINE)
    node = mini.add_segmentation([(blocks()[2:11, 3:19, 2:20], AFFINE, NAMES)], volume, start=(2, 3, 2))
    np.testing.assert_array_equal(read_segments(node, volume)["spleen"].full_mask(), blocks() == 2)


def test_a_segmentation_larger_than_the_volume_is_cut_to_it(mini):
    moved = AFFINE.copy()
    moved[:3, 3] = (AFFINE @ [5, 4, 3, 1])[:3]
    volume = mini.add_volume(np.zeros((7, 10, 12), np.int16), moved)
    node = mini.add_segmentation([(blocks(), AFFINE, NAMES)], volume)
    np.testing.assert_array_equal(
        read_segments(node, volume)["liver"].full_mask(), (blocks() == 1)[3:10, 4:14, 5:17]
    )


def test_empty_segments_and_segments_without_labelmap_are_listed_as_empty(mini):
    volume = mini.add_volume(np.zeros(SHAPE, np.int16), AFFINE)
    node = mini.add_segmentation([(blocks(), AFFINE, {**NAMES, 77: "pancreas"})], volume)
    new = node.GetSegmentation().AddEmptySegment("new", "stomach")
    segments = read_segments(node, volume)
    assert segments["pancreas"].is_empty and segments[new].is_empty
    assert segments["pancreas"].full_mask().shape == SHAPE


@pytest.mark.parametrize("flips", list(product((1, -1), repeat=3)))
@pytest.mark.parametrize("axes", list(permutations(range(3))))
def test_all_48_ways_to_store_a_volume_place_the_segment_alike(mini, axes, flips):
    """The volume is stored in another axis order than the segmentation; every voxel keeps its place."""
    to_file = np.zeros((4, 4))
    to_file[3, 3] = 1
    size = np.array(SHAPE[::-1])
    for column, (axis, flip) in enumerate(zip(axes, flips, strict=True)):
        to_file[axis, column] = flip
        to_file[axis, 3] += size[axis] - 1 if flip < 0 else 0
    affine = AFFINE @ to_file
    shape = tuple(int(n) for n in size[list(axes)][::-1])
    volume = mini.add_volume(np.zeros(shape, np.int16), affine)
    node = mini.add_segmentation([(blocks(), AFFINE, NAMES)], volume)
    for value, name in NAMES.items():
        expected = brute_force(blocks(), AFFINE, shape, affine, value)
        assert expected.sum() == (blocks() == value).sum()
        np.testing.assert_array_equal(read_segments(node, volume)[name].full_mask(), expected)


@pytest.mark.parametrize("on_segmentation", [None, rotation(0, (3.2, -2.7, 2.5)), rotation(17, (4, 1, 2))])
@pytest.mark.parametrize("on_volume", [None, rotation(0, (-2.4, 1.8, 1.0)), rotation(-8, (1, 2, -1))])
def test_parent_transforms_of_both_nodes_are_applied(mini, on_segmentation, on_volume):
    volume = mini.add_volume(np.zeros(SHAPE, np.int16), AFFINE)
    node = mini.add_segmentation([(blocks(), AFFINE, NAMES)], volume)
    affines = []
    for target, matrix in ((node, on_segmentation), (volume, on_volume)):
        if matrix is not None:
            mini.add_transform(matrix, target)
        affines.append((np.eye(4) if matrix is None else matrix) @ AFFINE)
    grid = volume_grid(volume)
    np.testing.assert_allclose(grid.affine, affines[1], atol=1e-9)
    for value, name in NAMES.items():
        expected = brute_force(blocks(), affines[0], SHAPE, affines[1], value)
        difference = read_segments(node, volume)[name].full_mask() ^ expected
        assert expected.any() and difference.sum() <= 0.005 * expected.sum()  # ties of nearest neighbours


def test_the_same_transform_on_both_changes_no_voxel(mini):
    volume = mini.add_volume(np.zeros(SHAPE, np.int16), AFFINE)
    node = mini.add_segmentation([(blocks(), AFFINE, NAMES)], volume)
    mini.add_transform(rotation(33, (10, 20, 30)), node, volume)
    np.testing.assert_array_equal(read_segments(node, volume)["liver"].full_mask(), blocks() == 1)


def test_resampling_gives_the_voxels_that_slicer_gives(mini):
    fine = AFFINE @ np.diag([0.7, 0.8, 0.6, 1])
    fine[:3, 3] += (0.3, 0.2, 0.4)
    volume = mini.add_volume(np.zeros((18, 24, 30), np.int16), rotation(11) @ fine)
    node = mini.add_segmentation([(blocks(), rotation(11) @ AFFINE, NAMES)], volume)
    frame, out = slicer.vtkOrientedImageData(), slicer.vtkOrientedImageData()
    frame.SetExtent(volume.GetImageData().GetExtent())
    frame.SetImageToWorldMatrix(to_vtk(ijk_to_node(volume)))
    layer = node.GetSegmentation().GetLayerDataObject(0, BINARY_LABELMAP)
    resample = slicer.vtkOrientedImageDataResample.ResampleOrientedImageToReferenceOrientedImage
    assert resample(layer, frame, out, False, False, None, 0)
    expected = vtk_to_numpy(out.GetPointData().GetScalars()).reshape(18, 24, 30)
    found = read_segments(node, volume)
    for value, name in NAMES.items():
        np.testing.assert_array_equal(found[name].full_mask(), expected == value)


def test_surfaces_are_voxelised_in_a_copy_and_the_node_keeps_what_it_had(mini):
    slicer.vtkSegmentationConverterFactory.GetInstance().RegisterConverterRule(
        slicer.vtkClosedSurfaceToBinaryLabelmapConversionRule()
    )
    volume = mini.add_volume(np.zeros((40, 40, 40), np.int16), np.eye(4))
    sphere = vtk.vtkSphereSource()
    sphere.SetCenter(20, 19, 18)
    sphere.SetRadius(10)
    sphere.SetPhiResolution(60)
    sphere.SetThetaResolution(60)
    sphere.Update()
    node = mini.scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Surfaces")
    segmentation = node.GetSegmentation()
    segmentation.SetSourceRepresentationName("Closed surface")
    segment = slicer.vtkSegment()
    segment.SetName("liver")
    segment.AddRepresentation("Closed surface", sphere.GetOutput())
    segmentation.AddSegment(segment, "liver")
    voxels = read_segments(node, volume)["liver"].full_mask()
    assert voxels.sum() == pytest.approx(4 / 3 * np.pi * 1000, rel=0.03)
    np.testing.assert_allclose(np.argwhere(voxels).mean(axis=0), (18, 19, 20), atol=0.1)
    assert not segmentation.ContainsRepresentation(BINARY_LABELMAP)


def test_segments_of_the_same_name_get_names_of_their_own(mini):
    volume = mini.add_volume(np.zeros(SHAPE, np.int16), AFFINE)
    node = mini.add_segmentation([(blocks(), AFFINE, NAMES)], volume)
    node.GetSegmentation().GetSegment("spleen").SetName("liver")
    assert segment_names(node) == {
        "liver": "liver [liver]", "spleen": "liver [spleen]", "kidney_left": "kidney_left",
    }  # fmt: skip
    assert read_case(node).segment_ids["liver [spleen]"] == "spleen"


def test_only_the_chosen_segments_are_read(mini):
    volume = mini.add_volume(np.zeros(SHAPE, np.int16), AFFINE)
    node = mini.add_segmentation([(blocks(), AFFINE, NAMES)], volume)
    assert list(read_segments(node, volume, segment_ids=["spleen"])) == ["spleen"]
    with pytest.raises(InputError, match="has no segment heart"):
        read_segments(node, volume, segment_ids=["heart"])


def test_the_bundled_case_reads_like_its_file(mini, sample_labels):
    volume = mini.load_ct()
    grid = volume_grid(volume)
    names = {int(value): f"label {value}" for value in np.unique(sample_labels) if value}
    node = mini.add_segmentation([(sample_labels, ijk_to_node(volume), names)], volume)
    case = read_case(node)
    assert len(names) > 30 and case.volume.voxels.dtype == np.int16 and case.volume.voxels.min() < -900
    assert case.volume.grid.shape == sample_labels.shape == grid.shape
    for value, name in names.items():
        np.testing.assert_array_equal(case.segments[name].full_mask(), sample_labels == value)


def test_120_segments_of_512_x_512_x_400_voxels_are_each_read_with_their_own_voxels(mini):
    shape, blocks = (400, 512, 512), np.arange(1, 121, dtype=np.uint8).reshape(4, 5, 6)
    k, j, i = np.ogrid[-1:1:100j, -1:1:102j, -1:1:85j]
    ball = k**2 + j**2 + i**2 <= 1
    labels = np.zeros(shape, np.uint8)
    labels[:400, :510, :510] = np.kron(blocks, ball)
    volume = mini.add_volume(np.zeros(shape, np.uint8), np.diag([0.7, 0.7, 1, 1]))
    names = {n: f"organ {n}" for n in range(1, 121)}
    node = mini.add_segmentation([(labels, np.diag([0.7, 0.7, 1, 1]), names)], volume)
    segments = read_segments(node, volume)
    voxels = {name: int(np.unpackbits(segment.bits).sum()) for name, segment in segments.items()}
    assert set(voxels.values()) == {int(ball.sum())} and len(voxels) == 120
    # Slicer copies a shared labelmap for each segment that is removed: with the scene this took 50 s.
    node.GetSegmentation().GetLayerDataObject(0, BINARY_LABELMAP).Initialize()


def test_a_large_layer_is_looked_at_in_slabs_and_reads_the_same(mini, monkeypatch):
    volume = mini.add_volume(np.zeros(SHAPE, np.int32), AFFINE)
    node = mini.add_segmentation([(blocks(), AFFINE, NAMES)], volume)
    at_once = read_case(node)
    sizes = []

    def boxes(labels, values):
        sizes.append(labels.size)
        return boxes_of_labels(labels, values)

    monkeypatch.setattr("SegAELib.mrml.scene_reader.boxes_of_labels", boxes)
    slab = 2 * SHAPE[1] * SHAPE[2]
    monkeypatch.setattr("SegAELib.mrml.scene_reader._PART", slab)
    in_slabs = read_case(node)
    assert max(sizes) == slab and sum(sizes) <= blocks().size
    np.testing.assert_array_equal(in_slabs.volume.voxels, at_once.volume.voxels)
    for name, segment in at_once.segments.items():
        np.testing.assert_array_equal(in_slabs.segments[name].full_mask(), segment.full_mask())
