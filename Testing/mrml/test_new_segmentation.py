"""A segmentation node made of masks from files."""

from __future__ import annotations

import numpy as np
import pytest

from segae.data import Segment, Segmentation
from segae.errors import InputError
from segae.labels import resolve
from SegAELib.mrml.binding import BINARY_LABELMAP
from SegAELib.mrml.matrices import volume_grid
from SegAELib.mrml.new_segmentation import add_segmentation
from SegAELib.mrml.scene_reader import read_masks
from SegAELib.mrml.segment_names import Naming, label_values, namings_by_value


def mask_of(grid, name, *ranges):
    voxels = np.zeros(grid.shape, bool)
    voxels[tuple(slice(*ends) for ends in ranges)] = True
    try:
        structure = resolve(name).structure
    except InputError:
        structure = None
    return Segment.from_mask(name, structure, voxels, grid)


@pytest.fixture
def volume(mini):
    return mini.load_ct()


@pytest.mark.parametrize("moved", [False, True])
def test_every_mask_comes_back_as_it_was_overlaps_included(mini, volume, moved):
    if moved:
        mini.add_transform(np.diag((-1.0, 1.0, 1.0, 1.0)), volume)
    grid = volume_grid(volume)
    if moved:  # the files know nothing of the transform
        volume.SetAndObserveTransformNodeID(None)
        grid = volume_grid(volume)
        mini.add_transform(np.diag((-1.0, 1.0, 1.0, 1.0)), volume)
    masks = [
        mask_of(grid, "liver", (2, 9), (10, 40), (10, 50)),
        mask_of(grid, "spleen", (5, 12), (30, 60), (30, 70)),
        mask_of(grid, "aorta", (0, 30), (80, 85), (90, 95)),
        mask_of(grid, "aorta", (0, 3), (80, 85), (90, 95)),
        mask_of(grid, "something", (0, 0), (0, 0), (0, 0)),
    ]
    node = add_segmentation(volume.GetScene(), Segmentation(tuple(masks)), volume, "own")
    content = node.GetSegmentation()
    ids = list(content.GetSegmentIDs())
    assert [content.GetSegment(i).GetName() for i in ids] == [one.name for one in masks]
    assert len(set(ids)) == 5
    read = read_masks(node, volume)
    for segment_id, mask in zip(ids, masks, strict=True):
        assert np.array_equal(read[segment_id].full_mask(), mask.full_mask()), mask.name
    assert content.GetNumberOfLayers(BINARY_LABELMAP) == 2, "masks that do not overlap share a labelmap"


def test_no_masks_are_refused(volume):
    with pytest.raises(InputError, match="holds no masks"):
        add_segmentation(volume.GetScene(), Segmentation((), "empty"), volume, "own")


def test_only_segments_that_are_called_after_a_value_are_named_by_it(mini, volume):
    grid = volume_grid(volume)
    masks = tuple(
        mask_of(grid, name, (n, n + 1), (1, 5), (1, 5))
        for n, name in enumerate(("Segment_5", "segment 90", "Segment_5 copy", "liver"))
    )
    node = add_segmentation(volume.GetScene(), Segmentation(masks), volume, "own")
    assert sorted(label_values(node).values()) == [5, 90]
    (naming,) = namings_by_value(node, {5: "kidney_left", 7: "liver"}).values()
    assert naming == Naming("kidney_left", naming.terminology) and "64033007" in naming.terminology
