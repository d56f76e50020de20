"""The steps of a cohort's model: folds that keep a patient back, then the final model, in stages that can be
stopped and resumed.

The work folder holds `rendered/`, `test-set/`, and a folder per training with its masks, training set, run
and tables. What lies there is not done again.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from segae.errors import InputError
from segae.files import whole_file, write_json
from segae.inputs.build import ModelInput
from segae.inputs.position import POSITION_FEATURES
from segae.io.readers import read_image
from segae.labels.resolver import resolve
from segae.models.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from segae.models.quality_model import QualityModel
from segae.progress import Watch
from segae.scoring.conformal import fit_intervals
from segae.scoring.engines import make_runner
from segae_trainer.data.build_set import build_training_set
from segae_trainer.data.cohort import Cohort, Member
from segae_trainer.data.draw_samples import Sampling
from segae_trainer.data.sample import Sample, box_of
from segae_trainer.data.scan_files import read_labelled_scan
from segae_trainer.data.training_set import TrainingSet
from segae_trainer.evaluate.baselines import fit_baseline
from segae_trainer.evaluate.calibration import halved, organ_name, points_of, tables_of
from segae_trainer.evaluate.card import STARTER_NOTES, Notes, write_card
from segae_trainer.evaluate.goals import NAMES, SECOND, Evidence, SingleMask, measured
from segae_trainer.evaluate.methods import Agreement, Method, NetworkMethod
from segae_trainer.evaluate.predictions import organs, predict_samples
from segae_trainer.evaluate.suites import SUITES, Suite, build_suite, by_sources, training_samples
from segae_trainer.pseudo_labels.small_unet import SegmenterPlan, add_small_unet, by_others, source_name
from segae_trainer.train.recipes import PUBLISHED, SEGAE, Recipe
from segae_trainer.train.run import train
from segae_trainer.train.settings import Machine, TrainingSettings

if TYPE_CHECKING:
    import pandas as pd

    Tables = Mapping[str, pd.DataFrame]

FINAL, TEST_SET, BASELINES, EXPORT = "final", "test-set", "baselines", "export"
CALIBRATED = ("network", SECOND, "synthetic")
METHODS = ("published", "mask features", Agreement.name)
MOST_FITTED = 8000  # masks that the regressor on mask features is fitted on
LICENCE = "Apache-2.0"
DESCRIPTION = "Starter model: trained on few patients; see its card for what it can and cannot do."
_TIMED, _TIMED_BATCH = 20, 32


@dataclass(frozen=True)
class FoldPlan:
    """`recipe` is the final model's; a fold makes `fold_share` of its steps. `published_steps`: of the
    published architecture, which the model is compared with."""

    cohort: Cohort
    data: Path
    work: Path
    recipe: Recipe = SEGAE
    fold_share: float = 0.5
    seed: int = 2026
    name: str = "segae-starter"
    names: Path | None = None
    segmenter: SegmenterPlan = field(default_factory=SegmenterPlan)
    sampling: Sampling = field(default_factory=lambda: Sampling(repeats=5, fine_repeats=3, coarse_repeats=3))
    published_steps: int = 400
    machine: Machine = field(default_factory=Machine)

    @property
    def folds(self) -> tuple[str, ...]:
        """Names of the trainings that keep a patient back."""
        return tuple(f"fold-{patient}" for patient in self.cohort.fold_patients)

    @property
    def stages(self) -> tuple[str, ...]:
        """Names of the stages in their order."""
        return (TEST_SET, *self.folds, FINAL, BASELINES, EXPORT)

    def folder(self, training: str) -> Path:
        """Where a training keeps everything of its own."""
        return self.work / training


def kept_back(training: str) -> str | None:
    """The patient that a training must not see."""
    return None if training == FINAL else training.removeprefix("fold-")


def run_stages(
    plan: FoldPlan, requested: Sequence[str], model: Path, card: Path,
    *, say: Callable[[str], None], watch: Watch | None = None,
) -> None:  # fmt: skip
    """The stages called `requested`, or all of them. Raises `InputError` for a name that is none."""
    for name in requested:
        if name not in plan.stages:
            raise InputError(f'"{name}" is no stage of this cohort; choose from {", ".join(plan.stages)}.')
    steps = Steps(plan, watch or Watch(), say)
    for name in plan.stages:
        if requested and name not in requested:
            continue
        say(f"stage {name}")
        if name == TEST_SET:
            len(steps.test_set)
        elif name == BASELINES:
            for fold in plan.folds:
                steps.baselines(fold)
        elif name == EXPORT:
            steps.export(model, card)
        else:
            steps.train(name)
            if name != FINAL:
                steps.test(name)


class Steps:
    """The steps of a plan, each of which hands back what lies in the work folder when it is there."""

    def __init__(self, plan: FoldPlan, watch: Watch, say: Callable[[str], None]) -> None:
        self.plan, self.watch, self.say = plan, watch, say

    def training_set(self, training: str) -> TrainingSet:
        """The samples of a training, masks of small U-Nets among them."""
        plan = self.plan
        index = plan.cohort.index(plan.data, kept_back(training))
        index = add_small_unet(index, plan.folder(training) / "masks", plan.segmenter, self.watch)
        return build_training_set(
            index, plan.folder(training) / "set", plan.sampling, workers=self._workers, watch=self.watch
        )

    @cached_property
    def test_set(self) -> TrainingSet:
        """The scans of all folds with masks on which every fold is tested: those of networks cross-fitted
        over all patients, so that a fold's model has seen neither the patient nor these masks."""
        plan = self.plan
        final = plan.cohort.index(plan.data)
        made = add_small_unet(final, plan.folder(FINAL) / "masks", plan.segmenter, self.watch)
        labels = {scan.name: scan.pseudo_labels for scan in made.scans}
        index = plan.cohort.test_index(plan.data)
        scans = tuple(
            replace(scan, pseudo_labels=(*scan.pseudo_labels, *labels[scan.name])) for scan in index.scans
        )
        sampling = replace(plan.sampling, seed=plan.seed + 1)  # not the errors that were trained on
        return build_training_set(
            replace(index, scans=scans),
            plan.work / TEST_SET,
            sampling,
            workers=self._workers,
            watch=self.watch,
        )

    def train(self, training: str, recipe: Recipe | None = None, name: str = "run") -> Path:
        """The model of a training."""
        plan = self.plan
        share = 1.0 if training == FINAL else plan.fold_share
        settings = TrainingSettings(
            recipe or plan.recipe.shortened(share), plan.name, plan.seed, imagenet="no", names=plan.names,
            licence=LICENCE, description=DESCRIPTION,
            machine=replace(plan.machine, cache=plan.machine.cache or plan.work / "rendered"),
        )  # fmt: skip
        return train(
            settings,
            self.training_set(training),
            plan.folder(training) / name,
            watch=self.watch,
            say=self.say,
        )

    def suites(self) -> list[Suite]:
        """What a fold is tested on."""
        small = [source_name(step) for step in self.plan.segmenter.kept]
        large = [name for name in self.test_set.sources if name not in small and name != "synthetic"]
        suites = [by_sources("network", "Masks of small networks", small)]
        suites += [by_sources(SECOND, "Masks of another large network", large)] if large else []
        return [*suites, SUITES["synthetic"], SUITES[NAMES]]

    def test(self, training: str) -> Tables:
        """Predictions of a fold for the patient that it keeps back, and their figures beside them."""
        found = self._read(training)
        if not found:
            method = NetworkMethod(self.train(training), self.plan.machine.device)
            found = tables_of(
                method, self.test_set, "test", self.suites(), patient=kept_back(training), watch=self.watch
            )
            self._write(found, training)
        figures = {one.goal.name: one.pooled for one in measured(Evidence(found))}
        write_json(_rounded(figures), self.plan.folder(training) / "figures.json")
        return found

    def baselines(self, training: str) -> dict[str, Tables]:
        """The same predictions by other methods."""
        plan, patient = self.plan, kept_back(training)
        makers: Mapping[str, Callable[[], Method]] = {
            "published": lambda: NetworkMethod(
                self.train(training, self._published(training), "published"), "cpu", "published"
            ),
            "mask features": lambda: fit_baseline(
                "mask features", training_samples(self.training_set(training)), most=MOST_FITTED,
                seed=plan.seed, watch=self.watch,
            ),
            Agreement.name: lambda: Agreement(self._others(training)),
        }  # fmt: skip
        structures = load_checkpoint(self.train(training)).spec.trained_labels
        found: dict[str, Tables] = {}
        for name in METHODS:
            found[name] = self._read(training, name)
            if not found[name]:
                method, tables = makers[name](), {}
                for suite in self.suites():
                    samples = build_suite(
                        suite, self.test_set, "test", patient=patient, structures=structures
                    )
                    if len(samples) and suite.name != NAMES:
                        tables[suite.name] = predict_samples([method], samples, watch=self.watch)[method.name]
                        if suite.volumes:
                            tables[organ_name(suite.name)] = organs(tables[suite.name])
                self._write(tables, training, name)
                found[name] = self._read(training, name)
        return found

    def export(self, model: Path, card: Path) -> None:
        """Write the final model, calibrated on the folds' unseen patients, and its card. Raises `InputError`
        when a training is missing."""
        plan = self.plan
        tables = _together([self._read(fold) for fold in plan.folds])
        missing = [
            fold
            for fold in (*plan.folds, FINAL)
            if not (plan.folder(fold) / "run" / "model.safetensors").is_file()
        ]
        if missing or not tables:
            raise InputError(f'"{(missing or plan.folds)[0]}" is not trained; run that stage first.')
        finished = load_checkpoint(self.train(FINAL))
        spec = replace(
            finished.spec,
            intervals=fit_intervals(points_of(tables, CALIBRATED)),
            training={
                **finished.spec.training,
                "cohort": [member.as_json() for member in plan.cohort.training()],
                "segmenter": asdict(plan.segmenter),
                "fold_share": plan.fold_share,
            },
        )
        calibrated = QualityModel.from_checkpoint(Checkpoint(spec, finished.weights, finished.text_vectors))
        masks = tuple(self._single_masks(NetworkMethod(calibrated, "cpu")))
        milliseconds = round(milliseconds_of(calibrated), 1)
        goals = measured(Evidence(tables, masks, milliseconds))
        spec = replace(spec, figures={"goals": _rounded({one.goal.name: one.pooled for one in goals})})
        save_checkpoint(halved(Checkpoint(spec, finished.weights, finished.text_vectors)), model)
        others = {name: _together([self._read(fold, name) for fold in plan.folds]) for name in METHODS}
        write_card(
            card, spec, tables, Notes.read(STARTER_NOTES),
            baselines={name: one for name, one in others.items() if one}, masks=masks,
            milliseconds=milliseconds,
        )  # fmt: skip

    @property
    def _workers(self) -> int:
        return max(1, self.plan.machine.workers or 1)

    def _published(self, training: str) -> Recipe:
        """The published architecture on samples of the model's size, for about `published_steps`."""
        table = self.training_set(training).table
        per_epoch = max(1, len(np.unique(table[["scan", "structure", "source"]])) // 32)
        epochs = math.ceil(self.plan.published_steps / per_epoch)
        published = replace(PUBLISHED.input, size=self.plan.recipe.input.size)
        return replace(
            PUBLISHED, backbone="resnet18", input=published, batch=32, epochs=epochs, select="last"
        )

    def _others(self, training: str) -> dict[str, np.ndarray]:
        """Label maps of the patient kept back by a network that was trained on the others."""
        plan, patient = self.plan, kept_back(training)
        trained_on = [read_labelled_scan(scan)[0] for scan in plan.cohort.index(plan.data, patient).scans]
        tested = [
            read_labelled_scan(scan)[0]
            for scan in plan.cohort.test_index(plan.data).scans
            if scan.patient == patient
        ]
        return {name: labels for name, _, labels in by_others(trained_on, tested, plan.segmenter, self.watch)}

    def _single_masks(self, method: NetworkMethod):
        """Mean raw scores of the masks of the scans that nothing is trained on, and of their wrong ones."""
        for member in self.plan.cohort.test:
            scan, _ = read_labelled_scan(member.scan(self.plan.data, "test"))
            right = {index: scan.labels == index for index in sorted(scan.known)}
            wrong = self._wrong(member)
            for is_right, masks in ((True, right), (False, wrong)):
                for index, mask in masks.items():
                    slices = np.flatnonzero(mask.any(axis=(1, 2))).tolist()
                    samples = [
                        Sample(scan, k, index, mask[k], "exact", crop_box=box_of(mask[k])) for k in slices
                    ]
                    score = float(np.nanmean(method.predict(samples).raw))
                    yield SingleMask(member.case, str(scan.label_table.by_index(index)), is_right, score)

    def _wrong(self, member: Member) -> dict[int, np.ndarray]:
        from segae.geometry.orientation import orient_array
        from segae_trainer.data.sample import ORIENTATION

        images = {index: read_image(path) for index, path in member.wrong_masks(self.plan.data).items()}
        return {
            index: np.ascontiguousarray(orient_array(image.voxels != 0, image.grid, ORIENTATION))
            for index, image in images.items()
        }

    def _tables_folder(self, training: str, method: str) -> Path:
        return self.plan.folder(training) / "tables" / method.replace(" ", "_")

    def _write(self, tables: Tables, training: str, method: str = "") -> None:
        for name, table in tables.items():
            with whole_file(self._tables_folder(training, method) / f"{name}.csv") as stream:
                stream.write(table.to_csv(index=False).encode())

    def _read(self, training: str, method: str = "") -> dict[str, pd.DataFrame]:
        import pandas as pd

        folder = self._tables_folder(training, method)
        names = [name for suite in (*CALIBRATED, NAMES) for name in (suite, organ_name(suite))]
        return {
            name: pd.read_csv(folder / f"{name}.csv") for name in names if (folder / f"{name}.csv").is_file()
        }


def milliseconds_of(model: QualityModel) -> float:
    """Median time of the network for a slice, in batches of 32 on this machine's CPU."""
    spec, runner = model.spec.input, make_runner(model, torch.device("cpu"))
    inputs = ModelInput(
        torch.rand(_TIMED_BATCH, spec.channels, spec.size, spec.size),
        torch.full((_TIMED_BATCH,), resolve("liver").structure.index),
        torch.zeros(_TIMED_BATCH, POSITION_FEATURES) if spec.position_features else None,
    )
    seconds = []
    for _ in range(_TIMED):
        started = time.perf_counter()
        runner.submit(inputs)()
        seconds.append(time.perf_counter() - started)
    return 1000 * float(np.median(seconds)) / _TIMED_BATCH


def _together(parts: Sequence[Tables]) -> dict[str, pd.DataFrame]:
    """The tables of all folds, one below the other."""
    import pandas as pd

    names = dict.fromkeys(name for part in parts for name in part)
    return {
        name: pd.concat([part[name] for part in parts if name in part], ignore_index=True) for name in names
    }


def _rounded(value: Any) -> Any:
    """Three decimals, and None for what is not defined."""
    if isinstance(value, Mapping):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return [_rounded(item) for item in value]
    if isinstance(value, float):
        return round(value, 3) if math.isfinite(value) else None
    return value
