"""What users can get wrong: one sentence each, and nothing is lost."""

from __future__ import annotations

import json
import pickle
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from segae.errors import InputError, ModelError, OutputError
from segae.models.checkpoint import file_sha256
from segae.progress import Watch
from segae_trainer.data.training_set import TrainingSet
from segae_trainer.train.run import train
from segae_trainer.train.run_folder import RunFolder, kept, locked
from segae_trainer.train.settings import Machine


@contextmanager
def room_for(n_bytes: int) -> Iterator[None]:
    """No file can grow beyond that."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture(scope="module")
def begun(training_set, tiny, tmp_path_factory) -> Path:
    run = tmp_path_factory.mktemp("runs") / "begun"
    train(tiny(), training_set, run)
    return run


def test_a_set_that_is_missing(tmp_path):
    with pytest.raises(InputError, match="no training set"):
        TrainingSet.open(tmp_path / "nowhere")


def test_an_empty_split_leaves_no_run_folder(only_training, tiny, tmp_path):
    with pytest.raises(InputError, match="no samples to validate on"):
        train(tiny("published"), only_training, tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"clip": 2.0}, r"recipe\.clip = 1\.0, and now it is 2\.0"),
        ({"recipe": "published"}, "recipe.name = 'segae', and now it is 'published'"),
        ({"seed": 9}, "seed = 2026, and now it is 9"),
    ],
)
def test_a_run_folder_begun_with_other_settings(begun, training_set, tiny, changes, named):
    before = {path: path.read_bytes() for path in begun.rglob("*.json")}
    with pytest.raises(InputError, match=named):
        train(tiny(**changes), training_set, begun)
    assert {path: path.read_bytes() for path in begun.rglob("*.json")} == before


def test_another_machine_may_go_on(begun, training_set, tiny):
    machine = Machine(device="cpu", workers=1, precision="32-true", keep_every_steps=7)
    settings = replace(tiny(), machine=machine)
    assert train(settings, training_set, begun) == begun / "model.safetensors"


def test_a_run_folder_that_is_a_file(training_set, tiny, tmp_path):
    (tmp_path / "run").write_text("")
    with pytest.raises(OutputError, match="choose another folder"):
        train(tiny(), training_set, tmp_path / "run")


def test_a_damaged_config_and_a_damaged_checkpoint(training_set, tiny, tmp_path):
    run, settings = tmp_path / "run", tiny()
    train(settings, training_set, run)
    (run / "model.safetensors").unlink()
    (run / "checkpoints" / "last.ckpt").write_bytes(b"no checkpoint")
    with pytest.raises(InputError, match=r"last\.ckpt.* is damaged"):
        train(settings, training_set, run)
    assert json.loads((run / "state.json").read_text())["state"] == "failed"
    (run / "config.json").write_text("{")
    with pytest.raises(InputError, match=r"config\.json.* is damaged"):
        train(settings, training_set, run)


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_weights_that_are_none(training_set, tiny, tmp_path, suffix):
    wrong = tmp_path / f"weights{suffix}"
    wrong.write_bytes(b"nothing of the kind")
    with pytest.raises(ModelError, match=f"weights{suffix}"):
        train(tiny(weights=wrong), training_set, tmp_path / "run")


def test_weights_that_do_not_exist(training_set, tiny, tmp_path):
    with pytest.raises(InputError, match="There is no model"):
        train(tiny(weights=tmp_path / "gone.safetensors"), training_set, tmp_path / "run")


def test_names_without_a_vector_for_an_organ_of_the_set(training_set, tiny, tmp_path):
    of_one = tmp_path / "label_embedding.pkl"
    of_one.write_bytes(pickle.dumps({1: [0.0, 1.0]}))
    with pytest.raises(InputError, match=r"for which label_embedding\.pkl has no vector"):
        train(tiny(names=of_one), training_set, tmp_path / "run")


def test_a_batch_that_cannot_be_shared(training_set, tiny, tmp_path):
    settings = replace(tiny(batch=25), machine=Machine(device="cpu", accumulate=2))
    with pytest.raises(InputError, match="A batch of 25 cannot be shared"):
        train(settings, training_set, tmp_path / "run")


@pytest.mark.parametrize("machine", [Machine(device="tpu"), Machine(device="cpu", precision="8")])
def test_a_device_or_precision_that_is_not_there(training_set, tiny, tmp_path, machine):
    with pytest.raises(InputError, match=r"There is no (device|precision)"):
        train(replace(tiny(), machine=machine), training_set, tmp_path / "run")


def test_a_full_disk_ends_it_in_a_sentence_and_with_room_it_goes_on(training_set, tiny, tmp_path):
    run = tmp_path / "run"
    machine = Machine(device="cpu", workers=0, precision="32-true", keep_every_steps=1)
    settings = replace(tiny(steps=(4, 2)), machine=machine)
    sizes = []

    def full_from_step_four(step) -> None:
        if step.done == 4:
            sizes.append((run / "checkpoints" / "last.ckpt").stat().st_size)
            resource.setrlimit(resource.RLIMIT_FSIZE, (sizes[0] // 2, limit[1]))

    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        with pytest.raises(OutputError, match=r"Cannot write .*last\.ckpt.*free some space"):
            train(settings, training_set, run, watch=Watch(full_from_step_four))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    state = json.loads((run / "state.json").read_text())
    assert state["state"] == "failed"
    assert "free some space" in state["message"]
    assert kept(run / "checkpoints" / "last.ckpt")["progress"]["step"] == 4
    assert not list(run.rglob("*.part"))
    model = train(settings, training_set, run)
    assert file_sha256(model) == file_sha256(train(settings, training_set, tmp_path / "alone"))


def test_a_disk_that_is_full_from_the_beginning(training_set, tiny, tmp_path):
    with room_for(100), pytest.raises(OutputError, match="free some space"):
        train(tiny(), training_set, tmp_path / "run")


def test_a_folder_of_something_else_is_refused_and_left_as_it_is(
    tiny, training_set: TrainingSet, tmp_path: Path
) -> None:
    for name in ("scan.nii.gz", ".scan.nii.gz.part"):
        (tmp_path / name).write_text("somebody's work")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(InputError, match="holds other files; choose a new folder"):
        train(tiny(), training_set, tmp_path)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_folder_in_which_a_training_was_killed_at_once_is_taken(tmp_path: Path) -> None:
    for name in (".lock", "panel.log", "versions.json", ".config.json.x1.part"):
        (tmp_path / name).touch()
    with locked(RunFolder(tmp_path)):
        assert not (tmp_path / ".config.json.x1.part").exists()
