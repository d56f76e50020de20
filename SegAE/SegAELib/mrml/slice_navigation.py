"""Slice views and slices of a volume: go to a place, and tell what is shown."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import vtk

from segae.geometry.grid import Grid
from SegAELib.mrml.binding import Node, Scene, SliceNode, nodes_of_class
from SegAELib.mrml.matrices import to_numpy

PARALLEL_WITHIN = np.cos(np.radians(0.5))  # a view tilted by more than this shows no single slice


def slice_nodes(scene: Scene, view_group: int | None = None) -> list[SliceNode]:
    """All slice nodes of a scene, or those of one view group."""
    nodes = nodes_of_class(scene, "vtkMRMLSliceNode")
    return [node for node in nodes if view_group is None or node.GetViewGroup() == view_group]


def slice_composites(scene: Scene) -> list[Node]:
    """What tells which volumes the slice views show."""
    return nodes_of_class(scene, "vtkMRMLSliceCompositeNode")


def jump_to(
    scene: Scene, position: Sequence[float], *, centred: bool = False, view_group: int | None = None
) -> None:
    """Move all slice views (of one view group) to `position`, RAS mm in the world.

    Pan and zoom stay as they are, unless `centred` brings the position into the middle of each view.
    """
    x, y, z = (float(value) for value in position)
    for node in slice_nodes(scene, view_group):
        if centred:
            node.JumpSliceByCentering(x, y, z)
        else:
            node.JumpSliceByOffsetting(x, y, z)


def slice_centre(grid: Grid, axis: int, index: int) -> tuple[float, float, float]:
    """World position (RAS mm) of the middle of slice `index` along array axis `axis` (0, 1, 2 = k, j, i)."""
    ijk = (np.array(grid.size) - 1) / 2
    ijk[2 - axis] = index
    x, y, z = grid.world(ijk)
    return (float(x), float(y), float(z))


def shown_slice(node: SliceNode, grid: Grid, axis: int) -> int | None:
    """The slice of `grid` (`volume_grid` of the node, parent transforms included) that a slice view shows.

    Counts along array axis `axis` (0, 1, 2 = k, j, i). None when the view cuts across that axis, is tilted by
    more than half a degree, or lies outside of the volume.
    """
    if _alignment(node, grid, axis) < PARALLEL_WITHIN:
        return None
    plane = to_numpy(node.GetSliceToRAS())
    index = (np.linalg.inv(grid.affine) @ plane[:, 3])[2 - axis]
    # A view half way between two slices shows the nearer one; + 1e-6 as offsets are sums of rounded steps.
    nearest = int(np.floor(index + 0.5 + 1e-6))
    return nearest if 0 <= nearest < grid.size[2 - axis] else None


def nearest_view(scene: Scene, grid: Grid, axis: int) -> SliceNode | None:
    """The slice node whose plane is closest to the slices along `axis`; None without slice views."""
    return max(slice_nodes(scene), key=lambda node: _alignment(node, grid, axis), default=None)


def turn_to_slices(node: SliceNode, grid: Grid, axis: int) -> None:
    """Turn a slice view so that it lies in the slices of an oblique volume, by the smallest rotation.

    The view then is called "Reformat"; `node.SetOrientationToDefault()` undoes it.
    """
    target = _normal(grid, axis)
    plane = to_numpy(node.GetSliceToRAS())
    normal = plane[:3, 2]
    target = target if normal @ target >= 0 else -target
    turn = np.cross(normal, target)
    sine, cosine = np.linalg.norm(turn), normal @ target
    if sine < 1e-9:
        return
    transform = vtk.vtkTransform()
    transform.RotateWXYZ(float(np.degrees(np.arctan2(sine, cosine))), *(turn / sine).tolist())
    rotated = to_numpy(transform.GetMatrix())[:3, :3] @ plane[:3, :3]
    matrix = node.GetSliceToRAS()
    for row in range(3):
        for column in range(3):
            matrix.SetElement(row, column, rotated[row, column])
    node.UpdateMatrices()


def _alignment(node: SliceNode, grid: Grid, axis: int) -> float:
    """Cosine between the normals of a view and of the slices along `axis`, 0..1."""
    normal = to_numpy(node.GetSliceToRAS())[:3, 2]
    return float(abs(normal @ _normal(grid, axis)) / np.linalg.norm(normal))


def _normal(grid: Grid, axis: int) -> np.ndarray:
    """Unit normal of the planes of the two other axes (not the axis itself, where the grid is sheared)."""
    first, second = (grid.directions[:, 2 - a] for a in range(3) if a != axis)
    normal = np.cross(first, second)
    return normal / np.linalg.norm(normal)
