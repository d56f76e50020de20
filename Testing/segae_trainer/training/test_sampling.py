from __future__ import annotations

import numpy as np
import pytest

from segae.errors import InputError
from segae_trainer.data.training_set import KINDS, PAIR
from segae_trainer.train.batches import Epochs, Steps, evenly_by_dice, mask_files, validation_rows
from segae_trainer.train.recipes import RECIPES, resolve_recipe


def pairs(**columns) -> np.ndarray:
    table = np.zeros(len(next(iter(columns.values()))), PAIR)
    table["mask_pixels"] = 1
    for name, values in columns.items():
        table[name] = values
    return table


def test_slices_of_one_organ_scan_and_source_are_one_mask_file_however_the_slices_came_out():
    missed, degraded = KINDS.index("missed"), KINDS.index("degraded")
    table = pairs(
        scan=[0, 0, 0, 1, 0, 0, 0], structure=[5, 5, 5, 5, 6, 5, 5], source=[0, 0, 1, 0, 0, 2, 2],
        kind=[0, missed, 0, 0, 0, degraded, KINDS.index("exact")],
    )  # fmt: skip
    files = mask_files(table, np.arange(7))
    assert files[0] == files[1]
    assert len(set(files.tolist())) == 6


def test_an_epoch_of_the_published_recipe_shows_every_mask_file_once(training_set):
    epochs = Epochs(training_set, RECIPES["published"], seed=1)
    files = mask_files(training_set.table, epochs.rows)
    for epoch in range(3):
        order = epochs.order(epoch)
        assert len(order) == len(set(files.tolist())) == epochs.size
        assert (training_set.table["overlap"][order] >= 20).all()
        of_row = dict(zip(epochs.rows.tolist(), files.tolist(), strict=True))
        assert sorted(of_row[row] for row in order.tolist()) == list(range(epochs.size))
    assert not np.array_equal(np.sort(epochs.order(0)), np.sort(epochs.order(1)))  # other slices


def test_ours_spreads_the_dice_evenly_and_shows_missed_organs_as_often_as_asked():
    rng = np.random.default_rng(0)
    dice = np.concatenate([np.full(1000, 0.92), rng.uniform(0, 0.5, 50), np.zeros(300)])
    table = pairs(dice=dice, mask_pixels=[1] * 1050 + [0] * 300)
    drawn = evenly_by_dice(table, np.arange(1350), 20000, 0.02, rng)
    empty = table["mask_pixels"][drawn] == 0
    assert empty.mean() == pytest.approx(0.02, abs=0.005)
    filled_bins = len(set((dice[:1050] * 20).astype(int).tolist()))
    assert (table["dice"][drawn[~empty]] > 0.9).mean() == pytest.approx(1 / filled_bins, abs=0.02)


def test_the_same_epoch_is_drawn_alike_in_every_run_and_order(training_set):
    one, two = (Epochs(training_set, RECIPES["segae"], seed=3) for _ in range(2))
    later = two.order(2)
    assert np.array_equal(one.order(0), two.order(0))
    assert np.array_equal(one.order(2), later)
    assert not np.array_equal(later, one.order(1))
    assert not np.array_equal(later, Epochs(training_set, RECIPES["segae"], seed=4).order(2))


def test_validation_shows_each_mask_file_that_is_not_empty_once(training_set):
    rows = validation_rows(training_set, RECIPES["segae"], seed=0)
    table = training_set.table
    splits = {training_set.scans[scan].split for scan in table["scan"][rows]}
    assert splits == {"val"}
    assert (table["mask_pixels"][rows] > 0).all()
    assert len(np.unique(mask_files(table, rows))) == len(rows)
    assert len(validation_rows(training_set, RECIPES["segae"], 0, at_most=5)) == 5


def test_steps_begin_anywhere_and_devices_share_each_batch(training_set):
    recipe = resolve_recipe("segae", batch=16, epochs=2)
    epochs = Epochs(training_set, recipe, seed=0)
    whole = list(Steps(epochs, 0, 1, range(1)))
    assert len(whole) == 2 * epochs.steps
    assert all(len(draw.rows) == 16 for draw in whole)
    resumed = list(Steps(epochs, 5, 1, range(1)))
    assert [draw.seed for draw in resumed] == [draw.seed for draw in whole[5:]]
    shares = [list(Steps(epochs, 0, 4, own)) for own in (range(2), range(2, 4))]  # two devices, two parts
    for step, draw in enumerate(whole):
        parts = [share[2 * step + part].rows for share in shares for part in (0, 1)]
        assert np.array_equal(np.concatenate(parts), draw.rows)
    assert len({draw.seed for share in shares for draw in share}) == 4 * len(whole)


def test_a_set_without_validation_is_refused_in_a_sentence(only_training):
    with pytest.raises(InputError, match=r"no pairs to validate on \(split val\)"):
        validation_rows(only_training, RECIPES["segae"], 0)


def test_a_set_without_enough_overlap_is_refused_in_a_sentence(training_set):
    recipe = resolve_recipe("published", least_overlap=10**6)
    with pytest.raises(InputError, match="1000000 pixels of overlap"):
        Epochs(training_set, recipe, 0)
