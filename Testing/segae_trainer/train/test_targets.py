"""Published Dice targets on figures whose areas can be counted."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from segae.inputs.crops import crops_around, mask_boxes
from segae.inputs.spec import CropRule
from segae_trainer.data.synthetic_errors import dice
from segae_trainer.train.losses import (
    LEAST_MARGIN,
    draw_margins,
    published_crops,
    published_target,
)


def square(low: int, high: int, size: int = 100) -> Tensor:
    image = torch.zeros(1, size, size, dtype=torch.bool)
    image[:, low:high, low:high] = True
    return image


def disc(radius: float, size: int = 256) -> Tensor:
    axis = torch.arange(size) - size / 2
    return (axis[:, None] ** 2 + axis**2 <= radius**2)[None]


def test_published_target_ignores_truth_outside_of_the_crop() -> None:
    # box 45..54, margin 10: rows 35 to 63 (half-open 64), of the truth 29 x 29 are left
    target = published_target(square(45, 55), square(30, 70), torch.tensor([[10, 10]]))
    assert target.item() == pytest.approx(200 / (100 + 29 * 29 + 1e-6), abs=1e-6)


def test_published_target_flatters_a_disc_of_a_fifth_of_the_radius() -> None:
    mask, truth = disc(16), disc(80)
    assert dice(mask[0].numpy() > 0, truth[0].numpy() > 0) == pytest.approx(0.076, abs=2e-3)
    assert published_target(mask, truth, torch.tensor([[10, 10]])).item() == pytest.approx(0.455, abs=5e-3)
    assert published_target(mask, truth, torch.tensor([[20, 20]])).item() == pytest.approx(0.267, abs=5e-3)


def test_a_mask_without_overlap_has_dice_0() -> None:
    assert published_target(square(0, 10), square(50, 60), torch.tensor([[10, 10]])).item() == 0


def test_targets_of_a_batch_are_those_of_its_slices() -> None:
    masks, truths = torch.cat([square(45, 55), square(5, 25)]), torch.cat([square(30, 70), square(0, 90)])
    margins = torch.tensor([[10, 30], [12, 10]])
    singles = [published_target(masks[n : n + 1], truths[n : n + 1], margins[n : n + 1]) for n in range(2)]
    torch.testing.assert_close(published_target(masks, truths, margins), torch.cat(singles))


box = st.tuples(st.integers(0, 99), st.integers(0, 99)).map(sorted)


@given(box, box, st.integers(LEAST_MARGIN, 80))
def test_published_crop_is_that_of_scoring(rows: list[int], columns: list[int], margin: int) -> None:
    boxes = torch.tensor([[*rows, *columns]])
    windows = crops_around(boxes, CropRule("margin", pixels=margin), 100, 110, (1.0, 1.0))
    crops = published_crops(boxes, torch.tensor([[margin, margin]]), 100, 110)
    assert crops[:, [0, 2]].tolist() == windows.start.long().tolist()
    assert (crops[:, [1, 3]] - crops[:, [0, 2]]).tolist() == windows.length.long().tolist()


def test_published_crop_of_unequal_margins_is_square_where_the_slice_allows_it() -> None:
    crops = published_crops(torch.tensor([[100, 119, 100, 109]]), torch.tensor([[10, 31]]), 256, 256)
    # rows 90..129 (39), columns 69..140 (71): rows grow by 16 at each end
    assert crops.tolist() == [[74, 145, 69, 140]]


def test_margins_are_drawn_between_10_and_half_of_what_is_left_of_256() -> None:
    boxes = mask_boxes(torch.cat([square(0, 11, 300), square(0, 300, 300)])).repeat(2000, 1)
    margins = draw_margins(boxes, torch.Generator().manual_seed(1))
    assert (margins[::2].min(), margins[::2].max()) == (10, 123)
    assert (margins[1::2].min(), margins[1::2].max()) == (10, 10)
