"""Degraded masks of one organ spread over all of Dice."""

from __future__ import annotations

import numpy as np

from segae_trainer.data.synthetic_errors import DEGRADATIONS, OrganSlice, dice, spread_evenly, working_box


def disc(radius: int, size: int = 96) -> OrganSlice:
    rows, columns = np.ogrid[:size, :size]
    mask = (rows - 48) ** 2 + (columns - 48) ** 2 <= radius**2
    ct = np.where(mask, 60, -100) + np.random.default_rng(1).integers(-20, 20, (size, size))
    return OrganSlice(ct.astype(np.int16), mask.astype(np.uint8), mask)


def test_dice_is_told_right_and_spreads_over_the_whole_range() -> None:
    organ, rng = disc(14), np.random.default_rng(3)
    drawn = [spread_evenly(organ, rng) for _ in range(150)]
    for kind, mask, told in drawn:
        assert kind in (*DEGRADATIONS, "several")
        assert told == dice(mask, organ.mask)
    counts = np.histogram([told for _, _, told in drawn], 5, (0, 1))[0]
    assert counts.min() > 0.4 * counts.mean()


def test_a_single_pixel_of_which_every_degradation_leaves_nothing_stays_as_it_is() -> None:
    rng = np.random.default_rng(0)
    for _ in range(40):
        _, mask, told = spread_evenly(disc(0), rng)
        assert mask.any()
        assert 0 <= told <= 1


def test_the_working_box_holds_the_organ_with_room_and_stays_in_the_slice() -> None:
    organ = disc(14)
    rows, columns = working_box(organ.mask)
    assert organ.mask[rows, columns].sum() == organ.mask.sum()
    assert (rows, columns) == (slice(34 - 31, 63 + 31), slice(34 - 31, 63 + 31))
    corner = np.zeros((20, 30), bool)
    corner[0, 0] = True
    assert working_box(corner) == (slice(0, 9), slice(0, 9))
