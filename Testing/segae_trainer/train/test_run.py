from __future__ import annotations

import csv
import json

import numpy as np
import pytest
import torch
from PIL import Image

from segae.inputs.build import ModelInput
from segae.inputs.position import POSITION_FEATURES
from segae.labels.table import by_index
from segae.models.checkpoint import load_checkpoint
from segae.models.quality_model import QualityModel
from segae.models.registry import declared_outputs
from segae_trainer.train.batches import usable_rows
from segae_trainer.train.progress import COLUMNS
from segae_trainer.train.recipes import RECIPES
from segae_trainer.train.run import train, trained_structures
from segae_trainer.train.run_folder import kept
from segae_trainer.train.views import Renderer


@pytest.fixture(scope="module", params=["segae", "published"])
def trained(request, training_set, tiny, tmp_path_factory):
    run = tmp_path_factory.mktemp("runs") / request.param
    said = []
    model = train(tiny(request.param), training_set, run, say=said.append)
    return request.param, run, model


def test_two_epochs_end_in_a_model_that_scores_and_says_how_it_was_trained(trained, training_set):
    recipe, run, path = trained
    assert path == run / "model.safetensors"
    model = QualityModel.load(path)
    assert model.spec.training["learning"]["recipe"]["name"] == recipe
    assert model.spec.training["learning"]["training_set"] == training_set.fingerprint
    assert model.spec.training["start"] == "random weights"
    assert model.spec.figures["validation"]["n"] > 10
    assert model.spec.outputs == declared_outputs(model.spec.architecture)
    assert model.spec.input.orientation == "LAS"
    rows = trained_structures(training_set, usable_rows(training_set, "train", RECIPES[recipe]))
    assert model.spec.trained_labels == tuple(rows)
    assert model.knows(by_index(rows[0]))
    assert set(model.spec.typical) == {"mean", "spread", "dark", "bright", "edges"}
    stranger = by_index(next(i for i in range(1, 145) if i not in rows))
    assert model.knows(stranger) and not model.trained_on(stranger) and model.trained_on(by_index(rows[0]))
    shape = (2, model.spec.input.channels, 32, 32)
    position = torch.zeros(2, POSITION_FEATURES) if model.spec.input.position_features else None
    blank = ModelInput(torch.zeros(shape), torch.tensor([rows[0], rows[1]]), position)
    assert torch.isfinite(model.predict(blank).score).all()


def test_the_run_folder_holds_what_the_panel_and_people_read(trained):
    recipe, run, _ = trained
    rows = list(csv.DictReader((run / "metrics.csv").open()))
    assert tuple(rows[0]) == COLUMNS
    assert [row["epoch"] for row in rows] == ["0", "1"]
    losses = [float(row[name]) for name in ("train_loss", "train_mse", "val_loss") for row in rows]
    assert np.isfinite(losses).all()
    state = json.loads((run / "state.json").read_text())
    assert (state["state"], state["epoch"], state["epochs"]) == ("finished", 2, 2)
    config = json.loads((run / "config.json").read_text())
    assert config["learning"]["recipe"]["name"] == recipe
    assert json.loads((run / "versions.json").read_text())["torch"]
    assert {path.name for path in (run / "checkpoints").iterdir()} == {"best.ckpt", "last.ckpt"}
    assert list((run / "tensorboard").glob("events.*"))
    assert Image.open(run / "curves.png").width > 500


def test_a_finished_training_is_not_done_again(trained, training_set, tiny):
    recipe, run, path = trained
    before = path.stat().st_mtime_ns
    assert train(tiny(recipe), training_set, run) == path
    assert path.stat().st_mtime_ns == before


def test_the_model_that_ships_needs_no_validation_and_keeps_its_moving_average(only_training, tiny, tmp_path):
    model = train(tiny("segae"), only_training, tmp_path / "run")
    last = kept(tmp_path / "run" / "checkpoints" / "last.ckpt")
    found = load_checkpoint(model)
    for key, value in found.weights.items():
        averaged = last["averaged"][f"module.{key}"]
        assert torch.equal(value, averaged.half().float() if averaged.is_floating_point() else averaged)
    own = {key.removeprefix("network."): value for key, value in last["module"].items()}
    assert any(not torch.equal(own[key].half().float(), value) for key, value in found.weights.items())
    assert found.spec.figures["validation"] == {"n": 0, "lcc": None, "mae": None, "loss": None}


def test_rendering_on_the_fly_and_from_a_cache_train_the_same(training_set, tiny, tmp_path, monkeypatch):
    cached = train(tiny("segae"), training_set, tmp_path / "cached")
    monkeypatch.setattr(
        "segae_trainer.train.run._renderer", lambda s, b, *_: Renderer(s.recipe, b.spec.input)
    )
    fresh = train(tiny("segae"), training_set, tmp_path / "fresh")
    one, other = (load_checkpoint(path).weights for path in (cached, fresh))
    for key, value in one.items():
        assert torch.allclose(value.float(), other[key].float(), atol=2e-2), key
