"""Which samples steps see."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from segae.errors import InputError
from segae_trainer.data.sample import KINDS
from segae_trainer.data.training_set import PAIR
from segae_trainer.train.batches import (
    MOST_OFTEN,
    MaskFileDraws,
    MixedDraws,
    Steps,
    flattening,
    mask_files,
    validation_rows,
)
from segae_trainer.train.recipes import RECIPES, Schedule, resolve_recipe

PUBLISHED, OURS = RECIPES["published"], RECIPES["segae"]


def pairs(**columns) -> np.ndarray:
    table = np.zeros(len(next(iter(columns.values()))), PAIR)
    table["mask_pixels"] = 1
    for name, values in columns.items():
        table[name] = values
    return table


def mixed(kinds: np.ndarray, dice: np.ndarray, **changes) -> MixedDraws:
    """Draws of rows that lie in no file."""
    draws = MixedDraws.__new__(MixedDraws)
    draws.rows = np.arange(len(kinds))
    draws.use(kinds, dice, replace(OURS, **changes), 4)
    return draws


def test_slices_of_one_organ_scan_and_source_are_one_mask_file_however_the_slices_came_out():
    missed, eroded = KINDS.index("missed"), KINDS.index("erode")
    table = pairs(
        scan=[0, 0, 0, 1, 0, 0, 0], structure=[5, 5, 5, 5, 6, 5, 5], source=[0, 0, 1, 0, 0, 2, 2],
        kind=[0, missed, 0, 0, 0, eroded, KINDS.index("exact")],
    )  # fmt: skip
    files = mask_files(table, np.arange(7))
    assert files[0] == files[1]
    assert len(set(files.tolist())) == 6


def test_an_epoch_of_the_published_recipe_shows_every_mask_file_once(training_set):
    draws = MaskFileDraws(training_set, PUBLISHED, seed=1)
    files = mask_files(training_set.table, draws.rows)
    of_row = dict(zip(draws.rows.tolist(), files.tolist(), strict=True))
    orders = [draws.order(epoch) for epoch in range(3)]
    for order in orders:
        assert len(order) == len(set(files.tolist())) == draws.size
        assert (training_set.table["overlap"][order] >= 20).all()
        assert sorted(of_row[row] for row in order.tolist()) == list(range(draws.size))
    assert not np.array_equal(np.sort(orders[0]), np.sort(orders[1]))  # other slices


def test_ours_shows_the_share_of_segmenters_masks_that_was_asked_for():
    kinds = np.where(np.arange(64) % 2, KINDS.index("pseudo label"), KINDS.index("exact"))
    draws = mixed(kinds, np.linspace(0, 1, 64), real=0.25)
    chosen = draws.of_step(3, 16)
    assert (kinds[chosen] == KINDS.index("pseudo label")).sum() == 4
    assert np.array_equal(chosen, draws.of_step(3, 16))
    assert not np.array_equal(chosen, draws.of_step(4, 16))


def test_good_masks_and_wrong_names_are_drawn_more_often_than_they_were_made():
    kinds = np.full(64, KINDS.index("erode"))
    kinds[:16], kinds[16:32] = KINDS.index("exact"), KINDS.index("wrong name")
    draws, counts = mixed(kinds, np.ones(64)), np.zeros(len(KINDS))
    for step in range(200):
        counts += np.bincount(kinds[draws.of_step(step, 16)], minlength=len(KINDS))
    exact, wrong, eroded = (counts[KINDS.index(kind)] for kind in ("exact", "wrong name", "erode"))
    assert exact / eroded == pytest.approx(1.8 / 2, rel=0.15)  # there are twice as many eroded ones
    assert wrong / eroded == pytest.approx(2.5 / 2, rel=0.15)


def test_masks_of_segmenters_are_drawn_evenly_by_their_dice_but_none_too_often():
    dice = np.concatenate([np.full(990, 0.05), np.full(10, 0.95)])
    chance = flattening(dice)
    assert chance.sum() == pytest.approx(1)
    assert chance[995] > 5 * chance[0]
    assert chance[995] < 99 * chance[0]  # what evenness alone would ask for
    assert chance[995] / chance[0] == pytest.approx(
        MOST_OFTEN * (1 / 990 * 990 + 1) / 1000 / (1 / 990), rel=1e-6
    )


def test_only_a_share_of_the_masks_of_segmenters_is_used(training_set):
    whole, half = (MixedDraws(training_set, OURS, 1, share).rows for share in (1.0, 0.5))
    predicted = [KINDS.index(kind) for kind in ("pseudo label", "missed", "invented")]
    counts = [np.isin(training_set.table["kind"][rows], predicted).sum() for rows in (whole, half)]
    assert 0.3 * counts[0] < counts[1] < 0.7 * counts[0]
    assert len(whole) - counts[0] == len(half) - counts[1]


def test_validation_shows_each_mask_file_that_is_not_empty_once(training_set):
    rows = validation_rows(training_set, OURS, seed=0)
    table = training_set.table
    assert {training_set.scans[scan].split for scan in table["scan"][rows]} == {"val"}
    assert (table["mask_pixels"][rows] > 0).all()
    assert len(np.unique(mask_files(table, rows))) == len(rows)
    assert len(validation_rows(training_set, OURS, 0, at_most=5)) == 5


@pytest.mark.parametrize("name", ["published", "segae"])
def test_steps_begin_anywhere_and_devices_share_each_batch(training_set, name):
    counts = {"epochs": 2} if name == "published" else {"steps": (6, 4)}
    recipe = resolve_recipe(name, batch=16, **counts)
    draws = (MaskFileDraws if name == "published" else MixedDraws)(training_set, recipe, 0)
    schedule = Schedule.of(recipe, draws.size)
    whole = list(Steps(draws, schedule, 0, 0))
    assert len(whole) == schedule.steps
    assert all(len(draw.rows) == 16 for draw in whole)
    resumed = list(Steps(draws, schedule, 0, 3))
    assert [draw.seed for draw in resumed] == [draw.seed for draw in whole[3:]]
    assert all(np.array_equal(a.rows, b.rows) for a, b in zip(resumed, whole[3:], strict=True))
    shares = [list(Steps(draws, schedule, 0, 0, 4, own)) for own in (range(2), range(2, 4))]
    for step, draw in enumerate(whole):
        parts = [share[2 * step + part].rows for share in shares for part in (0, 1)]
        assert np.array_equal(np.concatenate(parts), draw.rows)
    assert len({draw.seed for share in shares for draw in share}) == 4 * len(whole)
    assert [draw.shrink for draw in whole] == [schedule.at(step)[0].shrink for step in range(len(whole))]


def test_the_published_recipe_cannot_do_without_validation(only_training):
    with pytest.raises(InputError, match=r"no samples to validate on \(split val\)"):
        validation_rows(only_training, PUBLISHED, 0)
    assert len(validation_rows(only_training, OURS, 0)) == 0


def test_a_set_without_enough_overlap_is_refused_in_a_sentence(training_set):
    recipe = resolve_recipe("published", least_overlap=10**6)
    with pytest.raises(InputError, match="1000000 pixels of overlap"):
        MaskFileDraws(training_set, recipe, 0)
