"""Which masks become pairs and what Dice they have, against plain numpy on whole slices."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from segae.data import Volume
from segae.geometry.orientation import orient_array
from segae.labels import resolve
from segae_trainer.data.build_set import build_training_set
from segae_trainer.data.draw_samples import PUBLISHED, Sampling
from segae_trainer.data.index import Index
from segae_trainer.data.sample import KINDS
from segae_trainer.data.synthetic_errors import dice
from segae_trainer.data.training_set import TrainingSet

LIVER, SPLEEN, KIDNEY = (resolve(name).structure.index for name in ("liver", "spleen", "kidney left"))
KNOWN = {
    ("a", "far"): (LIVER, SPLEEN, KIDNEY),
    ("a", "near"): (LIVER, SPLEEN),
    ("b", "far"): (LIVER, SPLEEN, KIDNEY),
}
PREDICTED = Sampling(repeats=0)


@pytest.fixture(scope="module")
def predicted(index: Index, tmp_path_factory: pytest.TempPathFactory) -> TrainingSet:
    return build_training_set(index, tmp_path_factory.mktemp("sets") / "predicted", PREDICTED)


@pytest.fixture(scope="module")
def mixed(index: Index, tmp_path_factory: pytest.TempPathFactory) -> TrainingSet:
    """With two synthetic samples of each organ in each slice to train on."""
    return build_training_set(index, tmp_path_factory.mktemp("sets") / "mixed", Sampling(repeats=2))


def found(training_set: TrainingSet) -> dict[tuple[str, str, int, int], float]:
    """(scan, source, slice, structure) -> Dice."""
    examples = [training_set.sample(row) for row in range(len(training_set))]
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
    examples = [predicted.sample(row) for row in predicted.rows("val")]
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
        example = predicted.sample(row)
        assert np.array_equal(example.ct, ct[example.slice])
        assert np.array_equal(example.truth, truth[example.slice] == example.structure)
        assert np.array_equal(example.mask, masks[example.source][example.slice] == example.structure)
        assert example.ct.dtype == np.int16
        assert example.scan.pixel_mm == pytest.approx((3, 3), abs=1e-3)


def test_each_organ_has_its_synthetic_samples_more_of_them_where_it_is_trained_on(mixed: TrainingSet) -> None:
    looked_for = [KINDS.index(kind) for kind in ("beyond its end", "absent", "searched")]
    for split, repeats, variants in (("train", 2, {1, 2}), ("val", 1, {0})):
        rows = mixed.rows(split)
        table = mixed.table[rows]
        made = table[table["source"] == mixed.sources.index("synthetic")]
        made = made[~np.isin(made["kind"], looked_for)]
        (number,) = set(table["scan"].tolist())
        scan = mixed.scan(number)
        organs = sum(len(scan.structures(k)) for k in range(len(scan.ct)))
        left_out = np.count_nonzero(~np.isin(made["structure"], mixed.structures))
        assert left_out == 0
        assert 0.8 * repeats * organs < len(made) <= repeats * organs  # some wrong names are not trained on
        assert set(made["variant"].tolist()) == variants


def test_only_the_scan_to_train_on_is_varied_and_searched(mixed: TrainingSet) -> None:
    table = mixed.table[mixed.rows("val")]
    assert not table["variant"].any()
    assert not np.isin(table["kind"], [KINDS.index("searched"), KINDS.index("absent")]).any()
    train = mixed.table[mixed.rows("train")]
    assert (train["kind"] == KINDS.index("searched")).any()
    predicted = train[train["source"] == mixed.sources.index("far")]
    assert set(predicted["variant"].tolist()) == {mixed.sources.index("far") + 1}


def test_the_table_says_what_the_sample_shows(mixed: TrainingSet) -> None:
    for row in range(0, len(mixed), 7):
        sample, stored = mixed.sample(row), mixed.table[row]
        assert stored["dice"] == pytest.approx(sample.dice, abs=1e-6, nan_ok=True)
        assert stored["mask_pixels"] == sample.mask.sum()
        assert stored["truth_pixels"] == sample.truth.sum()
        if sample.kind in ("empty", "absent", "searched", "missed"):
            assert not sample.mask.any()
        if sample.kind == "searched":
            assert sample.crop_box is None
        if sample.kind == "exact":
            assert sample.dice == 1


def test_another_seed_draws_other_masks_and_the_same_seed_the_same(index: Index, tmp_path: Path) -> None:
    sets = [
        build_training_set(index, tmp_path / str(place), Sampling(seed=seed))
        for place, seed in enumerate((1, 1, 2))
    ]
    assert sets[0].fingerprint == sets[1].fingerprint != sets[2].fingerprint
