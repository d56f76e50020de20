"""What is known of trainings without a window."""

from __future__ import annotations

import json
import math
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

import segae
from segae.errors import InputError, OutputError
from segae.jobs.detached import DetachedProcess, Log
from segae.models.registry import bundled_models
from segae.progress import Watch
from segae_trainer.train.progress import read_metrics
from segae_trainer.train.run_folder import RunFolder
from SegAETrainerLib.runs import commands
from SegAETrainerLib.runs.commands import (
    PACKAGES,
    command_job,
    explain_end,
    start_detached,
)
from SegAETrainerLib.runs.contents import (
    BASELINES,
    SIMPLE,
    Figure,
    MethodFigures,
    comparisons,
    describe_index,
    describe_set,
    read_figures,
)
from SegAETrainerLib.runs.plan import Plan, drawing_job, estimate_job
from SegAETrainerLib.runs.training import (
    RunState,
    Training,
    best_lcc,
    find_runs,
    read_orders,
    read_run_state,
    write_orders,
)

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return RunFolder(tmp_path)


def tell(run: RunFolder, state: str, pid: int = 1, **more: object) -> None:
    run.state.write_text(json.dumps({"state": state, "pid": pid, "epoch": 2, "epochs": 5, **more}))


def end_of(process: DetachedProcess, seconds: float = 120) -> str:
    """Why it ended otherwise than well."""
    end = time.monotonic() + seconds
    while process.exit_code is None:
        assert time.monotonic() < end
        time.sleep(0.05)
    return explain_end(process.exit_code, process.log)


# the state


def test_an_empty_folder_holds_no_training(run):
    assert read_run_state(run) == RunState("none")


@pytest.mark.parametrize("state", ["finished", "stopped", "failed"])
def test_the_end_of_a_training_is_what_it_wrote(run, state):
    tell(run, state, pid=os.getpid(), message="Because.")
    assert read_run_state(run) == RunState(state, 2, 5, "Because.")


def test_a_training_runs_while_its_process_is_there_and_is_interrupted_when_it_is_gone(run):
    tell(run, "running", pid=7)
    assert read_run_state(run, lambda pid: pid == 7) == RunState("running", 2, 5)
    assert read_run_state(run, lambda _pid: False) == RunState("interrupted", 2, 5)


def test_a_training_that_was_asked_to_stop_is_stopping(run):
    tell(run, "running")
    run.stop.touch()
    assert read_run_state(run, lambda _pid: True).state == "stopping"


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"state": "dancing"}', '{"state": "running", "pid": "x"}'])
def test_a_state_file_of_another_kind_is_refused_in_a_sentence(run, text):
    run.state.write_text(text)
    with pytest.raises(InputError, match=r"does not tell the state of a training; choose another run folder"):
        read_run_state(run)


# the files


def test_the_curves_that_a_training_writes_are_read(run):
    from segae_trainer.train.progress import EpochFigures, write_metrics

    rows = [EpochFigures(n, n, 0.5, 0.4, 0.1, 0.6, math.nan, 0.2, 1e-3, 12.0) for n in range(3)]
    write_metrics(rows, run.metrics)
    read = read_metrics(run.metrics)
    assert [row.epoch for row in read] == [0, 1, 2]
    assert read[0].train_loss == 0.5 and read[0].val_loss == 0.6 and read[0].seconds == 12
    assert math.isnan(read[0].val_lcc)


HEAD = "epoch,step,train_loss,train_mse,train_ranking,val_loss,val_lcc,val_mae,learning_rate,seconds\n"


def test_a_line_that_is_being_written_waits_for_the_next_time(run):
    assert read_metrics(run.metrics) == ()
    run.metrics.write_text(HEAD + "0,9,1,0.8,0.2,2,0.5,,1e-3,3\n1,0.9,1.")
    assert [row.epoch for row in read_metrics(run.metrics)] == [0]


@pytest.mark.parametrize("text", ["a,b\n1,2\n", HEAD + "x,1,1,1,1,1,1,1,1,1\n"])
def test_curves_of_another_kind_are_refused_in_a_sentence(run, text):
    run.metrics.write_text(text)
    with pytest.raises(InputError, match="holds no epochs of a training"):
        read_metrics(run.metrics)


def test_the_orders_of_a_training_are_kept_in_its_folder(run):
    assert read_orders(run) is None
    write_orders(run, ["train", "Sätze", "x y"])
    assert read_orders(run) == ["train", "Sätze", "x y"]
    run.orders.write_text("{")
    with pytest.raises(InputError, match="is damaged"):
        read_orders(run)


def test_a_damaged_table_of_figures_is_refused_in_a_sentence(tmp_path):
    assert read_figures(tmp_path) == ()
    (tmp_path / "metrics.csv").write_text("suite,method,level,metric,value,n,low,high\nt,m,slice,lcc,1,5,,\n")
    with pytest.raises(InputError, match="is no table of an evaluation; press Evaluate again"):
        read_figures(tmp_path)


def test_an_index_and_a_training_set_are_described(index, training_set, tmp_path):
    scans = describe_index(index)
    assert (scans.scans, scans.patients, scans.pseudo_labels) == (3, 3, 0)
    assert scans.by_split == {"train": 1, "val": 1, "test": 1}
    assert len(scans.findings) >= 1 and any("s0004" in finding for finding in scans.findings)
    pairs = describe_set(training_set)
    assert pairs.scans == 3 and pairs.pairs == sum(pairs.by_split.values()) > 0
    with pytest.raises(InputError):
        describe_index(tmp_path / "none.json")
    with pytest.raises(InputError):
        describe_set(tmp_path)


def test_describing_needs_no_package_that_slicer_lacks(index, training_set):
    absent = sorted(
        {name.replace("-", "_") for one in PACKAGES.values() for name in one} - {"scipy"} | {"sklearn"}
    )
    code = (
        "import sys; from pathlib import Path\n"
        f"for name in {absent!r}: sys.modules[name] = None\n"
        f"sys.path[:0] = {[str(ROOT / 'SegAE'), str(ROOT / 'SegAETrainer')]!r}\n"
        "from SegAETrainerLib.runs.contents import describe_index, describe_set\n"
        "print(describe_index(Path(sys.argv[1])).scans, describe_set(Path(sys.argv[2])).scans)"
    )
    words = [sys.executable, "-c", code, str(index), str(training_set)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["3", "3"], done.stderr


# the programs


def test_the_arguments_are_those_of_the_commands():
    """Every option is known to its command, and every choice of the panel to the trainer."""
    from typer.main import get_command

    from segae.models.registry import backbones
    from segae_trainer.cli.app import app
    from segae_trainer.train.recipes import Schedule, resolve_recipe

    group = get_command(app)
    some = Path("some")
    for recipe in ("segae", "published"):
        for network in commands.NETWORKS[recipe]:
            choice = commands.TrainingChoice(recipe, network, 3, "cpu", weights=some)
            name, *words = commands.train_arguments(some, some, choice)
            command = group.commands[name]  # type: ignore[attr-defined]
            given = command.make_context(name, words, resilient_parsing=False).params
            changes = {key: given[key] for key in ("backbone", "epochs")}
            assert given["weights"] == some
            resolved = resolve_recipe(recipe, **changes)
            assert Schedule.of(resolved, 1000).epochs == 3
            assert resolved.backbone in backbones(resolved.architecture)
    for name, *words in (
        commands.index_arguments(some, some, some),
        commands.index_arguments(some, None, some),
        commands.training_set_arguments(some, some, "published"),
        commands.evaluate_arguments(some, some, some, "val", "cpu"),
    ):
        assert group.commands[name].make_context(name, list(words)).params  # type: ignore[attr-defined]


def test_the_packages_are_those_of_the_project():
    text = (ROOT / "pyproject.toml").read_text()
    extras = {
        name: re.search(rf"^{name} = \[(.*?)\]$", text, re.M | re.S).group(1)  # type: ignore[union-attr]
        for name in ("cli", "train")
    }
    wanted = {
        re.split(r"[><=]", word)[0]: (re.search(r">=([\d.]+)", word) or [None, "0"])[1]
        for words in extras.values()
        for word in re.findall(r'"([^"]+)"', words)
        if not word.startswith("segae")
    }
    wanted |= {"torch": "2.1", "torchvision": "0.16", "safetensors": "0.4"}
    for task, packages in PACKAGES.items():
        assert packages.items() <= wanted.items(), task
    assert "0" not in wanted.values(), "no package without a lowest version"


def test_each_button_asks_for_no_more_than_its_command_needs(cases, index, training_set, tmp_path):
    """What the list of a button leaves out may be missing."""
    everything = {name for packages in PACKAGES.values() for name in packages} | {"pyarrow", "crepes"}
    module = {"scikit-learn": "sklearn"}
    command: dict[commands.Task, list[str]] = {
        "check": commands.index_arguments(cases, None, tmp_path / "index.json"),
        "build": commands.training_set_arguments(index, tmp_path / "set", "whole"),
    }
    for task, arguments in command.items():
        left_out = everything - PACKAGES[task].keys()
        absent = sorted(module.get(name, name.replace("-", "_")) for name in left_out)
        code = (
            f"import runpy, sys\nfor name in {absent!r}: sys.modules[name] = None\n"
            f"sys.argv = {['segae-train', *arguments]!r}\n"
            f"runpy.run_path({str(ROOT / 'SegAETrainer/segae_trainer/__main__.py')!r}, run_name='__main__')"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    assert "torch" not in PACKAGES["check"] and "lightning" not in PACKAGES["evaluate"]


def test_what_a_training_downloads_is_known_before():
    choice = commands.TrainingChoice("published", "", 1, "cpu")
    assert choice.download == ("resnet50", 98)
    from segae_trainer.train.recipes import RECIPES

    assert RECIPES["published"].backbone == "resnet50"
    assert commands.TrainingChoice("published", "resnet18", 1, "cpu").download == ("resnet18", 45)
    assert commands.TrainingChoice("published", "", 1, "cpu", Path("model")).download is None
    assert commands.TrainingChoice("segae", "resnet18", 1, "cpu").download is None
    assert set(commands.NETWORKS["published"]) - {""} == set(commands.IMAGENET)


def test_the_trainings_of_a_work_folder_are_found_the_last_one_first(tmp_path):
    for number, state in ((1, "finished"), (2, "stopped")):
        run = RunFolder(tmp_path / f"training-{number}")
        run.path.mkdir()
        tell(run, state)
        os.utime(run.state, (number, number))
    (tmp_path / "training-set").mkdir()
    assert [path.name for path in find_runs(tmp_path)] == ["training-2", "training-1"]
    assert find_runs(tmp_path / "nowhere") == ()
    assert best_lcc(tmp_path / "training-1") == (RunState("finished", 2, 5), None)


def test_a_model_is_compared_with_mask_features_suite_by_suite():
    def row(suite, method, mae):
        figures = {name: Figure(mae, math.nan, math.nan) for name in ("lcc", "mae", "auroc_70")}
        return MethodFigures(suite, method, 9, figures)

    rows = [row("a", "mine", 0.1), row("a", SIMPLE, 0.25), row("a", "intensity", 0.2), row("b", "mine", 0.3)]
    (only,) = comparisons(rows)
    assert (only.suite, only.method) == ("a", "mine") and only.better_by == pytest.approx(0.15)
    assert comparisons([rows[0]]) == ()


def test_the_simple_methods_are_called_as_in_the_trainer():
    from segae_trainer.evaluate import baselines

    assert set(baselines.BASELINES) == set(BASELINES) and baselines.BASELINE == SIMPLE


def test_an_estimate_tries_the_steps_of_a_training(training_set, tmp_path):
    choice = commands.TrainingChoice("published", "resnet18", 2, "cpu")
    steps = []
    values = estimate_job(training_set, tmp_path / "run", choice).run(Watch(steps.append))
    plan = Plan(**values)
    assert plan.steps >= 2 and plan.seconds > 0 and "processor" in plan.device
    assert plan.memory is None or plan.memory > 2**30
    assert 11_000_000 * 4 * 5 < plan.disk < 2**30 and plan.free > 0
    assert {step.stage for step in steps} >= {"loading", "trying"}
    assert not (tmp_path / "run").exists()


def test_pairs_are_drawn_into_a_picture(training_set, tmp_path):
    drawing_job(training_set, tmp_path / "pairs.png", 1).run()
    assert (tmp_path / "pairs.png").read_bytes().startswith(b"\x89PNG")


def test_the_steps_of_a_command_are_told_to_its_caller(index, tmp_path):
    steps = []
    arguments = commands.training_set_arguments(index, tmp_path / "set", "whole")
    assert command_job(arguments, tmp_path / "log").run(Watch(steps.append)) == 0
    assert ("scans", 3, 3) in {(step.stage, step.done, step.total) for step in steps}


def test_a_command_that_is_refused_tells_its_own_sentence(tmp_path):
    arguments = commands.index_arguments(tmp_path / "nowhere", None, tmp_path / "i.json")
    expected = f'There is no folder "{tmp_path / "nowhere"}"; check the path.'
    assert end_of(start_detached(arguments, tmp_path / "log")) == expected
    log = Log(tmp_path / "log")
    assert explain_end(command_job(arguments, log.path).run(), log) == expected


def test_what_an_earlier_command_said_is_not_taken_for_this_one(tmp_path):
    log = tmp_path / "log"
    log.write_text("segae-train: an old sentence.\n")
    why = end_of(start_detached(["--version-that-is-none"], log))
    assert "an old sentence" not in why
    assert "ended with code 2" in why and str(log) in why


HIDE_INSTALLED = """
import importlib.metadata as m
found = m.Distribution.discover.__func__
def discover(cls, **keys):
    return (d for d in found(cls, **keys) if (d.metadata["Name"] or "").lower() != "segae")
m.Distribution.discover = classmethod(discover)
"""


def test_training_and_evaluating_need_no_installed_record_of_segae(tmp_path, training_set, monkeypatch):
    """In an extension of Slicer no tool can tell the version of `segae`. The training begins with the model
    that ships, as a network of a few steps is refused as hardly trained."""
    (tmp_path / "sitecustomize.py").write_text(HIDE_INSTALLED)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    run, log = RunFolder(tmp_path / "run"), Log(tmp_path / "log")
    choice = commands.TrainingChoice("segae", device="cpu", weights=bundled_models()[0])
    few = ["--steps", "2", "--steps", "2", "--batch", "4", "--workers", "0"]
    arguments = [*commands.train_arguments(training_set, run.path, choice), *few]
    assert explain_end(command_job(arguments, log.path).run(), log) == ""
    arguments = commands.evaluate_arguments(training_set, run.model, run.evaluation, "val", "cpu")
    assert explain_end(command_job(arguments, log.path).run(), log) == ""
    assert segae.__version__ in (run.evaluation / "evaluation.html").read_text(encoding="utf-8")


def test_a_command_that_is_killed_is_told_so(tmp_path):
    process = start_detached(commands.index_arguments(tmp_path, None, tmp_path / "i.json"), tmp_path / "log")
    process.kill()
    assert "killed from outside" in end_of(process)
    process.kill()


def test_a_command_whose_log_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be started"):
        start_detached(["--help"], tmp_path / "file" / "log")


def test_a_training_that_says_nothing_yet_is_starting(run):
    tell(run, "stopped")
    run.stop.touch()
    training = Training(run.path)
    training.start(["train", str(run.path / "no set"), str(run.path)])
    assert training.state() == RunState("starting", 2, 5)
    assert not run.stop.exists()
    assert training._process is not None
    end_of(training._process)
    state = training.state()
    assert state.state == "stopped" and "is no training set" in state.message


def test_asking_to_stop_leaves_a_file(run):
    Training(run.path).request_stop()
    assert run.stop.read_bytes() == b""
