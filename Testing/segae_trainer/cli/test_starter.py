"""The steps from a cohort to a model file, small: two patients of four slices each."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import torch

from segae.errors import InputError
from segae.models.checkpoint import Checkpoint, read_spec, save_checkpoint
from segae.models.registry import build_network
from segae.models.spec import ModelSpec
from segae_trainer.cli import main as segae_train
from segae_trainer.cli.folds import FoldPlan, run_stages
from segae_trainer.data.cohort import Cohort, Member
from segae_trainer.data.draw_samples import Sampling
from segae_trainer.data.training_set import TrainingSet
from segae_trainer.pseudo_labels.small_unet import SegmenterPlan
from segae_trainer.train.recipes import Phase, resolve_recipe
from segae_trainer.train.settings import Machine

MODEL, CARD = "tiny.safetensors", "card.md"


@pytest.fixture(scope="session")
def plan(data: Path, dense_spec: ModelSpec, tmp_path_factory: pytest.TempPathFactory) -> FoldPlan:
    """Two patients and one scan apart, with a handful of steps everywhere."""
    work = tmp_path_factory.mktemp("work")
    torch.manual_seed(0)
    vectors = torch.randn(145, dense_spec.text_dim)
    save_checkpoint(
        Checkpoint(dense_spec, build_network(dense_spec).state_dict(), vectors), work / "names.safetensors"
    )
    members = (
        Member("lower", "A", "folds"),
        Member("upper", "B", "folds", ("spleen",)),
        Member("apart", "C", "test"),
    )
    recipe = resolve_recipe("segae", backbone="small", batch=8)
    recipe = replace(
        recipe, input=dense_spec.input, phases=(Phase(3, 8, shrink=2, floor=0.2), Phase(2, 8, peak=0.5))
    )
    return FoldPlan(
        Cohort(members), data, work, recipe, name="tiny", names=work / "names.safetensors",
        segmenter=SegmenterPlan(kept=(15, 25), batch=2, learning_rate=1e-2), sampling=Sampling(repeats=1),
        published_steps=1, machine=Machine(device="cpu", workers=0, precision="32-true"),
    )  # fmt: skip


@pytest.fixture(scope="session")
def made(plan: FoldPlan) -> Path:
    """The work folder when all stages are done, with the model and its card."""
    # Whether a network of a handful of steps has raw scores that can be Dice is chance, and not the question.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("segae.scoring.scorer._MOST_IMPLAUSIBLE", 1.0)
        run_stages(plan, [], plan.work / MODEL, plan.work / CARD, say=lambda _: None)
    return plan.work


def test_the_stages_end_in_a_model_that_knows_its_figures(made: Path):
    spec = read_spec(made / MODEL)
    assert spec.intervals["confidence"] == 0.9
    assert spec.intervals["slice"]["patients"] == 2
    assert spec.typical
    assert spec.figures["goals"]["LCC / MAE on network masks, per slice"][1] > 0
    assert [one["case"] for one in spec.training["cohort"]] == ["lower", "upper"]
    figures = json.loads((made / "fold-B" / "figures.json").read_text())
    assert figures["LCC / MAE on the synthetic suite"][1] > 0


def test_no_fold_trains_on_the_patient_it_keeps_back(made: Path, plan: FoldPlan):
    for patient, other in (("A", "upper"), ("B", "lower")):
        trained = TrainingSet.open(made / f"fold-{patient}" / "set")
        assert {scan.name for scan in trained.scans} == {other}
        tested = pd.read_csv(made / f"fold-{patient}" / "tables" / "network.csv")
        assert set(tested["patient"]) == {patient}
    final = TrainingSet.open(made / "final" / "set")
    assert {scan.name for scan in final.scans} == {"lower", "upper"}


def test_distrusted_masks_are_neither_trained_on_nor_tested_on(made: Path):
    spleen = 26
    upper = TrainingSet.open(made / "fold-A" / "set")
    assert spleen not in upper.scans[0].known
    tested = pd.read_csv(made / "fold-B" / "tables" / "network.csv")
    assert spleen not in set(tested["structure_index"])


def test_the_second_network_is_a_suite_of_its_own(made: Path):
    second = pd.read_csv(made / "fold-B" / "tables" / "second network.csv")
    assert set(second["source"]) == {"moved"}
    network = pd.read_csv(made / "fold-B" / "tables" / "network.csv")
    assert set(network["source"]) == {"small U-Net step 15", "small U-Net step 25"}


def test_the_card_has_the_figures_of_the_run(made: Path):
    card = (made / CARD).read_text(encoding="utf-8")
    table = pd.concat(pd.read_csv(made / f"fold-{patient}" / "tables" / "synthetic.csv") for patient in "AB")
    table = table.dropna(subset=["raw"])
    mae = (table["raw"] - table["dice"]).abs().mean()
    assert f"| synthetic | all | all | {len(table)} |" in card
    assert f" / {mae:.3f} |" in card
    for method in ("published", "mask features", "agreement"):
        assert f"| network | {method} |" in card
    assert (made / "card.png").stat().st_size > 10_000


def test_finished_stages_are_not_done_again(made: Path, plan: FoldPlan):
    kinds = ("*.nii.gz", "*.bin", "*.csv", "last.ckpt", "model.safetensors")
    before = {path: path.stat().st_mtime_ns for kind in kinds for path in made.rglob(kind)}
    wanted = ["test-set", "fold-A", "final", "baselines"]
    run_stages(plan, wanted, made / "x.safetensors", made / "x.md", say=lambda _: None)
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert not (made / "x.safetensors").exists()


def test_an_unknown_stage_and_a_stage_too_early_are_refused(plan: FoldPlan, tmp_path: Path):
    early = replace(plan, work=tmp_path)
    with pytest.raises(InputError, match="fold-A, fold-B, final"):
        run_stages(plan, ["fold-Z"], tmp_path / "m", tmp_path / "c", say=lambda _: None)
    with pytest.raises(InputError, match='"fold-A" is not trained'):
        run_stages(early, ["export"], tmp_path / "m", tmp_path / "c", say=lambda _: None)
    assert plan.stages == ("test-set", "fold-A", "fold-B", "final", "baselines", "export")


def run_command(monkeypatch: pytest.MonkeyPatch, main, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", [*map(str, arguments)])
    with pytest.raises(SystemExit) as stopped:
        main()
    return int(stopped.value.code or 0)


def test_the_command_says_in_a_line_what_is_wrong(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    files = ("--data", data, "--work", tmp_path, "--out", tmp_path / "m", "--card", tmp_path / "c")
    command = (segae_train, "segae-train", "starter", *files)
    assert run_command(monkeypatch, *command, "--stage", "fold-Q") == 2
    assert '"fold-Q"' in capsys.readouterr().err
    assert run_command(monkeypatch, *command, "--cohort", tmp_path / "none.csv") == 2
    assert capsys.readouterr().err.count("\n") == 1
