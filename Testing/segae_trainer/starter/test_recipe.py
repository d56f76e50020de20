"""The stages from data to file, small: two patients of four slices each."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import save_file

from segae.cli import main as segae
from segae.errors import InputError
from segae.labels.resolver import resolve
from segae.labels.table import by_index
from segae.models.quality_model import QualityModel
from segae_trainer.cli import main as segae_train
from segae_trainer.starter.cases import read_case
from segae_trainer.starter.plan import Plan
from segae_trainer.starter.recipe import run_stages, stages
from segae_trainer.starter.stages import training_pools


def test_the_stages_end_in_a_model_that_knows_its_figures(made: Path):
    spec = QualityModel.load(made / "tiny.safetensors").spec
    assert set(spec.figures) == {"fold-A", "fold-B", "final"}
    assert spec.figures["fold-B"]["synthetic"]["n"] > 20
    assert spec.figures["fold-B"]["fast organs"]["MAE"] > 0
    assert f"apart, wrong {resolve('heart').structure.index}" in spec.figures["final"]
    assert 0 < spec.figures["final"]["apart, true 13"] < 1
    assert spec.intervals["confidence"] == 0.9
    assert spec.intervals["slice"]["patients"] == 2
    assert spec.typical
    assert spec.limits


def test_pools_of_another_kind_of_model_are_refused(made: Path, plan: Plan):
    assert len(training_pools(plan, "final")) > 20
    shown = replace(plan.spec.input, context_view=0.0)
    other = replace(plan, spec=replace(plan.spec, input=shown))
    with pytest.raises(InputError, match="made for a model with other channels"):
        training_pools(other, "final")


def test_the_model_says_which_names_it_was_trained_on(made: Path, data: Path):
    spec = QualityModel.load(made / "tiny.safetensors").spec
    lower, upper = (set(np.unique(read_case(data / name).labels)) - {0} for name in ("lower", "upper"))
    spleen = {by_index(row).name: row for row in lower}["spleen"]
    assert set(spec.trained_labels) == lower | (upper - {spleen})


def test_no_fold_learns_from_the_patient_it_keeps_back(made: Path, plan: Plan):
    names = {path.name for path in (made / "pools").iterdir()}
    assert {"fold-A-upper", "fold-B-lower", "final-upper", "final-lower"} <= names
    assert not {"fold-A-lower", "fold-B-upper"} & names
    both, one = training_pools(plan, "final"), training_pools(plan, "fold-A")
    assert len(both) > len(one)
    assert {path.stem for path in (made / "masks" / "fold-A").iterdir()} == {"lower", "upper"}


def test_the_card_has_the_figures_of_the_run(made: Path):
    card = (made / "card.md").read_text(encoding="utf-8")
    table = pd.concat(pd.read_csv(made / f"fold-{patient}" / "tables" / "synthetic.csv") for patient in "AB")
    mae = (table["predicted"] - table["dice"]).abs().mean()
    assert f"| synthetic | all | all | {len(table)} |" in card
    assert f" / {mae:.3f} |" in card
    assert (made / "card.png").stat().st_size > 10_000


def test_the_model_file_scores_a_case_on_the_command_line(
    made: Path, sample_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    files = (sample_dir / "ct.nii.gz", sample_dir / "segmentations" / "liver.nii.gz", "--name", "liver")
    options = ("--model", made / "tiny.safetensors", "--out", tmp_path)
    assert run_command(monkeypatch, segae, "segae", "score", *files, *options) == 0
    rows = pd.read_csv(tmp_path / "report.csv", comment="#")
    assert len(rows) > 10
    assert rows["score"].between(0, 1).all()
    assert (rows["interval_low"] <= rows["score"]).all()
    assert (rows["score"] <= rows["interval_high"]).all()


def test_finished_stages_are_not_done_again(made: Path, plan: Plan):
    kinds = ("*.npz", "*.bin", "figures.json", "*.csv", "run.pt")
    before = {path: path.stat().st_mtime_ns for kind in kinds for path in made.rglob(kind)}
    wanted = ["pools", "fold-A", "final", "baselines"]
    run_stages(plan, wanted, made / "x.safetensors", made / "x.md", say=lambda _: None)
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert not (made / "x.safetensors").exists()


def test_an_unknown_stage_and_a_stage_too_early_are_refused(plan: Plan, tmp_path: Path):
    early = replace(plan, work=tmp_path)
    save_file({"names": torch.zeros(145, 16)}, tmp_path / "names.safetensors")
    with pytest.raises(InputError, match="fold-A, fold-B, final"):
        run_stages(plan, ["fold-Z"], tmp_path / "m", tmp_path / "c", say=lambda _: None)
    with pytest.raises(InputError, match=r"figures\.json"):
        run_stages(early, ["export"], tmp_path / "m", tmp_path / "c", say=lambda _: None)
    with pytest.raises(InputError, match='"pools"'):
        run_stages(early, ["baselines"], tmp_path / "m", tmp_path / "c", say=lambda _: None)
    assert stages(plan) == ("pools", "fold-A", "fold-B", "final", "baselines", "export")


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
