"""Suites over a real training set."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from segae.data import Segment, Segmentation, Volume
from segae.errors import InputError
from segae.geometry.grid import Grid
from segae.labels import by_index
from segae.scoring.score import score
from segae_trainer.data.sample import ERRORS
from segae_trainer.data.training_set import TrainingSet
from segae_trainer.evaluate.methods import NetworkMethod
from segae_trainer.evaluate.predictions import COLUMNS, checked, organs, predict_masks, predict_samples
from segae_trainer.evaluate.suites import STRENGTHS_MM, SUITES, build_suite, by_sources, suites_of


def test_the_published_protocol_takes_overlapping_slices_only(training_set: TrainingSet) -> None:
    masks = build_suite(SUITES["network published"], training_set, "test")
    assert len(masks) and {mask.scan.name for mask in masks} == {"b", "c"}
    assert all((mask.mask & mask.truth).sum() >= 20 and mask.kind == "pseudo label" for mask in masks)


def test_all_slices_hold_the_one_that_the_mask_misses(training_set: TrainingSet) -> None:
    masks = build_suite(SUITES["network"], training_set, "test")
    (missed,) = [mask for mask in masks if mask.kind == "missed"]
    assert (missed.scan.name, missed.slice, missed.dice) == ("c", 2, 0)
    assert missed.truth.any() and not missed.mask.any()


@pytest.mark.parametrize("name", ["synthetic erosion", "synthetic dilation"])
def test_truths_are_changed_by_every_strength(training_set: TrainingSet, name: str) -> None:
    masks = list(build_suite(SUITES[name], training_set, "test"))
    word = {"synthetic erosion": "eroded", "synthetic dilation": "dilated"}[name]
    assert {mask.source for mask in masks} == {f"{word} {mm:g} mm" for mm in STRENGTHS_MM}
    inner, outer = ("mask", "truth") if name == "synthetic erosion" else ("truth", "mask")
    assert all((getattr(mask, outer) | ~getattr(mask, inner)).all() for mask in masks)
    first = [m.dice for m in masks if (m.scan.name, m.slice, m.structure) == ("b", 0, masks[0].structure)]
    assert len(first) == len(STRENGTHS_MM) and first == sorted(first, reverse=True) and first[0] < 1


def test_synthetic_errors_and_names_are_those_of_the_set(training_set: TrainingSet) -> None:
    kinds = {mask.kind for mask in build_suite(SUITES["synthetic"], training_set, "test")}
    assert kinds & set(ERRORS) and not kinds & {"wrong name", "empty", "pseudo label"}
    names = {mask.kind for mask in build_suite(SUITES["synthetic wrong names"], training_set, "test")}
    assert names <= {"wrong name", "exact", "fine noise"}


def test_masks_of_people_are_a_suite_of_their_own(training_set: TrainingSet) -> None:
    assert not len(build_suite(SUITES["expert"], training_set, "test"))
    everything = len(build_suite(SUITES["network"], training_set, "test"))
    opened = TrainingSet.open(training_set.folder)
    opened.expert_sources = ("net",)
    assert len(build_suite(SUITES["expert"], opened, "test")) == everything
    assert not len(build_suite(SUITES["network"], opened, "test"))


def test_a_suite_can_be_that_of_a_patient_or_a_source(training_set: TrainingSet) -> None:
    own = build_suite(SUITES["network"], training_set, "test", patient="patient b")
    assert {mask.scan.name for mask in own} == {"b"}
    suite = by_sources("mine", "Mine", ["net"])
    assert len(build_suite(suite, training_set, "test")) == len(
        build_suite(SUITES["network"], training_set, "test")
    )


def test_a_smaller_suite_holds_whole_organs_drawn_by_the_seed(training_set: TrainingSet) -> None:
    whole = list(build_suite(SUITES["synthetic erosion"], training_set, "test"))
    some = [
        list(build_suite(SUITES["synthetic erosion"], training_set, "test", most=20, seed=3))
        for _ in range(2)
    ]
    keys = [[(m.scan.name, m.structure, m.source) for m in masks] for masks in (*some, whole)]
    assert keys[0] == keys[1] and 20 <= len(keys[0]) < len(keys[2])
    assert all(keys[0].count(key) == keys[2].count(key) for key in keys[0])


def test_a_network_gives_the_scores_of_segae_score(training_set: TrainingSet, model: Path) -> None:
    samples = build_suite(SUITES["network"], training_set, "test", patient="patient b")
    slices, of_organs = predict_masks(NetworkMethod(model, "cpu"), samples)
    scan = samples[0].scan
    slice_mm, row_mm, column_mm = scan.spacing
    # RAS here, LAS there: the place of the columns in the patient is what counts
    grid = Grid((*scan.ct.shape[2:0:-1], len(scan.ct)), np.diag([column_mm, row_mm, slice_mm, 1.0]))
    for index in {sample.structure for sample in samples}:
        mask = np.zeros(scan.ct.shape, bool)
        for sample in samples:
            if sample.structure == index:
                mask[sample.slice] = sample.mask
        structure = by_index(index)
        segment = Segment.from_mask(structure.name, structure, mask[:, :, ::-1].copy(), grid)
        ct = Volume(np.array(scan.ct[:, :, ::-1]), grid)
        report = score(ct, Segmentation((segment,)), model=model, device="cpu")
        own = slices[slices["structure_index"] == index].set_index("slice")["raw"]
        for row in report.segments[0].slices:
            assert own[row.slice] == pytest.approx(row.raw_score, abs=1e-5)
    assert set(of_organs["structure_index"]) == {sample.structure for sample in samples}


def test_predictions_have_the_columns_that_evaluation_takes(training_set: TrainingSet, model: Path) -> None:
    samples = build_suite(SUITES["network"], training_set, "test")
    table = predict_samples([NetworkMethod(model, "cpu")], samples)["tiny"]
    assert set(COLUMNS) < set(table.columns)
    empty = table["area_mm2"] == 0
    assert empty.sum() == 1 and table["predicted"].isna().equals(empty)
    assert table["predicted"].dropna().between(0, 1).all()
    stored = training_set.table["dice"][training_set.rows("test")]
    assert set(np.round(table["dice"], 4)) <= set(np.round(stored.astype(float), 4))
    assert organs(checked(table))["truth_mm2"].gt(0).all()


def test_an_unknown_suite_and_an_empty_split_are_said(training_set: TrainingSet) -> None:
    with pytest.raises(InputError, match='no suite "other"; choose from network'):
        suites_of(["other"])
    with pytest.raises(InputError, match=r'no masks in the split "val" \(train: \d+, val: 0, test: \d+\)'):
        build_suite(SUITES["network published"], training_set, "val")
