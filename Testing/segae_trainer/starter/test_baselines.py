from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from segae.errors import InputError
from segae_trainer.data.mask_measures import dice
from segae_trainer.pseudo_labels.small_unet import read_masks
from segae_trainer.starter.baselines import AGREEMENT, METHODS, Agreement, baseline_tables
from segae_trainer.starter.judged import as_masks, suite_masks, suite_table
from segae_trainer.starter.plan import FINAL, Plan
from segae_trainer.starter.pool import read_pool
from segae_trainer.starter.results import read_tables

FOLD = "fold-B"


def test_other_methods_are_asked_about_the_same_masks(made: Path, plan: Plan):
    own = read_tables(plan, (FOLD,))
    assert {"synthetic", "names", "fast", "fast organs"} <= own.keys()
    keys = ["case", "structure_index", "kind", "slice", "source"]
    for method in METHODS:
        other = read_tables(plan, (FOLD,), method)
        assert other.keys() == own.keys()
        for name, table in own.items():
            by = [key for key in keys if key in table]
            one, two = (t.sort_values(by).reset_index(drop=True) for t in (table, other[name]))
            assert one[by].equals(two[by])
            assert one["dice"].to_numpy() == pytest.approx(two["dice"].to_numpy(), abs=1e-6)
            assert two["predicted"].dropna().between(0, 1).all()


def test_agreement_is_the_dice_with_the_network_that_never_saw_the_patient(made: Path, plan: Plan):
    by_step = read_masks(plan.masks(FOLD, "upper"))
    other = by_step[max(by_step)]
    (member,) = plan.tested(FOLD)
    case = member.read(plan.data)
    moved = case.predictions["moved"]
    tables = read_tables(plan, (FOLD,), AGREEMENT)
    for row in tables["fast organs"].to_dict("records"):
        volumes = (stack == row["structure_index"] for stack in (moved, other))
        assert row["predicted"] == pytest.approx(dice(*volumes), abs=1e-6)
    for row in tables["fast"].head(20).to_dict("records"):
        slices = (stack[row["slice"]] == row["structure_index"] for stack in (moved, other))
        assert row["predicted"] == pytest.approx(dice(*slices), abs=1e-6)


def test_the_masks_of_a_suite_are_drawn_again_as_they_are_in_the_pool(made: Path, plan: Plan):
    (member,) = plan.tested(FOLD)
    judged = list(suite_masks(plan, member, member.read(plan.data)))
    pool, table = read_pool(plan.pool("upper-suite")), suite_table(judged)
    assert sorted(zip(pool.slices, pool.structures, strict=True)) == sorted(
        zip(table["slice"], table["structure_index"], strict=True)
    )
    assert np.sort(table["area_mm2"]) == pytest.approx(np.sort(pool.areas), rel=1e-4)
    for one, mask in zip(judged, as_masks(judged), strict=True):
        if one.kind != "wrong name":
            assert mask.dice == pytest.approx(one.target, abs=1e-6)
        assert mask.ct.shape == mask.mask.shape


def test_an_empty_mask_has_no_agreement(made: Path, plan: Plan):
    (member,) = plan.tested(FOLD)
    case = member.read(plan.data)
    masks = as_masks(list(suite_masks(plan, member, case)))
    found = Agreement({"upper": case.labels}).predict(masks).predicted
    empty = np.array([not mask.mask.any() for mask in masks])
    assert (np.isnan(found) == empty).all()


def test_methods_need_the_fold_to_be_tested_first(plan: Plan, tmp_path: Path):
    with pytest.raises(InputError, match='"fold-B"'):
        baseline_tables(replace(plan, work=tmp_path), FOLD, (13,))
    assert FINAL not in plan.folds
