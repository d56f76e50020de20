"""Crops are cut as published, and resized as Pillow resizes numbers of type float."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from segae.inputs.build import model_input
from segae.inputs.crops import Crops, crops_around, mask_boxes
from segae.inputs.spec import CropRule, InputSpec
from segae.inputs.stack import CTStack

PLAIN = InputSpec(size=32, ct_mean=0.0, ct_std=1.0, mask_mean=0.0, mask_std=1.0)
CLOSE = 5e-6


def seen(ct: np.ndarray, masks: np.ndarray, crops: Crops, spec: InputSpec) -> torch.Tensor:
    """Images (B, channels, S, S) of all slices of `ct` (B, H, W) with their masks."""
    stack = CTStack.of_array(ct, (1.0, 1.0, 1.0))
    labels = [13] * len(ct)
    return model_input(stack, np.arange(len(ct)), torch.from_numpy(masks), crops, labels, spec).images


def _published_crop(mask: np.ndarray) -> tuple[int, int, int, int]:
    """Rows r0:r1 and columns c0:c1 that the published code cuts, step by step."""
    height, width = mask.shape
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    r0, r1 = max(rows[0] - 20, 0), min(rows[-1] + 20, height)
    c0, c1 = max(columns[0] - 20, 0), min(columns[-1] + 20, width)
    difference = abs((r1 - r0) - (c1 - c0))
    if r1 - r0 > c1 - c0:
        c0, c1 = max(c0 - difference // 2, 0), min(c1 + difference // 2, width)
    elif c1 - c0 > r1 - r0:
        r0, r1 = max(r0 - difference // 2, 0), min(r1 + difference // 2, height)
    return r0, r1, c0, c1


def _pillow(image: np.ndarray, size: int, box: tuple[float, float, float, float] | None = None) -> np.ndarray:
    picture = Image.fromarray(image.astype(np.float32), mode="F")
    return np.asarray(picture.resize((size, size), Image.Resampling.BILINEAR, box=box))


def _scaled(ct: np.ndarray) -> np.ndarray:
    return (np.clip(ct, -200, 200) + 200) / 400


@st.composite
def slices_with_masks(draw: st.DrawFn, largest: int = 400) -> tuple[np.ndarray, np.ndarray]:
    """A few CT slices of noise, and a random rectangle as the mask of each."""
    height, width = draw(st.integers(1, largest)), draw(st.integers(1, largest))
    count = draw(st.integers(1, 3))
    random = np.random.default_rng(draw(st.integers(0, 99)))
    masks = np.zeros((count, height, width), bool)
    for mask in masks:
        r0, c0 = draw(st.integers(0, height - 1)), draw(st.integers(0, width - 1))
        mask[r0 : draw(st.integers(r0 + 1, height)), c0 : draw(st.integers(c0 + 1, width))] = True
    return random.integers(-1024, 1500, masks.shape).astype(np.int16), masks


@settings(max_examples=25)
@given(case=slices_with_masks(), size=st.sampled_from([1, 7, 32, 129]))
def test_the_margin_crop_is_the_published_one_resized_by_pillow(
    case: tuple[np.ndarray, np.ndarray], size: int
) -> None:
    ct, masks = case
    boxes = mask_boxes(torch.from_numpy(masks))
    crops = crops_around(boxes, PLAIN.crop, ct.shape[1], ct.shape[2], (1.0, 1.0))
    spec = replace(PLAIN, size=size)
    images = seen(ct, masks, crops, spec).numpy()
    for image, slice_, mask in zip(images, ct, masks, strict=True):
        r0, r1, c0, c1 = _published_crop(mask)
        expected = [_pillow(plane[r0:r1, c0:c1], size) for plane in (_scaled(slice_), mask)]
        assert np.abs(image - np.stack(expected)).max() < CLOSE


@settings(max_examples=25)
@given(
    case=slices_with_masks(90),
    millimetres=st.floats(0, 40),
    scale=st.floats(1, 3),
    pixel_mm=st.tuples(st.floats(0.5, 3), st.floats(0.5, 3)),
)
def test_the_context_crop_sees_air_beyond_the_border(
    case: tuple[np.ndarray, np.ndarray], millimetres: float, scale: float, pixel_mm: tuple[float, float]
) -> None:
    ct, masks = case
    rule = CropRule("context", scale=scale, millimetres=millimetres)
    boxes = mask_boxes(torch.from_numpy(masks))
    crops = crops_around(boxes, rule, ct.shape[1], ct.shape[2], pixel_mm)
    images = seen(ct, masks, crops, PLAIN).numpy()
    for image, slice_, mask, (r0, r1, c0, c1) in zip(images, ct, masks, boxes.tolist(), strict=True):
        side = scale * max((r1 + 1 - r0) * pixel_mm[0], (c1 + 1 - c0) * pixel_mm[1]) + millimetres
        # Outside is padded with air wide enough for the filter, and the crop's edges lie between pixels.
        height, width = side / pixel_mm[0], side / pixel_mm[1]
        pad = int(max(height, width) * (1 + 2 / PLAIN.size)) + 4
        top, left = (r0 + r1 + 1 - height) / 2 + pad, (c0 + c1 + 1 - width) / 2 + pad
        for plane, shown in zip((_scaled(slice_), mask.astype(float)), image, strict=True):
            expected = _open_resize(np.pad(plane, pad), (top, left), (height, width), PLAIN.size)
            assert np.abs(shown - expected).max() < 10 * CLOSE


def _open_resize(
    image: np.ndarray, start: tuple[float, float], length: tuple[float, float], size: int
) -> np.ndarray:
    """Triangle filter over everything that the image holds, in double precision."""
    matrices = []
    for begin, extent, n in zip(start, length, image.shape, strict=True):
        step = extent / size
        centre = begin + (np.arange(size) + 0.5) * step
        distance = np.abs(np.arange(n) + 0.5 - centre[:, None]) / max(step, 1)
        weights = np.clip(1 - distance, 0, None)
        matrices.append(weights / weights.sum(axis=1, keepdims=True))
    return matrices[0] @ image @ matrices[1].T


def test_a_whole_image_in_an_open_crop_is_what_pillow_makes_of_it_away_from_the_border() -> None:
    image = np.random.default_rng(1).normal(0, 100, (120, 120)).astype(np.float32)
    crops = Crops(torch.tensor([[30.0, 30.0]]), torch.tensor([[64.0, 64.0]]), closed=False)
    shown = seen(image[None], np.zeros((1, 120, 120), bool), crops, PLAIN)
    expected = _pillow(_scaled(image), 60)[15:47, 15:47]  # 120 -> 60: the same step of 2 pixels
    assert np.abs(shown[0, 0].numpy() - expected).max() < CLOSE


def test_pixels_that_are_not_square_get_a_crop_that_is_square_in_the_patient() -> None:
    boxes = torch.tensor([[50, 59, 50, 59]])  # 10 x 10 pixels: 20 mm x 10 mm
    crops = crops_around(boxes, CropRule("context", scale=2, millimetres=4), 110, 110, (2.0, 1.0))
    assert crops.length.tolist() == [[22.0, 44.0]]
    assert (crops.start + crops.length / 2).tolist() == [[55.0, 55.0]]


def test_a_crop_wholly_in_air_is_air() -> None:
    crops = Crops(torch.tensor([[-40.0, -40.0]]), torch.tensor([[20.0, 20.0]]), closed=False)
    assert seen(np.full((1, 30, 30), 100), np.ones((1, 30, 30), bool), crops, PLAIN).abs().max() == 0


@pytest.mark.parametrize("start", [-90.0, 90.0])
def test_crops_beyond_the_image_read_one_line_of_it_at_least(start: float) -> None:
    crops = Crops(torch.full((1, 2), start), torch.full((1, 2), 8.0), closed=False)
    for lines in crops.hull(32, 40, 8):
        assert lines.stop == lines.start + 1
    assert seen(np.full((1, 32, 40), 500.0), np.ones((1, 32, 40), bool), crops, PLAIN).abs().max() == 0


def test_an_empty_mask_borrows_the_box_of_its_neighbours() -> None:
    masks = torch.zeros(3, 10, 12, dtype=torch.bool)
    masks[0, 2, 3] = masks[2, 7, 8] = True
    assert mask_boxes(masks).tolist() == [[2, 2, 3, 3], [2, 7, 3, 8], [7, 7, 8, 8]]
    assert mask_boxes(masks[1:2]).tolist() == [[0, 9, 0, 11]]


def test_a_margin_of_nothing_still_cuts_a_pixel() -> None:
    boxes = torch.tensor([[4, 4, 9, 9], [0, 0, 0, 0]])
    crops = crops_around(boxes, CropRule("margin", pixels=0), 10, 10, (1.0, 1.0))
    assert crops.length.tolist() == [[1.0, 1.0], [1.0, 1.0]]


def test_the_context_view_is_a_longer_crop_with_the_same_middle_before_the_mask() -> None:
    spec = replace(PLAIN, size=8, context_view=4.0, neighbours_mm=(0.0,))
    ct = np.full((1, 64, 64), -1000.0)
    ct[:, 28:36, 28:36] = 500.0
    crops = Crops(torch.full((1, 2), 28.0), torch.full((1, 2), 8.0), closed=False)
    images = seen(ct, np.zeros((1, 64, 64), bool), crops, spec)
    assert images.shape == (1, 4, 8, 8)
    around = images[0, 2]  # four of the slice's pixels in one: the bright square fills two by two
    assert around[3:5, 3:5].min() > 0.6
    assert around[[0, 1, 6, 7]].max() == 0
    assert images[0, 0].min() > 0.8


def test_channels_are_the_hu_windows_and_then_the_mask() -> None:
    normalised = replace(PLAIN, ct_mean=0.5, ct_std=0.25, mask_mean=0.5, mask_std=0.5)
    spec = replace(normalised, hu_windows=((-100.0, 100.0), (0.0, 1000.0)))
    crops = Crops(torch.zeros(1, 2), torch.full((1, 2), 32.0), closed=True)
    shown = seen(np.full((1, 32, 32), 50.0), np.ones((1, 32, 32), bool), crops, spec)
    values = shown[0].mean(dim=(1, 2))
    assert values.tolist() == pytest.approx([(0.75 - 0.5) / 0.25, (0.05 - 0.5) / 0.25, 1.0], abs=1e-5)
