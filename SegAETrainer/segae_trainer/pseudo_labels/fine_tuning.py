"""Pseudo labels by STU-Net in nnU-Net: what is to be done, and its stages, which run in a child process.

nnU-Net reads its folders from environment variables, which are therefore set for that process only.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from segae.errors import InputError
from segae.jobs.calls import CallJob
from segae.jobs.process import ExitMessages
from segae.labels.schemes import DAP
from segae.labels.table import LabelTable
from segae.progress import Watch
from segae_trainer.data.index import Index
from segae_trainer.pseudo_labels.made_elsewhere import add_predictions
from segae_trainer.pseudo_labels.options import SIZES, FineTuning
from segae_trainer.pseudo_labels.workspace import (
    CONFIGURATION,
    DATASET,
    PLANS,
    TRAINER,
    Layout,
    Workspace,
    write_dataset,
    write_json,
)

_COARSEST = 4  # voxels that the coarsest stage keeps along each axis, as in nnU-Net
_MOST_POOLING = 5  # times that STU-Net halves an axis


def plan(workspace: Workspace, options: FineTuning, job: Mapping[str, Any], watch: Watch) -> None:
    """Fingerprint, plan with the patch, batch and spacing of the options, and preprocessed scans."""
    from nnunetv2.experiment_planning.experiment_planners.network_topology import get_pool_and_conv_props
    from nnunetv2.experiment_planning.plan_and_preprocess_api import (
        extract_fingerprints,
        plan_experiment_dataset,
    )
    from nnunetv2.utilities.plans_handling.plans_handler import PlansManager

    shutil.rmtree(workspace.preprocessed, ignore_errors=True)  # what an interrupted planning left
    number, workers = int(DATASET[7:10]), 4 if options.workers is None else max(1, options.workers)
    watch.step("planning", 0, 3)
    extract_fingerprints([number], num_processes=workers, show_progress_bar=False)
    watch.step("planning", 1, 3)
    plan_experiment_dataset(number, overwrite_target_spacing=options.spacing)
    plans = json.loads(workspace.plans.read_text(encoding="utf-8"))
    configuration = plans["configurations"][CONFIGURATION]
    _, strides, kernels, patch, _ = get_pool_and_conv_props(
        configuration["spacing"],
        [options.patch[axis] for axis in plans["transpose_forward"]],
        _COARSEST,
        _MOST_POOLING,
    )
    configuration |= {"patch_size": list(patch), "batch_size": options.batch}
    configuration["architecture"]["arch_kwargs"] |= {"strides": strides, "kernel_sizes": kernels}
    plans["configurations"] = {CONFIGURATION: configuration}
    write_json(workspace.plans, plans)
    watch.step("planning", 2, 3)
    preprocessor = PlansManager(plans).get_configuration(CONFIGURATION).preprocessor_class(verbose=False)
    preprocessor.show_progress_bar = False
    preprocessor.run(number, CONFIGURATION, PLANS, num_processes=workers)
    write_json(workspace.prepared, job["prepared"])
    watch.step("planning", 3, 3)


def train(workspace: Workspace, options: FineTuning, job: Mapping[str, Any], watch: Watch) -> None:
    """Fine-tune, going on from the latest checkpoint if there is one. nnU-Net's trainer tells the steps."""
    from nnunetv2.run.run_training import run_training

    device = _device(options)
    plans = json.loads(workspace.plans.read_text(encoding="utf-8"))
    plans["configurations"][CONFIGURATION]["stunet"] = options.as_json()
    write_json(workspace.plans, plans)
    if options.workers is not None:
        os.environ["nnUNet_n_proc_DA"] = str(options.workers)  # noqa: SIM112 (its name)
    run_training(
        DATASET,
        CONFIGURATION,
        fold=0,
        trainer_class_name=TRAINER,
        plans_identifier=PLANS,
        num_gpus=options.gpus,
        continue_training=True,
        device=device,
    )


def predict(workspace: Workspace, options: FineTuning, job: Mapping[str, Any], watch: Watch) -> None:
    """Predict each scan by the checkpoints that have not done so yet."""
    from segae_trainer.pseudo_labels.prediction import Predictor

    scans, layout = dict(job["scans"]), job["layout"]
    todo = workspace.unpredicted(scans, options.kept_epochs, layout)
    done, total = 0, sum(map(len, todo.values()))
    watch.step("predicting", 0, total)
    predictor = Predictor(workspace, _device(options), LabelTable.from_json(job["own_structures"]))
    for scan, sources in todo.items():
        for _ in predictor.predict(
            Path(scans[scan]), {s: workspace.prediction(s, scan, layout) for s in sources}
        ):
            done += 1
            watch.step("predicting", done, total)


def _device(options: FineTuning) -> Any:
    import torch

    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if not available[options.device]:
        raise InputError(f'This machine has no device "{options.device}"; choose cpu or another machine.')
    return torch.device(options.device)


Stage = Literal["plan", "train", "predict"]
STAGES: Mapping[Stage, Callable[[Workspace, FineTuning, Mapping[str, Any], Watch], None]] = {
    "plan": plan,
    "train": train,
    "predict": predict,
}


def run_stages(watch: Watch, workspace: str, stages: Sequence[Stage], job: Mapping[str, Any]) -> None:
    """Run stages of a job below the folder `workspace`; for `segae.jobs.calls.CallJob`."""
    options = FineTuning.from_json(job["options"])
    for stage in stages:
        STAGES[stage](Workspace(Path(workspace)), options, job, watch)


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
        run_in_child("segae_trainer.pseudo_labels.fine_tuning:run_stages", workspace, todo, job, watch)
    for source in workspace.checkpoints(options.kept_epochs):
        if (workspace.predictions / source).is_dir():
            index = add_predictions(index, workspace.predictions / source, names=Path(DAP))
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
