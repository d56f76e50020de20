"""A CT as a network sees it: a stack of slices in its axis order, on its device."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from segae.data import Volume
from segae.geometry.grid import Grid
from segae.geometry.orientation import (
    FILE,
    orient_array,
    orient_grid,
    slice_axis_in_file,
    slice_index_in_file,
)
from segae.inputs.crops import Crops, square_crops
from segae.inputs.position import BodyOutline, body_outline
from segae.inputs.spec import InputSpec

_TORCH_TYPES = (np.uint8, np.int16, np.int32, np.float32)


@dataclass(frozen=True, eq=False)
class CTStack:
    """`voxels` (K, H, W) in HU: axial slices, their rows and columns in the axis order `orientation`. `grid`
    places them in the patient, `file_grid` is that of the file. `body` is there for networks that take
    position features."""

    voxels: Tensor
    grid: Grid
    file_grid: Grid
    orientation: str
    body: BodyOutline | None = None

    @classmethod
    def of(cls, volume: Volume, spec: InputSpec, device: torch.device | str = "cpu") -> CTStack:
        """`volume` in the axis order that `spec` asks for, on `device`, in its own number type where torch
        has it and in float32 otherwise."""
        voxels = orient_array(volume.voxels, volume.grid, spec.orientation)
        grid = orient_grid(volume.grid, spec.orientation)
        return _stack(voxels, grid, volume.grid, spec.orientation, spec.position_features, device)

    @classmethod
    def of_array(
        cls, voxels: np.ndarray, spacing: Sequence[float], *, body: bool = False, device: str = "cpu"
    ) -> CTStack:
        """`voxels` (K, H, W) that are in the network's axis order already, `spacing` millimetres apart
        (slices, rows, columns); with `body` the patient's outline is measured."""
        depth, rows, columns = voxels.shape
        grid = Grid((columns, rows, depth), np.diag([spacing[2], spacing[1], spacing[0], 1.0]))
        return _stack(voxels, grid, grid, FILE, body, device)

    @property
    def spacing(self) -> tuple[float, float, float]:
        """Millimetres between slices, rows and columns."""
        columns, rows, slices = self.grid.spacing.tolist()
        return (slices, rows, columns)

    @property
    def pixel_mm2(self) -> float:
        """Area of one pixel of a slice in square millimetres."""
        return self.spacing[1] * self.spacing[2]

    @property
    def device(self) -> torch.device:
        return self.voxels.device

    @property
    def slice_axis(self) -> str:
        """The file's axis, "i", "j" or "k", along which slices are counted."""
        return slice_axis_in_file(self.file_grid, self.orientation)

    def file_slice(self, k: int) -> int:
        """Index in the file of slice `k` of the stack."""
        return slice_index_in_file(k, self.file_grid, self.orientation)

    def with_neighbours(self, slices: np.ndarray, spec: InputSpec) -> np.ndarray:
        """Each of `slices` (n,) and the neighbours that `spec` wants (n, 1 + neighbours); beyond the ends the
        last slice stands for those that are not there."""
        steps = [0, *(round(mm / self.spacing[0]) for mm in spec.neighbours_mm)]
        return np.clip(slices[:, None] + np.array(steps), 0, len(self.voxels) - 1)

    def body_crops(self, slices: np.ndarray) -> Crops:
        """A square round the whole body in each of `slices` (n,)."""
        assert self.body is not None, "this stack was made without the body's outline"
        return square_crops(self.body.box[torch.from_numpy(slices)], self.spacing[1:])


def _stack(
    voxels: np.ndarray, grid: Grid, file_grid: Grid, code: str, body: bool, device: torch.device | str
) -> CTStack:
    # torch wants arrays that it may write to, though nothing here does.
    voxels = np.require(voxels, voxels.dtype if voxels.dtype in _TORCH_TYPES else np.float32, ["C", "W"])
    tensor = torch.from_numpy(voxels).to(device)
    columns, rows, slices = grid.spacing.tolist()
    outline = body_outline(tensor, (slices, rows, columns)) if body else None
    return CTStack(tensor, grid, file_grid, code, outline)
