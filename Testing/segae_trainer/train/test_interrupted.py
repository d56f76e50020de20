"""Real processes, killed while they train: what they end with is what they would have ended with."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from segae.errors import Cancelled, OutputError
from segae.files import resource_dir
from segae.models.checkpoint import file_sha256
from segae.progress import CancelToken, Watch
from segae_trainer.data.training_set import TrainingSet
from segae_trainer.train import run as run_module
from segae_trainer.train.run import train
from segae_trainer.train.run_folder import RunFolder, kept, locked
from segae_trainer.train.settings import Machine

PATIENCE = 300.0  # seconds
EPOCHS = 2


def _train(settings, folder: Path, run: Path) -> None:
    torch.set_num_threads(1)
    train(settings, TrainingSet.open(folder), run)


@pytest.fixture(scope="module")
def processes():
    """Starts processes that have torch and Lightning loaded already."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([run_module.__name__])
    trainer = Path(run_module.__file__).parents[2]
    with pytest.MonkeyPatch.context() as patch:  # the server that starts them finds SegAE by this
        patch.setenv("PYTHONPATH", f"{resource_dir().parent}{os.pathsep}{trainer}")
        yield context


@pytest.fixture
def start(processes, training_set, tiny):
    def run(folder: Path, **machine):
        given = {"device": "cpu", "workers": 0, "precision": "32-true", "keep_every_steps": 2}
        machine = Machine(**given | machine)
        settings = tiny(steps=(8, 6), batch=8, machine=machine)
        process = processes.Process(target=_train, args=(settings, training_set.folder, folder))
        process.start()
        return process

    return run


def step_of(run: Path) -> int:
    last = run / "checkpoints" / "last.ckpt"
    return kept(last)["progress"]["step"] if last.is_file() else 0


def wait_for_checkpoints(run: Path, count: int, process) -> None:
    """Until `process` has written so many."""
    last, seen = run / "checkpoints" / "last.ckpt", set()
    before = last.stat().st_mtime_ns if last.is_file() else None
    deadline = time.monotonic() + PATIENCE
    while len(seen - {before}) < count:
        assert process.exitcode is None, "ended too early"
        assert time.monotonic() < deadline
        time.sleep(0.002)
        if last.is_file():
            seen.add(last.stat().st_mtime_ns)


def finish(process) -> None:
    process.join(PATIENCE)
    assert process.exitcode == 0


def test_a_training_killed_twice_ends_with_the_same_file(start, training_set, tiny, tmp_path):
    alone, killed = tmp_path / "alone", tmp_path / "killed"
    process = start(alone)
    finish(process)

    for checkpoints, workers in ((1, 0), (2, 1)):
        process = start(killed, workers=workers)
        wait_for_checkpoints(killed, checkpoints, process)
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        assert 0 < step_of(killed) < step_of(alone)
        assert json.loads((killed / "state.json").read_text())["state"] == "running"
    finish(start(killed))

    assert file_sha256(killed / "model.safetensors") == file_sha256(alone / "model.safetensors")
    rows = [
        [line.split(",")[:-1] for line in (run / "metrics.csv").read_text().splitlines()]  # all but seconds
        for run in (killed, alone)
    ]
    assert rows[0] == rows[1]
    assert json.loads((killed / "state.json").read_text())["state"] == "finished"
    assert not list(killed.rglob("*.part"))


def test_ctrl_c_ends_a_training_after_its_step_and_keeps_that_step(start, tmp_path):
    process = start(tmp_path / "run")
    wait_for_checkpoints(tmp_path / "run", 1, process)
    os.kill(process.pid, signal.SIGINT)
    process.join(PATIENCE)
    state = json.loads((tmp_path / "run" / "state.json").read_text())
    assert (state["state"], state["pid"]) == ("stopped", process.pid)
    assert not (tmp_path / "run" / "model.safetensors").exists()


def test_a_stop_file_stops_and_the_same_call_goes_on(training_set, tiny, tmp_path):
    run, settings = tmp_path / "run", tiny()
    seen = []

    def trained(step):
        if step.stage == "training":
            seen.append(step.done)

    def stop_after_two(step):
        trained(step)
        if seen == [1, 2]:
            (run / "stop").touch()

    with pytest.raises(Cancelled):
        train(settings, training_set, run, watch=Watch(stop_after_two))
    assert seen == [1, 2]
    assert step_of(run) == 2
    assert json.loads((run / "state.json").read_text())["state"] == "stopped"
    assert not (run / "stop").exists()
    train(settings, training_set, run, watch=Watch(trained))
    assert seen == list(range(1, seen[-1] + 1))
    assert file_sha256(run / "model.safetensors") == file_sha256(
        train(settings, training_set, tmp_path / "alone")
    )


def test_a_cancel_token_stops_too(training_set, tiny, tmp_path):
    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        train(tiny("published"), training_set, tmp_path / "run", watch=Watch(cancel=token))
    assert step_of(tmp_path / "run") == 1


def test_two_processes_do_not_train_in_one_folder(training_set, tiny, tmp_path):
    with locked(RunFolder(tmp_path)), pytest.raises(OutputError, match="Another process is training"):
        train(tiny(), training_set, tmp_path)


def test_a_batch_computed_in_parts_makes_as_many_steps(training_set, tiny, tmp_path):
    machine = Machine(device="cpu", workers=0, accumulate=2)
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    train(tiny(), training_set, whole)
    train(replace(tiny(), machine=machine), training_set, parts)
    assert step_of(whole) == step_of(parts) > 1
