"""Run a stage in a child process: follow it, stop it, and say what went wrong."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Collection
from pathlib import Path
from typing import Any, Literal, TextIO

from segae.errors import InputError, OutputError, SegAEError
from segae.progress import Step, Watch
from segae_trainer.data.index import Index
from segae_trainer.pseudo_labels.dataset import write_dataset, write_json
from segae_trainer.pseudo_labels.made_elsewhere import add_predictions
from segae_trainer.pseudo_labels.messages import parse_message
from segae_trainer.pseudo_labels.options import SIZES, FineTuning
from segae_trainer.pseudo_labels.workspace import Layout, Workspace

CHILD = ("segae_trainer.pseudo_labels.child",)  # module that runs, and what stands before its arguments
_LOOK_EVERY = 0.5  # seconds between two looks at the cancel token
_PATIENCE = 10.0  # seconds that a child gets to end by itself


def run_child(workspace: Workspace, job: dict[str, Any], workers: int | None, watch: Watch) -> None:
    """Run `job` in a child; its lines go to the workspace's log, its steps to `watch`.

    When it is cancelled or this process is interrupted, the child and all its processes end. Raises the error
    that the child told, or `OutputError` with its last line when it ended otherwise.
    """
    job_file, log = workspace.root / "logs" / "job.json", workspace.root / "logs" / "nnunet.txt"
    write_json(job_file, job)
    root = str(workspace.root.absolute())
    child = subprocess.Popen(
        [sys.executable, "-m", *CHILD, root, str(job_file)],
        env=dict(workspace.environment(workers)),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
        start_new_session=True,
    )
    try:
        with log.open("a", encoding="utf-8") as file:
            told, last = _follow(child, file, watch)
        code = child.wait()
    finally:
        _end(child)
    if told is not None:
        raise told
    if code != 0:
        raise OutputError(f'nnU-Net ended with "{last}"; free what it lacks and run again, or read "{log}".')


def _follow(child: subprocess.Popen[str], log: TextIO, watch: Watch) -> tuple[SegAEError | None, str]:
    """Until the child closes its output: the error that it told, and its last line."""
    lines: queue.Queue[str | None] = queue.Queue()
    threading.Thread(target=_read, args=(child, lines), daemon=True).start()
    told, last = None, "nothing"
    while True:
        if watch.cancel is not None:
            watch.cancel.raise_if_cancelled()
        try:
            line = lines.get(timeout=_LOOK_EVERY)
        except queue.Empty:
            continue
        if line is None:
            return told, last
        message = parse_message(line)
        if isinstance(message, Step):
            watch.step(message.stage, message.done, message.total)
        elif message is not None:
            told = message
        else:
            log.write(line)
            last = line.strip() or last


def _read(child: subprocess.Popen[str], lines: queue.Queue[str | None]) -> None:
    if child.stdout is not None:
        for line in child.stdout:
            lines.put(line)
    lines.put(None)


def _end(child: subprocess.Popen[str]) -> None:
    """End the child with the processes that it started, if it is still there."""
    if child.poll() is not None:
        return
    _signal(child, signal.SIGTERM)
    try:
        child.wait(_PATIENCE)
    except subprocess.TimeoutExpired:
        _signal(child, getattr(signal, "SIGKILL", signal.SIGTERM))
        child.wait()


def _signal(child: subprocess.Popen[str], number: int) -> None:
    if hasattr(os, "killpg"):
        os.killpg(child.pid, number)
    else:
        child.terminate()


Stage = Literal["plan", "train", "predict"]
STAGES: tuple[Stage, ...] = ("plan", "train", "predict")


def make_pseudo_labels(
    index: Index,
    root: str | Path,
    options: FineTuning,
    *,
    layout: Layout = "labels",
    stages: Collection[Stage] = STAGES,
    watch: Watch | None = None,
) -> Index:
    """Plan, train and predict below the folder `root`; returns `index` with the predictions as pseudo labels.

    `layout`: one label map per scan and checkpoint, or one file per structure ("structures"). `stages` limits
    the work to a part. What an earlier, interrupted call has finished is not done again.

    Raises `InputError`, `ModelError` or `OutputError`, also for what fails inside nnU-Net, whose messages are
    kept in `root`/logs; and `Cancelled`.
    """
    workspace, watch = Workspace(Path(root)), watch or Watch()
    todo = [stage for stage in pending(index, workspace, options, layout) if stage in stages]
    if "plan" in todo:
        _check_weights(options)
        write_dataset(index, workspace, watch)
    if todo:
        job = {
            "stages": todo,
            "options": options.as_json(),
            "prepared": _made_from(index, options),
            "scans": [[scan.name, str(scan.ct.absolute())] for scan in index.scans],
            "layout": layout,
        }
        run_child(workspace, job, options.workers, watch)
    for source in workspace.checkpoints(options.kept_epochs):
        if (workspace.predictions / source).is_dir():
            index = add_predictions(index, workspace.predictions / source)
    return index


def pending(index: Index, workspace: Workspace, options: FineTuning, layout: Layout) -> list[Stage]:
    """The stages that are not finished, by the files that are there.

    Raises `InputError` when the workspace was prepared from something else.
    """
    prepared = workspace.prepared.exists()
    if prepared and json.loads(workspace.prepared.read_text(encoding="utf-8")) != _made_from(index, options):
        raise InputError(
            f'"{workspace.root}" was prepared from other scans or another patch, batch or spacing; choose '
            "another folder, or delete this one."
        )
    trained = len(workspace.checkpoints(options.kept_epochs)) == len(set(options.kept_epochs))
    names = [scan.name for scan in index.scans]
    predicted = trained and not workspace.unpredicted(names, options.kept_epochs, layout)
    done = {"plan": prepared, "train": trained, "predict": predicted}
    return [stage for stage in STAGES if not done[stage]]


def _check_weights(options: FineTuning) -> None:
    """Planning takes hours for many scans; a wrong file is told before it."""
    if options.weights is not None:
        from segae_trainer.pseudo_labels.stunet import check_weights

        check_weights(options.weights, SIZES[options.size])


def _made_from(index: Index, options: FineTuning) -> dict[str, Any]:
    """What planning and preprocessing depend on."""
    scans = [[scan.name, scan.split, list(scan.structures)] for scan in index.scans if scan.split != "test"]
    plan = {"patch": options.patch, "batch": options.batch, "spacing": options.spacing}
    return json.loads(json.dumps({"scans": scans, **plan}))
