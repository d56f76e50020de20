"""Labels of the segments of a segmentation node, layer by layer, on the voxels of a volume."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import product

import numpy as np
import vtk
from vtkmodules.util.numpy_support import vtk_to_numpy

from segae.errors import InputError
from segae.geometry.box import Box
from segae.geometry.grid import Grid
from SegAELib.mrml.binding import BINARY_LABELMAP, OrientedImage, SegmentationNode, VolumeNode, slicer
from SegAELib.mrml.matrices import between_nodes, ijk_to_node, image_to_node, to_vtk, volume_grid
from SegAELib.mrml.nodes import require_segmentation

SAME_WITHIN_VOXELS = 1e-3  # voxels closer than this are taken for the same ones


@dataclass(frozen=True, eq=False)
class LabelLayer:
    """Labels of several segments that do not overlap.

    `labels` are the voxels of `box` (k, j, i) on the volume's grid, perhaps a view into the scene's own
    memory: an edit shows in them, and they are not to be written. `values` gives the label of each segment
    id.
    """

    labels: np.ndarray
    box: Box
    values: dict[str, int]


def label_layers(
    node: SegmentationNode, volume: VolumeNode, segment_ids: Collection[str] | None = None
) -> Iterator[LabelLayer]:
    """Layers of `node` on the voxels of `volume`, nearest neighbour, parent transforms of both applied.

    Layers without one of `segment_ids` (None: all), and layers outside the volume, are left out. Which layer
    holds which segment is looked up at the first step; each layer is read at a step of its own. Raises
    `InputError` for nodes that cannot be read and for segments that cannot be turned into voxels.
    """
    require_segmentation(node)
    grid = volume_grid(volume)
    to_volume = between_nodes(node, volume)
    for values, image_of in _stored(node, volume, segment_ids):
        image = image_of()
        if image is None or image.IsEmpty():
            continue
        labels, box = _on_volume(image, volume, grid, to_volume)
        if labels.size:
            yield LabelLayer(labels, box, values)


def has_voxels(node: SegmentationNode, volume: VolumeNode, segment_ids: Collection[str]) -> bool:
    """Whether one of the segments has a voxel anywhere, on the volume or not; errors as in `label_layers`."""
    for values, image_of in _stored(node, volume, segment_ids):
        image = image_of()
        if image is not None and not image.IsEmpty():
            scalars = vtk_to_numpy(image.GetPointData().GetScalars())
            if any(np.any(scalars == value) for value in set(values.values())):
                return True
    return False


def _stored(
    node: SegmentationNode, volume: VolumeNode, segment_ids: Collection[str] | None
) -> list[tuple[dict[str, int], Callable[[], OrientedImage | None]]]:
    """The label of each segment in a layer, and what gives the layer's image. Surfaces have a layer each, and
    are turned into voxels when its image is asked for; the node is not changed."""
    segmentation = node.GetSegmentation()
    chosen = [i for i in segmentation.GetSegmentIDs() if segment_ids is None or i in segment_ids]
    if not segmentation.ContainsRepresentation(BINARY_LABELMAP):
        return [({i: 1}, partial(_voxelised, node, volume, i)) for i in chosen]
    layers = []
    for number in range(segmentation.GetNumberOfLayers(BINARY_LABELMAP)):
        ids = [i for i in segmentation.GetSegmentIDsForLayer(number, BINARY_LABELMAP) if i in chosen]
        if ids:
            image = segmentation.GetLayerDataObject(number, BINARY_LABELMAP)
            values = {i: int(segmentation.GetSegment(i).GetLabelValue()) for i in ids}
            layers.append((values, partial(_itself, image)))
    return layers


def _itself(image: OrientedImage | None) -> OrientedImage | None:
    return image


def _voxelised(node: SegmentationNode, volume: VolumeNode, segment_id: str) -> OrientedImage | None:
    """The voxels (0, 1) of a segment that is a surface; raises `InputError` when there is no way to them."""
    segmentation = node.GetSegmentation()
    segment = segmentation.GetSegment(segment_id)
    if segment is None:  # removed meanwhile
        return None
    copy, own = slicer.vtkSegmentation(), slicer.vtkSegment()
    own.DeepCopy(segment)
    own.SetLabelValue(1)
    copy.SetSourceRepresentationName(segmentation.GetSourceRepresentationName())
    copy.AddSegment(own, segment_id)
    converter = slicer.vtkSegmentationConverter
    copy.SetConversionParameter(
        converter.GetReferenceImageGeometryParameterName(), converter.SerializeImageGeometry(_frame(volume))
    )
    if not copy.CreateRepresentation(BINARY_LABELMAP):
        raise InputError(
            f'Segmentation "{node.GetName()}" holds {segmentation.GetSourceRepresentationName()} that '
            "cannot be turned into voxels; create a binary labelmap in the Segmentations module."
        )
    return own.GetRepresentation(BINARY_LABELMAP)


def _on_volume(
    image: OrientedImage, volume: VolumeNode, grid: Grid, to_volume: np.ndarray
) -> tuple[np.ndarray, Box]:
    """Voxels of a layer on the volume, and the box (k, j, i) of the volume that they fill."""
    to_ijk = np.linalg.inv(ijk_to_node(volume)) @ to_volume @ image_to_node(image)
    extent = np.array(image.GetExtent()).reshape(3, 2)
    shift = _shift_between(to_ijk, extent)
    if shift is not None:
        return _cut(image, extent, shift, grid)
    low, high = _reach(to_ijk, extent, grid)
    if np.any(high < low):
        return np.zeros((0, 0, 0), np.uint8), Box.empty()
    return _resample(image, np.linalg.inv(to_ijk), low, high), _box(low, high)


def _resample(image: OrientedImage, to_layer: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Labels (k, j, i) at the voxels from `low` to `high` of the volume, 0 outside of the layer.

    All in index space: `to_layer` takes a voxel index of the volume to one of the layer. (Slicer's own
    resampling of oriented images gives the same voxels and takes five times as long.)
    """
    plain = vtk.vtkImageData()
    plain.ShallowCopy(image)
    plain.SetOrigin(0, 0, 0)
    plain.SetSpacing(1, 1, 1)
    plain.SetDirectionMatrix(1, 0, 0, 0, 1, 0, 0, 0, 1)
    reslice = vtk.vtkImageReslice()
    reslice.SetInputData(plain)
    reslice.SetResliceAxes(to_vtk(to_layer))
    reslice.SetInterpolationModeToNearestNeighbor()
    reslice.SetBackgroundLevel(0)
    reslice.SetOutputOrigin(0, 0, 0)
    reslice.SetOutputSpacing(1, 1, 1)
    reslice.SetOutputExtent(np.stack((low, high), axis=1).ravel().tolist())
    reslice.Update()
    return _voxels(reslice.GetOutput())


def _shift_between(to_ijk: np.ndarray, extent: np.ndarray) -> np.ndarray | None:
    """The whole number of voxels (i, j, k) between two grids that are otherwise the same, else None."""
    corners = np.array([(*corner, 1) for corner in product(*extent)], float)
    moves = (corners @ to_ijk.T - corners)[:, :3]
    shift = np.rint(moves[0])
    return shift.astype(int) if np.abs(moves - shift).max() < SAME_WITHIN_VOXELS else None


def _cut(image: OrientedImage, extent: np.ndarray, shift: np.ndarray, grid: Grid) -> tuple[np.ndarray, Box]:
    """View of the part of a layer that lies inside the grid; no voxel is copied."""
    start = extent[:, 0] + shift
    low = np.maximum(start, 0)
    high = np.minimum(extent[:, 1] + shift, np.array(grid.size) - 1)
    if np.any(high < low):
        return np.zeros((0, 0, 0), np.uint8), Box.empty()
    return _voxels(image)[_box(low - start, high - start).slices], _box(low, high)


def _reach(to_ijk: np.ndarray, extent: np.ndarray, grid: Grid) -> tuple[np.ndarray, np.ndarray]:
    """Lowest and highest voxel (i, j, k) of the grid that a layer, outer faces included, can touch."""
    corners = np.array([(*corner, 1) for corner in product(*(extent + np.array([-0.5, 0.5])))])
    index = (corners @ to_ijk.T)[:, :3]
    low = np.maximum(np.floor(index.min(axis=0)), 0).astype(int)
    high = np.minimum(np.ceil(index.max(axis=0)), np.array(grid.size) - 1).astype(int)
    return low, high


def _frame(volume: VolumeNode) -> OrientedImage:
    """An image without voxels that carries the geometry of `volume` in the volume's own space."""
    frame = slicer.vtkOrientedImageData()
    frame.SetExtent(volume.GetImageData().GetExtent())
    frame.SetImageToWorldMatrix(to_vtk(ijk_to_node(volume)))
    return frame


def _voxels(image: OrientedImage) -> np.ndarray:
    return vtk_to_numpy(image.GetPointData().GetScalars()).reshape(image.GetDimensions()[::-1])


def _box(low: np.ndarray, high: np.ndarray) -> Box:
    """Box (k, j, i) of the voxels from `low` to `high` (i, j, k), both included."""
    return Box.of_ends(low[::-1], high[::-1] + 1)
