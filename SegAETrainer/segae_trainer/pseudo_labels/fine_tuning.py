"""Pseudo labels by STU-Net in nnU-Net: what is to be done, and its stages run in a child process."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from segae.errors import InputError
from segae.jobs.calls import CallJob
from segae.jobs.process import ExitMessages
from segae.progress import Watch
from segae_trainer.data.index import Index
from segae_trainer.pseudo_labels.dataset import write_dataset
from segae_trainer.pseudo_labels.made_elsewhere import add_predictions
from segae_trainer.pseudo_labels.options import SIZES, FineTuning
from segae_trainer.pseudo_labels.stages import STAGES, Stage
from segae_trainer.pseudo_labels.workspace import Layout, Workspace


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
    todo: list[Stage] = [stage for stage in pending(index, workspace, options, layout) if stage in stages]
    if "plan" in todo:
        _check_weights(options)
        write_dataset(index, workspace, watch)
    if todo:
        job = {
            "options": options.as_json(),
            "prepared": _made_from(index, options),
            "scans": [[scan.name, str(scan.ct.absolute())] for scan in index.scans],
            "layout": layout,
            "own_structures": index.label_table.to_json(),
        }
        run_in_child("segae_trainer.pseudo_labels.stages:run_stages", workspace, todo, job, watch)
    for source in workspace.checkpoints(options.kept_epochs):
        if (workspace.predictions / source).is_dir():
            index = add_predictions(index, workspace.predictions / source)
    return index


def run_in_child(
    function: str, workspace: Workspace, stages: Sequence[Stage], job: Mapping[str, Any], watch: Watch
) -> None:
    """Call `function` as `run_stages` in a child, whose prints go to the workspace's log.

    When it is cancelled or this process ends, the child and all its processes end. Raises the function's
    `SegAEError`, and `OutputError` when the child ended otherwise.
    """
    log = workspace.root / "logs" / "nnunet.txt"
    again = f'run again, or read "{log}"'
    messages = ExitMessages("nnU-Net", f"free memory and {again}", again, f"free what it lacks and {again}")
    arguments = {"workspace": str(workspace.root.absolute()), "stages": list(stages), "job": job}
    workers = job["options"]["workers"]
    CallJob(function, arguments, messages, log=log, variables=workspace.variables(workers)).run(watch)


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
