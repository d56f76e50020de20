"""`segae-train train` as a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from segae.files import resource_dir
from segae_trainer.train import run as run_module
from segae_trainer.train.run_folder import kept

TRAINER = Path(run_module.__file__).parents[2]
TINY = ["--backbone", "small", "--input-size", "32", "--steps", "2", "--steps", "2", "--batch", "24",
        "--no-imagenet", "--workers", "0", "--val-samples", "40", "--device", "cpu"]  # fmt: skip


@pytest.fixture
def segae_train(tmp_path):
    script = tmp_path / "segae_train.py"  # what the installed command is
    script.write_text('from segae_trainer.cli import main\n\nif __name__ == "__main__":\n    main()\n')

    def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        path = f"{resource_dir().parent}{os.pathsep}{TRAINER}"
        return subprocess.run(
            [sys.executable, script, "train", *map(str, arguments)],
            capture_output=True,
            text=True,
            env=os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1", "MASTER_ADDR": "127.0.0.1"},
            timeout=600,
        )

    return run


def test_it_trains_on_two_devices_that_share_the_batches(segae_train, training_set, names, tmp_path):
    done = segae_train(training_set.folder, tmp_path / "run", *TINY, "--names", names, "--devices", "2")
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"model: {tmp_path / 'run' / 'model.safetensors'}\n"
    assert "Traceback" not in done.stderr
    assert "Loading weights" not in done.stderr
    assert "Its epoch 0 was the best: LCC " in done.stderr and "curves.png" in done.stderr
    progress = kept(tmp_path / "run" / "checkpoints" / "last.ckpt")["progress"]
    assert len(progress["history"]) == 1
    assert (tmp_path / "run" / "model.safetensors").is_file()


def test_a_set_that_is_missing_is_one_line_and_exit_code_2(segae_train, tmp_path):
    done = segae_train(tmp_path / "nowhere", tmp_path / "run")
    assert done.returncode == 2
    assert done.stderr.startswith("segae-train: ")
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "run").exists()
