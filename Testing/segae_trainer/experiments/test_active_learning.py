from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from segae.errors import InputError
from segae_trainer.data.find_scans import build_index
from segae_trainer.data.index import write_index
from segae_trainer.experiments import active_learning as module
from segae_trainer.experiments.active_learning import ActiveOptions, learn_actively, lowest
from segae_trainer.experiments.judges import JUDGES
from segae_trainer.experiments.patients import Pool, divide
from segae_trainer.experiments.setting import Options

ONE_ROUND = ActiveOptions(rounds=1, budget=1)


class Opened:
    """Every file of the patients that Python opens while it is `on`: path and names of the functions."""

    def __init__(self, root: Path) -> None:
        self.root, self.on = str(root), False
        self.files: list[tuple[Path, set[str]]] = []
        sys.addaudithook(self._hook)  # stays for the life of the process, silent when off

    def _hook(self, event: str, arguments: tuple) -> None:
        if self.on and event == "open" and str(arguments[0]).startswith(self.root):
            frames = {frame.name for frame in traceback.extract_stack()}
            self.files.append((Path(str(arguments[0])), frames))


@pytest.fixture(scope="module")
def carried_out(
    patients: Path, tiny: Callable[..., Options], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Path, Path, Opened]]:
    """The index, the folder of an experiment with all strategies, and the files that it opened."""
    folder = tmp_path_factory.mktemp("active")
    index = folder / "index.json"
    write_index(build_index(patients), index)
    opened = Opened(patients)
    opened.on = True
    learn_actively(index, folder / "out", tiny(), ONE_ROUND)
    opened.on = False
    yield index, folder / "out", opened


def test_each_strategy_has_figures_for_start_and_round_on_the_test_patient(
    carried_out: tuple[Path, Path, Opened],
):
    _, out, _ = carried_out
    table = pd.read_csv(out / "active-learning.csv")
    assert set(table["strategy"]) == set(JUDGES)
    assert set(table["round"]) == {0, 1} and set(table["annotated"]) == {2, 3}
    assert table["patient"].nunique() == 1
    assert table["dice"].between(0, 1).all() and table["nsd"].between(0, 1).all()
    start = table[table["round"] == 0]
    assert (start.groupby("structure")["dice"].nunique() == 1).all()


def test_each_round_has_a_folder_with_what_was_judged_annotated_learned_and_tested(
    carried_out: tuple[Path, Path, Opened],
):
    _, out, _ = carried_out
    for name in JUDGES:
        here = out / "active-learning" / "seed-1" / name / "round-01"
        assert {path.name for path in here.iterdir()} == {
            "judged.csv", "annotated.json", "segmenter.pt", "test.csv",
        }  # fmt: skip
        judged = pd.read_csv(here / "judged.csv")
        assert judged["quality"].between(0, 1).all()
    scorers = {path.name for path in (out / "active-learning/seed-1/start/scorer").iterdir()}
    assert scorers == {"segae.safetensors", "published.safetensors"}


def test_files_of_the_test_patient_are_opened_by_the_exam_alone(carried_out: tuple[Path, Path, Opened]):
    _, out, opened = carried_out
    tested = set(pd.read_csv(out / "active-learning.csv")["scan"])
    assert len(tested) == 1
    reads = [(path, by) for path, by in opened.files if tested & set(path.parts)]
    assert reads and len(opened.files) > len(reads)
    for path, by in reads:
        assert "results" in by, path  # Exam.results
        assert not by & {"labelled", "unlabelled", "index", "train_segmenters", "train", "training_set"}, path


def test_true_masks_of_the_pool_are_not_opened_before_they_are_annotated(
    carried_out: tuple[Path, Path, Opened],
):
    _, out, opened = carried_out
    tested = set(pd.read_csv(out / "active-learning.csv")["scan"])
    cohort = divide(build_index(Path(opened.root)), (), 1, 2)
    start = {name for name, _ in cohort.start(2, 1).annotated}
    (later,) = {scan.name for scan in cohort.pool.scans} - start
    truth = [
        (path, by)
        for path, by in opened.files
        if path.parent.name == "segmentations" and later in path.parts and not tested & set(path.parts)
    ]
    assert truth
    for path, by in truth:
        assert "labelled" in by, path  # Pool.labelled, of the segmenter of the round
        # Judges and scorers work before it is annotated.
        assert not by & {"judge", "training_set", "segae", "published", "mask_features"}, path


def test_truth_that_is_not_annotated_and_test_patients_change_no_network(
    carried_out: tuple[Path, Path, Opened], patients: Path, tiny: Callable[..., Options], tmp_path: Path
):
    """The same experiment with other masks of the pool's last patient and another test patient: segmenter and
    scorer of the start are the same to the last bit."""
    import shutil

    import SimpleITK
    import torch
    from safetensors.torch import load_file

    _, out, _ = carried_out
    cohort = divide(build_index(patients), (), 1, 2)
    start = {name for name, _ in cohort.start(2, 1).annotated}
    other = tmp_path / "other"
    shutil.copytree(patients, other)
    for folder in other.iterdir():
        if folder.name in start:
            continue
        for path in folder.glob("segmentations/*.nii.gz"):
            image = SimpleITK.ReadImage(str(path))
            voxels = np.roll(SimpleITK.GetArrayFromImage(image), 3, axis=2)
            changed = SimpleITK.GetImageFromArray(voxels)
            changed.CopyInformation(image)
            SimpleITK.WriteImage(changed, str(path))
    learn_actively(other, tmp_path / "out", tiny(), replace(ONE_ROUND, strategies=("segae",)))
    first, second = (one / "active-learning/seed-1/start" for one in (out, tmp_path / "out"))
    networks = [torch.load(one / "segmenter.pt", weights_only=True)["weights"] for one in (first, second)]
    scorers = [load_file(one / "scorer" / "segae.safetensors") for one in (first, second)]
    for one, two in (networks, scorers):
        assert one.keys() == two.keys()
        assert all(torch.equal(one[key], two[key]) for key in one)


def test_a_run_that_was_killed_goes_on_and_does_nothing_twice(
    carried_out: tuple[Path, Path, Opened], tiny: Callable[..., Options], monkeypatch: pytest.MonkeyPatch
):
    index, out, _ = carried_out
    before = (out / "active-learning.csv").read_text()
    (out / "active-learning" / "seed-1" / "entropy" / "round-01" / "test.csv").unlink()
    (out / "active-learning.csv").unlink()

    def refuse(*_, **__) -> None:
        raise AssertionError("trained again")

    monkeypatch.setattr("segae_trainer.experiments.segmenters.train_segmenters", refuse)
    learn_actively(index, out, tiny(), ONE_ROUND)
    assert (out / "active-learning.csv").read_text() == before


def test_other_settings_in_the_same_folder_are_refused(
    carried_out: tuple[Path, Path, Opened], tiny: Callable[..., Options]
):
    index, out, _ = carried_out
    with pytest.raises(InputError, match="was begun with passes = 2, and now it is 3"):
        learn_actively(index, out, tiny(passes=3), ONE_ROUND)


def pool_of(patients: Path) -> Pool:
    return divide(build_index(patients), (), 1, 1).pool


def test_the_lowest_masks_or_patients_are_annotated_and_those_without_prediction_last(patients: Path):
    pool = pool_of(patients)
    names = [scan.name for scan in pool.scans]
    first, second = sorted(pool.structures)
    qualities = {(names[0], first): 0.9, (names[0], second): 0.1, (names[1], first): 0.4}
    chosen = lowest(qualities, pool, replace(ONE_ROUND, unit="mask", budget=2))
    assert chosen == [(names[0], second), (names[1], first)]
    chosen = lowest(qualities, pool, ONE_ROUND)
    assert chosen == [(names[1], first), (names[1], second)]  # .4 against a mean of .5


def test_a_pool_hands_out_annotated_masks_only(patients: Path):
    pool = pool_of(patients)
    name, (first, second) = pool.scans[0].name, sorted(pool.structures)
    (scan,) = pool.with_annotated([(name, first)]).labelled()
    assert scan.known == {first} and set(np.unique(scan.labels)) == {0, first}
    assert pool.labelled() == []
    for scan in pool.unlabelled():
        assert not scan.labels.any() and not scan.known
    assert (name, second) in pool.with_annotated([(name, first)]).offered()


@pytest.mark.parametrize(
    ("options", "active", "said"),
    [
        ({"labelled": 3}, {}, "No unlabelled patient is left to choose from"),
        ({"labelled": 3, "tested": 2}, {}, "3 labelled and 2 test patients are asked for, and there are 4"),
        ({}, {"budget": 2}, "1 rounds of 2 are 2 patients, and 1 are left to choose from"),
        ({}, {"unit": "mask", "budget": 3}, "1 rounds of 3 are 3 masks, and 2 are left to choose from"),
        ({"structures": ("aorta",)}, {}, 'No scan has a mask of "aorta"'),
        ({"labelled": 1}, {"strategies": ("segae",)}, "needs at least two labelled patients"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_refused_in_a_sentence(
    patients: Path, tiny: Callable[..., Options], tmp_path: Path, options: dict, active: dict, said: str
):
    with pytest.raises(InputError, match=said):
        learn_actively(patients, tmp_path / "out", tiny(**options), replace(ONE_ROUND, **active))


def test_one_patient_is_refused(patients: Path, tiny: Callable[..., Options], tmp_path: Path):
    import shutil

    shutil.copytree(patients / "s0", tmp_path / "one" / "s0")
    with pytest.raises(InputError, match=r"All scans are of one patient \(\"s0\"\)"):
        learn_actively(tmp_path / "one", tmp_path / "out", tiny(), ONE_ROUND)
    assert not (tmp_path / "out").exists()


def test_an_unknown_strategy_is_refused():
    with pytest.raises(InputError, match='There is no strategy "luck"; choose from random'):
        ActiveOptions(strategies=("luck",))


def test_what_was_annotated_is_kept_for_the_next_call(carried_out: tuple[Path, Path, Opened]):
    _, out, _ = carried_out
    path = out / "active-learning" / "seed-1" / "random" / "round-01" / "annotated.json"
    masks = json.loads(path.read_text())
    assert len(masks) == 2 and len({scan for scan, _ in masks}) == 1
    assert module.ACTIVE == "active-learning"
