"""Suites over a real training set."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from flat_rows import slices

from segae.data import Segment, Segmentation, Volume
from segae.errors import InputError
from segae.geometry.grid import Grid
from segae.labels import by_index
from segae.scoring.score import score
from segae_trainer.data.training_set import TrainingSet
from segae_trainer.evaluate.methods import NetworkMethod
from segae_trainer.evaluate.predictions import COLUMNS, checked, organs
from segae_trainer.evaluate.run import predict_set
from segae_trainer.evaluate.suites import STRENGTHS_MM, SUITES, build_suite, suites_of


def test_the_published_protocol_takes_overlapping_slices_only(training_set: TrainingSet) -> None:
    masks = build_suite(SUITES["test"], training_set, "test")
    assert len(masks) and {mask.case for mask in masks} == {"b", "c"}
    assert all((mask.mask & mask.truth).sum() >= 20 and mask.kind == "pseudo label" for mask in masks)


def test_all_slices_hold_the_one_that_the_mask_misses(training_set: TrainingSet) -> None:
    masks = build_suite(SUITES["pseudo labels"], training_set, "test")
    (missed,) = [mask for mask in masks if mask.kind == "missed"]
    assert (missed.case, missed.slice, missed.dice) == ("c", 2, 0)
    assert missed.truth.any() and not missed.mask.any()


@pytest.mark.parametrize("name", ["erosion", "dilation"])
def test_truths_are_changed_by_every_strength(training_set: TrainingSet, name: str) -> None:
    masks = list(build_suite(SUITES[name], training_set, "test"))
    word = {"erosion": "eroded", "dilation": "dilated"}[name]
    assert {mask.source for mask in masks} == {f"{word} {mm:g} mm" for mm in STRENGTHS_MM}
    inner, outer = ("mask", "truth") if name == "erosion" else ("truth", "mask")
    assert all((getattr(mask, outer) | ~getattr(mask, inner)).all() for mask in masks)
    first = [m.dice for m in masks if (m.case, m.slice, m.structure) == ("b", 0, masks[0].structure)]
    assert len(first) == len(STRENGTHS_MM) and first == sorted(first, reverse=True) and first[0] < 1


def test_masks_made_wrong_on_purpose_are_those_of_the_set(training_set: TrainingSet) -> None:
    kinds = {mask.kind for mask in build_suite(SUITES["degraded"], training_set, "test")}
    assert "degraded" in kinds and kinds <= {"degraded", "exact", "wrong name"}


def test_a_smaller_suite_holds_whole_organs_drawn_by_the_seed(training_set: TrainingSet) -> None:
    whole = list(build_suite(SUITES["erosion"], training_set, "test"))
    some = [list(build_suite(SUITES["erosion"], training_set, "test", most=20, seed=3)) for _ in range(2)]
    keys = [[(m.case, m.structure, m.source) for m in masks] for masks in (*some, whole)]
    assert keys[0] == keys[1] and 20 <= len(keys[0]) < len(keys[2])
    assert all(keys[0].count(key) == keys[2].count(key) for key in keys[0])


def test_a_network_gives_the_scores_of_segae_score(training_set: TrainingSet, model: Path) -> None:
    mask = next(m for m in build_suite(SUITES["test"], training_set, "test") if m.case == "b")
    rows, columns = mask.ct.shape
    # RAS here, LAS there: the place of the columns in the patient is what counts
    grid = Grid((columns, rows, 1), np.diag([mask.pixel_mm[1], mask.pixel_mm[0], 1.0, 1.0]))
    structure = by_index(mask.structure)
    segment = Segment.from_mask(structure.name, structure, mask.mask[None, :, ::-1].copy(), grid)
    report = score(
        Volume(mask.ct[None, :, ::-1].copy(), grid), Segmentation((segment,)), model=model, device="cpu"
    )
    found = NetworkMethod(model, "cpu").predict([mask]).predicted
    assert found[0] == pytest.approx(slices(report)[0].raw_score, abs=1e-5)


def test_predictions_have_the_columns_that_evaluation_takes(training_set: TrainingSet, model: Path) -> None:
    table = predict_set(model, training_set, "test", device="cpu")
    assert list(table.columns) == list(COLUMNS)
    empty = table["area_mm2"] == 0
    assert empty.sum() == 1 and table["predicted"].isna().equals(empty)
    stored = training_set.table["dice"][training_set.pairs("test")]
    assert set(np.round(table["dice"], 4)) <= set(np.round(stored.astype(float), 4))
    assert organs(checked(table))["truth_mm2"].gt(0).all()


def test_an_unknown_suite_and_an_empty_split_are_said(training_set: TrainingSet) -> None:
    with pytest.raises(InputError, match='no suite "other"; choose from test'):
        suites_of(["other"])
    with pytest.raises(InputError, match=r'no masks in the split "val" \(train: \d+, val: 0, test: \d+\)'):
        build_suite(SUITES["test"], training_set, "val")
