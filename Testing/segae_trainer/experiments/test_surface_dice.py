from __future__ import annotations

import numpy as np
import pytest

from segae_trainer.experiments.patients import surface_dice

SPACING = (5.0, 2.0, 1.0)


def box(low: int, high: int) -> np.ndarray:
    mask = np.zeros((6, 20, 20), bool)
    mask[1:5, 4:16, low:high] = True
    return mask


def test_a_surface_within_the_tolerance_agrees_wholly():
    assert surface_dice(box(4, 14), box(5, 15), SPACING, 1.5) == 1


def test_a_surface_beyond_the_tolerance_agrees_in_part():
    moved = surface_dice(box(4, 14), box(8, 18), SPACING, 1.5)
    assert 0.3 < moved < 0.9
    assert moved < surface_dice(box(4, 14), box(8, 18), SPACING, 4.5) == 1


def test_distances_are_in_millimetres_of_the_axis():
    mask, up = box(4, 14), np.roll(box(4, 14), 1, axis=0)
    assert surface_dice(mask, up, SPACING, 2.0) < 1 == surface_dice(mask, up, (1.0, 2.0, 1.0), 2.0)


@pytest.mark.parametrize(("mask", "truth", "expected"), [(0, 0, 1), (0, 10, 0), (10, 0, 0)])
def test_two_empty_masks_agree_and_one_does_not(mask: int, truth: int, expected: float):
    assert surface_dice(box(4, 4 + mask), box(4, 4 + truth), SPACING, 3.0) == expected
