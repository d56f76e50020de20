"""From a folder of scans to a model that `segae score` uses, by the commands that a researcher types."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flat_rows import slices

from segae.cli import main as segae
from segae.models.quality_model import QualityModel
from segae.results.files import read_report
from segae_trainer.data.sample import KINDS
from segae_trainer.data.training_set import TrainingSet
from segae_trainer.evaluate.predictions import read_predictions

Train = Callable[..., Any]  # gives the Outcome of conftest.py
STUNET = (
    "--size", "S", "--keep", 1, "--keep", 2, "--iterations", 1, "--val-iterations", 1, "--save-every", 1,
    "--patch", 16, 32, 32, "--spacing", 9, 9, 9, "--workers", 0, "--device", "cpu",
)  # fmt: skip
TRAINING = (
    "--backbone", "small", "--input-size", 32, "--steps", 3, "--steps", 3, "--batch", 16, "--no-imagenet",
    "--device", "cpu", "--workers", 0,
)  # fmt: skip


def test_two_checkpoints_of_stunet_become_a_training_set_a_model_a_page_and_scores(
    segae_train: Train,
    indexed: Path,
    tmp_path: Path,
    sample_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    workspace, pairs, run, page = (tmp_path / name for name in ("ws", "set", "run", "page"))
    predicted = segae_train("pseudo-labels", indexed, workspace, *STUNET)
    assert (predicted.code, predicted.err) == (0, "")
    assert "epoch_0001" in predicted.out and "epoch_0002" in predicted.out
    written = {path: path.stat().st_mtime_ns for path in workspace.rglob("*.nii.gz")}
    again = segae_train("pseudo-labels", indexed, workspace, *STUNET, "--stage", "predict")
    assert again.out == predicted.out  # nothing left to do
    assert {path: path.stat().st_mtime_ns for path in workspace.rglob("*.nii.gz")} == written

    assert segae_train("training-set", indexed, pairs).code == 0
    training_set = TrainingSet.open(pairs)
    assert {"epoch_0001", "epoch_0002"} <= set(training_set.sources)
    found = {KINDS[kind] for kind in training_set.table["kind"]}
    assert {"pseudo label", "exact", "wrong name"} <= found and (pairs / "dice_by_structure.png").is_file()

    trained = segae_train("train", pairs, run, *TRAINING)
    assert trained.code == 0, trained.err
    rows = (run / "metrics.csv").read_text().splitlines()
    assert len(rows) == 2  # a head and an epoch
    model = QualityModel.load(run / "model.safetensors")
    assert model.spec.backbone == "small" and model.spec.input.size == 32

    calibrated = segae_train("calibrate", pairs, run, "--split", "test", "--device", "cpu")
    assert calibrated.code == 0, calibrated.err
    assert "All masks are of one patient" in calibrated.out
    finished, card = tmp_path / "finished.safetensors", tmp_path / "card.md"
    exported = segae_train(
        "export", run, finished, "--card", card, "--training-set", pairs, "--split", "test", "--device", "cpu"
    )
    assert exported.code == 0, exported.err
    assert QualityModel.load(finished).spec.intervals["slice"]["n"] > 10
    assert "| synthetic | all | all |" in card.read_text(encoding="utf-8")

    suites = ("--suite", "network", "--suite", "synthetic", "--resamples", 0)
    evaluated = segae_train("evaluate", pairs, "--model", finished, *suites, "--out", page)
    assert evaluated.code == 0, evaluated.err
    assert "plotly" in (page / "evaluation.html").read_text(encoding="utf-8").lower()
    assert "run (raw)" in (page / "metrics.csv").read_text()
    structures = set(read_predictions(page / "predictions.csv")["structure"])
    assert structures == {"liver", "spleen", "kidney left"}

    arguments = ["score", sample_dir / "ct.nii.gz", sample_dir / "segmentations" / "liver.nii.gz"]
    arguments += ["--model", run / "model.safetensors", "--out", tmp_path / "scored", "--device", "cpu"]
    monkeypatch.setattr(sys, "argv", ["segae", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        segae()
    assert ended.value.code == 0
    report = read_report(tmp_path / "scored" / "report.json")
    assert report.model.sha256 == model.sha256
    assert {row.structure for row in slices(report)} == {"liver"} and len(slices(report)) > 5
