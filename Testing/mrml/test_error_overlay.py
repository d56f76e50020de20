"""Missing and extra voxels over the user's segments, checked on rendered pixels."""

from __future__ import annotations

import numpy as np
import pytest

from segae.data import Segment
from segae.errors import InputError
from segae.geometry.grid import Grid
from segae.report.style import ERROR_COLOURS
from SegAELib.mrml.binding import nodes_of_class
from SegAELib.mrml.error_overlay import ErrorOverlay
from SegAELib.mrml.matrices import ijk_to_node
from SegAELib.mrml.nodes import OVERLAY_ATTRIBUTE
from SegAELib.mrml.scene_reader import read_segments
from SegAELib.mrml.slice_navigation import jump_to

LIVER, SLICE = 5, 20


@pytest.fixture
def case(mini, axial_view, sample_labels):
    """The bundled CT with its liver, half of which is called extra; beside it something is missing."""
    volume = mini.load_ct()
    labels = np.where(sample_labels == LIVER, sample_labels, 0)
    node = mini.add_segmentation([(labels, ijk_to_node(volume), {LIVER: "liver"})], volume)
    node.GetSegmentation().GetSegment("liver").SetColor(0.2, 0.2, 1.0)
    axial_view.show(volume)
    liver = read_segments(node, volume)["liver"]
    mask = liver.full_mask()
    middle = int(np.argwhere(mask)[:, 2].mean())
    extra, missing = mask.copy(), np.zeros_like(mask)
    extra[:, :, middle:] = False
    missing[SLICE] = np.roll(mask[SLICE], 12, axis=0) & ~mask[SLICE]
    errors = [Segment.from_mask(key, liver.structure, part, liver.grid) for key, part in (
        ("missing", missing), ("extra", extra))]  # fmt: skip
    return volume, node, errors


def nearest(pixel: np.ndarray) -> str:
    """The part whose hue is nearest to that of a pixel."""

    def hue(rgb: np.ndarray) -> np.ndarray:
        grey_free = rgb - rgb.min()
        return grey_free / max(grey_free.max(), 1)

    colours = {key: np.array(list(bytes.fromhex(c[1:]))) for key, c in ERROR_COLOURS.items()}
    return min(colours, key=lambda key: np.abs(hue(pixel) - hue(colours[key])).sum())


def place_in(mask: Segment) -> tuple[float, float, float]:
    """A voxel deep inside of a mask in the slice, in the world."""
    plane = mask.full_mask()[SLICE]
    inside = plane.copy()
    for shift in (1, -1):
        inside &= np.roll(plane, shift, 0) & np.roll(plane, shift, 1)
    j, i = np.argwhere(inside)[inside.sum() // 2]
    x, y, z = mask.grid.world(np.array([i, j, SLICE]))
    return (float(x), float(y), float(z))


def test_what_is_missing_and_what_is_extra_have_colours_of_their_own(mini, axial_view, case):
    volume, node, (missing, extra) = case
    ErrorOverlay(node, volume, missing, extra)
    for mask in (missing, extra):
        place = place_in(mask)
        jump_to(mini.scene, place)
        axial_view.grab()
        assert nearest(np.array(axial_view.pixel(place), int)) == mask.name


def test_removed_the_view_is_as_before_and_the_users_nodes_are_untouched(mini, axial_view, case):
    volume, node, (missing, extra) = case
    jump_to(mini.scene, place_in(extra))
    before, display = axial_view.grab(), node.GetDisplayNode()
    state = (node.GetMTime(), display.GetMTime(), node.GetSegmentation().GetMTime())
    overlay = ErrorOverlay(node, volume, missing, extra)
    assert not np.array_equal(axial_view.grab(), before)
    overlay.remove()
    overlay.remove()
    assert np.array_equal(axial_view.grab(), before)
    assert state == (node.GetMTime(), display.GetMTime(), node.GetSegmentation().GetMTime())
    assert len(nodes_of_class(mini.scene, "vtkMRMLSegmentationNode")) == 1


def test_the_node_is_hidden_and_saved_only_when_asked(case):
    volume, node, (missing, extra) = case
    overlay = ErrorOverlay(node, volume, missing, extra)
    parts = (overlay.node, overlay.node.GetDisplayNode())
    assert overlay.node.GetHideFromEditors() and not any(part.GetSaveWithScene() for part in parts)
    assert overlay.node.GetAttribute(OVERLAY_ATTRIBUTE) == node.GetID()
    overlay.keep_with_scene(True)
    parts = (overlay.node, overlay.node.GetDisplayNode())
    assert not overlay.node.GetHideFromEditors() and all(part.GetSaveWithScene() for part in parts)


def test_errors_of_another_grid_are_refused(case):
    volume, node, (_, extra) = case
    small = Grid((2, 2, 2), np.eye(4))
    other = Segment.from_mask("missing", None, np.ones((2, 2, 2), bool), small)
    with pytest.raises(InputError, match="look for them again"):
        ErrorOverlay(node, volume, other, extra)


def test_one_of_both_may_be_empty(case):
    volume, node, (missing, extra) = case
    none = Segment.from_mask("missing", None, np.zeros(missing.grid.shape, bool), missing.grid)
    assert ErrorOverlay(node, volume, none, extra).is_alive


def test_both_colours_differ_in_lightness():
    def lightness(colour: str) -> float:
        red, green, blue = (value / 255 for value in bytes.fromhex(colour[1:]))
        return 0.2126 * red**2.2 + 0.7152 * green**2.2 + 0.0722 * blue**2.2

    light, dark = (lightness(ERROR_COLOURS[key]) + 0.05 for key in ("missing", "extra"))
    assert light / dark > 2.5
