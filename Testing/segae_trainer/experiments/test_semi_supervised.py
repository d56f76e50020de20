from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from segae.errors import InputError
from segae_trainer.data.find_scans import build_index
from segae_trainer.data.sample import LabelledScan
from segae_trainer.experiments import segmenters as networks
from segae_trainer.experiments.patients import divide
from segae_trainer.experiments.semi_supervised import FILTERS, SemiOptions, learn_semi_supervised
from segae_trainer.experiments.setting import Options

OPTIONS = SemiOptions(share=0.5, threshold=0.0)


@pytest.fixture(scope="module")
def taught() -> list[tuple[list[LabelledScan], dict]]:
    """The scans and the trust of every training."""
    return []


@pytest.fixture(scope="module")
def carried_out(
    patients: Path, tiny: Callable[..., Options], taught: list, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    out = tmp_path_factory.mktemp("semi")
    original = networks.train_segmenters

    def train(scans, settings, seed, watch=None, trust=networks.NOTHING):
        taught.append((list(scans), dict(trust)))
        return original(scans, settings, seed, watch, trust)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(networks, "train_segmenters", train)
        learn_semi_supervised(patients, out, tiny(labelled=2), OPTIONS)
    return out


def test_every_filter_has_figures_on_the_test_patient(carried_out: Path):
    table = pd.read_csv(carried_out / "semi-supervised.csv")
    assert list(dict.fromkeys(table["filter"])) == list(FILTERS)
    assert table["patient"].nunique() == 1
    assert table["dice"].between(0, 1).all() and table["nsd"].between(0, 1).all()


def test_a_student_learns_from_labels_and_kept_predictions_and_never_from_truth_of_the_unlabelled(
    carried_out: Path, taught: list, patients: Path
):
    cohort = divide(build_index(patients), (), 1, 2)
    start = {name for name, _ in cohort.start(2, 1).annotated}
    tested = {scan.name for scan in cohort.exam.scans}
    predicted = {
        path.stem: np.load(path) for path in (carried_out / "semi-supervised/seed-1/predicted").iterdir()
    }
    unlabelled = {scan.name for scan in cohort.pool.scans} - start
    assert predicted.keys() == unlabelled
    students = [scans for scans, _ in taught if {scan.name for scan in scans} > start]
    assert students
    for scans, _ in taught:
        for scan in scans:
            assert scan.name not in tested
            if scan.name in unlabelled:
                marked = scan.labels > 0
                assert (scan.labels[marked] == predicted[scan.name][marked]).all()
                assert set(np.unique(scan.labels[marked])) <= scan.known


def test_weights_are_the_predicted_dice(carried_out: Path, taught: list):
    judged = pd.read_csv(carried_out / "semi-supervised" / "seed-1" / "judged-segae.csv")
    weighted = [trust for _, trust in taught if any(v != 1 for one in trust.values() for v in one.values())]
    assert len(weighted) == 1
    found = {(scan, one): value for scan, masks in weighted[0].items() for one, value in masks.items()}
    rows = judged[["scan", "structure", "quality"]].itertuples(index=False)
    assert found == {(scan, structure): quality for scan, structure, quality in rows}


def test_a_run_that_was_killed_goes_on(
    carried_out: Path, patients: Path, tiny: Callable[..., Options], monkeypatch: pytest.MonkeyPatch
):
    before = (carried_out / "semi-supervised.csv").read_text()
    (carried_out / "semi-supervised" / "seed-1" / "random" / "test.csv").unlink()

    def refuse(*_, **__) -> None:
        raise AssertionError("trained again")

    monkeypatch.setattr(networks, "train_segmenters", refuse)
    learn_semi_supervised(patients, carried_out, tiny(labelled=2), OPTIONS)
    assert (carried_out / "semi-supervised.csv").read_text() == before


QUALITIES = {("a", 1): 0.9, ("b", 1): 0.7, ("a", 2): 0.2, ("b", 2): 0.6, ("c", 2): 0.5, ("d", 2): 0.1}


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("labelled only", {}),
        ("all", dict.fromkeys(QUALITIES, 1.0)),
        ("segae", {("a", 1): 1.0, ("b", 2): 1.0, ("c", 2): 1.0}),
        ("segae-threshold", {("a", 1): 1.0, ("b", 1): 1.0}),
        ("segae-weights", QUALITIES),
    ],
)
def test_a_filter_keeps_the_best_of_each_structure_those_above_a_threshold_or_all_by_weight(
    name: str, kept: dict
):
    assert FILTERS[name].keep(QUALITIES, SemiOptions(share=0.5, threshold=0.7)) == kept


@pytest.mark.parametrize(
    ("options", "semi", "said"),
    [
        ({"labelled": 3}, {}, "No unlabelled patient is left"),
        ({}, {"unlabelled": 5}, "5 unlabelled patients are asked for, and 1 are left"),
    ],
)
def test_too_few_unlabelled_patients_are_refused(
    patients: Path, tiny: Callable[..., Options], tmp_path: Path, options: dict, semi: dict, said: str
):
    with pytest.raises(InputError, match=said):
        learn_semi_supervised(patients, tmp_path, tiny(**options), replace(OPTIONS, **semi))


def test_an_unknown_filter_and_a_share_beyond_1_are_refused():
    with pytest.raises(InputError, match='There is no filter "best"'):
        SemiOptions(filters=("best",))
    with pytest.raises(InputError, match="must lie between 0 and 1"):
        SemiOptions(share=1.5)
