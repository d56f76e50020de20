"""Which masks become pairs and what Dice they have, against plain numpy on whole slices."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from segae.data import Volume
from segae.geometry.orientation import orient_array
from segae.labels import resolve
from segae_trainer.data.build_set import build_training_set
from segae_trainer.data.index import Index
from segae_trainer.data.mask_measures import dice
from segae_trainer.data.pairs import PUBLISHED, Sampling
from segae_trainer.data.training_set import KINDS, TrainingSet

LIVER, SPLEEN, KIDNEY = (resolve(name).structure.index for name in ("liver", "spleen", "kidney left"))
KNOWN = {
    ("a", "far"): (LIVER, SPLEEN, KIDNEY),
    ("a", "near"): (LIVER, SPLEEN),
    ("b", "far"): (LIVER, SPLEEN, KIDNEY),
}
PREDICTED = replace(Sampling(), degraded=0, exact=0, wrong_name=0)


@pytest.fixture(scope="module")
def predicted(index: Index, tmp_path_factory: pytest.TempPathFactory) -> TrainingSet:
    return build_training_set(index, tmp_path_factory.mktemp("sets") / "predicted", PREDICTED)


@pytest.fixture(scope="module")
def mixed(index: Index, tmp_path_factory: pytest.TempPathFactory) -> TrainingSet:
    """With as many degraded masks as predicted ones."""
    sampling = Sampling(degraded=1, exact=0.1, wrong_name=0.2)
    return build_training_set(index, tmp_path_factory.mktemp("sets") / "mixed", sampling)


def found(training_set: TrainingSet) -> dict[tuple[str, str, int, int], float]:
    """(scan, source, slice, structure) -> Dice."""
    examples = [training_set.slice_of(row) for row in range(len(training_set))]
    return {(e.scan.name, e.source, e.slice, e.structure): e.dice for e in examples}


def expected(
    truth: np.ndarray, masks: dict[str, np.ndarray], least_overlap: int | None
) -> dict[tuple[str, str, int, int], float]:
    """The same, by the definition: every slice with a pixel of either, or with enough common ones."""
    result = {}
    for (scan, source), rows in KNOWN.items():
        for row in rows:
            for k in range(len(truth)):
                mask, true = masks[source][k] == row, truth[k] == row
                common = np.count_nonzero(mask & true)
                if (mask | true).any() if least_overlap is None else common >= least_overlap:
                    result[scan, source, k, row] = dice(mask, true)
    return result


def test_every_slice_with_mask_or_truth_is_taken_with_the_dice_of_the_whole_slice(
    predicted: TrainingSet, truth: np.ndarray, masks: dict[str, np.ndarray]
) -> None:
    pairs = found(predicted)
    assert len(pairs) == len(predicted)
    assert pairs == pytest.approx(expected(truth, masks, None), abs=1e-6)


def test_the_published_rule_takes_slices_with_twenty_common_pixels(
    index: Index, tmp_path: Path, truth: np.ndarray, masks: dict[str, np.ndarray]
) -> None:
    published = build_training_set(index, tmp_path / "set", PUBLISHED)
    assert found(published) == pytest.approx(expected(truth, masks, 20), abs=1e-6)
    assert published.table["overlap"].min() >= 20
    assert {KINDS[kind] for kind in published.table["kind"]} == {"pseudo label"}


def test_missed_and_invented_slices_are_there_with_dice_0(predicted: TrainingSet) -> None:
    examples = [predicted.slice_of(row) for row in predicted.pairs("val")]
    kinds = {(e.scan.name, e.slice, e.structure): e for e in examples}
    for k in range(10, 15):
        missed = kinds["b", k, LIVER]
        assert (missed.kind, missed.dice) == ("missed", 0)
        assert missed.truth.any()
        assert not missed.mask.any()
    invented = kinds["b", 28, KIDNEY]
    assert (invented.kind, invented.dice, invented.mask.sum()) == ("invented", 0, 100)
    assert not invented.truth.any()


def test_masks_truths_and_ct_come_back_as_they_were_in_the_axis_order_of_the_network(
    predicted: TrainingSet, truth: np.ndarray, masks: dict[str, np.ndarray], sample_ct: Volume
) -> None:
    ct = orient_array(sample_ct.voxels, sample_ct.grid, "LAS").clip(-1024, 3071)
    for row in range(0, len(predicted), 5):
        example = predicted.slice_of(row)
        assert np.array_equal(example.ct, ct[example.slice])
        assert np.array_equal(example.truth, truth[example.slice] == example.structure)
        assert np.array_equal(example.mask, masks[example.source][example.slice] == example.structure)
        assert example.ct.dtype == np.int16
        assert example.pixel_mm == pytest.approx((3, 3), abs=1e-3)


def test_a_truth_is_stored_once_however_many_segmenters_are_compared_with_it(predicted: TrainingSet) -> None:
    table = predicted.table[predicted.table["truth_pixels"] > 0]
    organs = {tuple(row) for row in table[["scan", "slice", "structure"]].tolist()}
    assert len(organs) < len(table)
    assert len(np.unique(table["truth_at"])) == len(organs)


def test_degraded_masks_come_by_weight_and_spread_over_the_whole_range(
    mixed: TrainingSet, predicted: TrainingSet
) -> None:
    for split in ("train", "val"):
        counts = np.bincount(mixed.table["kind"][mixed.pairs(split)], minlength=len(KINDS))
        count = dict(zip(KINDS, counts.tolist(), strict=True))
        base = len(predicted.pairs(split))
        assert count["pseudo label"] + count["missed"] + count["invented"] == base
        assert count["wrong name"] == round(0.2 * base)
        assert count["degraded"] + count["exact"] == base + round(0.1 * base)
        assert count["exact"] < 0.15 * base
    spread = np.histogram(mixed.table["dice"][mixed.table["kind"] == KINDS.index("degraded")], 5, (0, 1))[0]
    assert spread.min() > 0.4 * spread.mean()


def test_masks_made_on_purpose_have_the_dice_that_their_bits_give(mixed: TrainingSet) -> None:
    rows = np.flatnonzero(mixed.table["source"] == mixed.sources.index("made on purpose"))
    for example in map(mixed.slice_of, rows.tolist()):
        assert example.dice == pytest.approx(dice(example.mask, example.truth), abs=1e-6)
        assert example.mask.any()
        assert example.kind != "wrong name" or example.dice == 0
        assert example.kind != "exact" or example.dice == 1


def test_a_scan_without_pseudo_labels_is_degraded_by_its_organs(index: Index, tmp_path: Path) -> None:
    bare = replace(index, scans=tuple(replace(scan, pseudo_labels=()) for scan in index.scans))
    sampling = Sampling(degraded=2, exact=0, wrong_name=0)
    training_set = build_training_set(bare, tmp_path / "set", sampling)
    organs = {tuple(row) for row in training_set.table[["scan", "slice", "structure"]].tolist()}
    assert len(training_set) == 2 * len(organs)


def test_another_seed_draws_other_masks_and_the_same_seed_the_same(index: Index, tmp_path: Path) -> None:
    sets = [
        build_training_set(index, tmp_path / str(place), Sampling(seed=seed))
        for place, seed in enumerate((1, 1, 2))
    ]
    assert sets[0].fingerprint == sets[1].fingerprint != sets[2].fingerprint
