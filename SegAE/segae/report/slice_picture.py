"""One axial slice with its mask and its predicted errors, as montage and page show it."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np

from segae.data import Segment, Volume
from segae.report.cutout import Cutout, cutout, plane_of
from segae.report.style import ERROR_COLOURS, new_figure, window

if TYPE_CHECKING:
    from matplotlib.axes import Axes

OPACITIES = {"missing": 0.55, "extra": 0.9}  # stripes let the picture through between them
FINE, STRIPE = 8, 12  # pixels drawn for one of the mask, and from one stripe to the next
THUMBNAIL, _DPI = 260, 130  # pixels, and pixels per inch

Errors = tuple[Segment, Segment]  # what is missing of a mask, and what is extra in it


def draw_slice(
    axes: Axes, cut: Cutout, structure: str, hue: str, errors: Errors | None, slice_in_file: int
) -> None:
    """Draw the CT in the window of `structure`, the outline of the mask and a frame in the colour `hue`, and
    where `errors` are given what is missing and what is extra."""
    low, high = window(structure)
    axes.imshow(cut.hu, cmap="gray", vmin=low, vmax=high, extent=cut.extent, interpolation="bilinear")
    if errors is not None:
        _draw_errors(axes, cut, errors, slice_in_file)
    _outline(axes, cut, hue)
    axes.set(xlim=cut.view[:2], ylim=cut.view[2:], aspect="equal", xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set(color=hue, linewidth=2.5)


def thumbnail(
    volume: Volume, segment: Segment, structure: str, slice_in_file: int, hue: str, errors: Errors | None
) -> bytes:
    """A WebP of `THUMBNAIL` x `THUMBNAIL` pixels of one slice of a mask on the grid of `volume`.

    Where the mask has no voxel in that slice, what is missing there is shown. Raises `InputError` when there
    is neither, or for a mask on another grid.
    """
    cut = cutout(volume, segment, slice_in_file, None if errors is None else errors[0])
    figure = new_figure(THUMBNAIL / _DPI, THUMBNAIL / _DPI)
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0), facecolor="black")
    draw_slice(axes, cut, structure, hue, errors, slice_in_file)
    stream = io.BytesIO()
    figure.savefig(stream, format="webp", dpi=_DPI, pil_kwargs={"quality": 80})
    return stream.getvalue()


def _draw_errors(axes: Axes, cut: Cutout, errors: Errors, slice_in_file: int) -> None:
    """What is missing as a plain area, what is extra striped, so that both are told apart without colours."""
    for key, mask in zip(ERROR_COLOURS, errors, strict=True):
        fine = np.kron(plane_of(mask, slice_in_file)[cut.part], np.ones((FINE, FINE), bool))
        if key == "extra":
            row, column = np.indices(fine.shape)
            fine = fine & ((row + column) % STRIPE < STRIPE / 2)
        picture = np.zeros((*fine.shape, 4))
        picture[fine] = (*(value / 255 for value in bytes.fromhex(ERROR_COLOURS[key][1:])), OPACITIES[key])
        axes.imshow(picture, extent=cut.extent, interpolation="nearest")


def _outline(axes: Axes, cut: Cutout, hue: str) -> None:
    """The border of the mask along the edges of its voxels, on a dark line so that it shows on bone."""
    from matplotlib.collections import LineCollection

    left, right, bottom, top = cut.extent
    rows, columns = cut.mask.shape
    padded = np.pad(cut.mask, 1).astype(np.int8)
    # Each edge as its two corners (row, column), counted from the upper left corner of the cutout.
    across = np.argwhere(np.diff(padded, axis=0))[:, None, :] + [[0, -1], [0, 0]]
    along = np.argwhere(np.diff(padded, axis=1))[:, None, :] + [[-1, 0], [0, 0]]
    corners = np.concatenate([across, along]) / [rows, columns]
    x, y = left + corners[..., 1] * (right - left), top + corners[..., 0] * (bottom - top)
    edges = list(np.stack([x, y], axis=-1))
    for style in ({"colors": "black", "linewidths": 3.2, "alpha": 0.5}, {"colors": hue, "linewidths": 1.6}):
        axes.add_collection(LineCollection(edges, capstyle="projecting", **style))
