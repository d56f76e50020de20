"""The stages from data to file, small: two patients of three slices each."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from segae.errors import InputError
from segae.labels.resolver import resolve
from segae.labels.table import by_index
from segae.models.quality_model import QualityModel
from segae_trainer import cli
from segae_trainer.demo.pool import Rendering
from segae_trainer.demo.recipe import Plan, run_stages, stages
from segae_trainer.demo.training import Recipe
from segae_trainer.starter.cases import read_case


@pytest.fixture(scope="module")
def plan(data, spec, cohort, tmp_path_factory) -> Plan:
    work = tmp_path_factory.mktemp("work")
    save_file({"names": torch.randn(145, 6)}, work / "names.safetensors")
    recipe = Recipe(small_steps=3, full_steps=2, rate_steps=4, batch=8)
    return Plan(cohort, data, work, spec, recipe, fold_share=0.6, rendering=Rendering(repeats=1))


@pytest.fixture(scope="module")
def made(plan) -> Path:
    run_stages(plan, [], plan.work / "tiny.safetensors", plan.work / "card.md", say=lambda _: None)
    return plan.work


def test_the_stages_end_in_a_model_that_knows_its_figures(made):
    model = QualityModel.load(made / "tiny.safetensors")
    assert model.spec.demonstration
    assert set(model.spec.figures) == {"fold-A", "fold-B", "final"}
    assert model.spec.figures["fold-B"]["degraded"]["suite"]["n"] > 10
    assert model.spec.figures["fold-B"]["moved against full"]["slices"]["mae"] > 0
    assert "degraded" not in model.spec.figures["final"]  # it has seen both patients
    assert "moved against full, seen" in model.spec.figures["final"]


def test_the_model_knows_the_names_it_was_trained_on_and_no_others(made, data):
    model = QualityModel.load(made / "tiny.safetensors")
    labels = read_case(data / "lower").labels
    assert all(model.knows(by_index(int(s))) for s in np.unique(labels[labels > 0]))
    assert not model.knows(resolve("femur left").structure)


def test_the_card_has_the_figures_of_the_run(made):
    figures = QualityModel.load(made / "tiny.safetensors").spec.figures
    card = (made / "card.md").read_text(encoding="utf-8")
    assert f"| fold-B: suite | {figures['fold-B']['degraded']['suite']['n']} |" in card
    assert f"{figures['fold-A']['degraded']['suite']['mae']:.3f}" in card
    assert "{" not in card
    assert "## Limits and what does not work" in card


def test_finished_stages_are_not_done_again(made, plan):
    before = {path: path.stat().st_mtime_ns for path in made.rglob("*.npz")}
    before |= {path: path.stat().st_mtime_ns for path in made.rglob("figures.json")}
    run_stages(plan, ["pools", "fold-A", "final"], made / "x.safetensors", made / "x.md", say=lambda _: None)
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert not (made / "x.safetensors").exists()


def test_an_unknown_stage_and_a_stage_too_early_are_refused(plan, tmp_path):
    early = replace(plan, work=tmp_path)
    save_file({"names": torch.zeros(145, 6)}, tmp_path / "names.safetensors")
    with pytest.raises(InputError, match="fold-A, fold-B, final"):
        run_stages(plan, ["fold-Z"], tmp_path / "m", tmp_path / "c", say=lambda _: None)
    with pytest.raises(InputError, match='"pools"'):
        run_stages(early, ["fold-A"], tmp_path / "m", tmp_path / "c", say=lambda _: None)
    with pytest.raises(InputError, match=r"figures\.json"):
        run_stages(early, ["export"], tmp_path / "m", tmp_path / "c", say=lambda _: None)
    assert stages(plan) == ("pools", "fold-A", "fold-B", "final", "export")


def run_command(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["segae-train", *map(str, arguments)])
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    return int(stopped.value.code or 0)


def test_the_command_renders_pools(data, tmp_path, monkeypatch):
    cohort = tmp_path / "cohort.csv"
    rows = ("case,patient,use,leave_out,coarse", "lower,A,folds,,", "upper,B,folds,,")
    cohort.write_text("\n".join(rows), encoding="utf-8")
    work = ("--data", data, "--cohort", cohort, "--work", tmp_path / "work")
    results = ("--out", tmp_path / "m.safetensors", "--card", tmp_path / "card.md")
    options = ("demo-model", *work, *results, "--threads", 1, "--repeats", 1)
    assert run_command(monkeypatch, *options, "--stage", "pools") == 0
    assert sorted(path.name for path in (tmp_path / "work" / "pools").iterdir()) == [
        "lower-suite.npz", "lower.npz", "upper-suite.npz", "upper.npz",
    ]  # fmt: skip


def test_the_command_says_in_a_line_what_is_wrong(data, tmp_path, monkeypatch, capsys):
    options = ("--data", data, "--work", tmp_path, "--out", tmp_path / "m", "--card", tmp_path / "c")
    assert run_command(monkeypatch, "demo-model", *options, "--stage", "fold-Q") == 2
    assert '"fold-Q"' in capsys.readouterr().err
    assert run_command(monkeypatch, "demo-model", *options, "--cohort", tmp_path / "none.csv") == 2
    assert capsys.readouterr().err.count("\n") == 1
