"""Scorers that learn from the masks annotated so far, and from nothing else."""

from __future__ import annotations

import shutil
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from segae.errors import InputError
from segae.models.quality_model import QualityModel
from segae.models.registry import find_model
from segae.progress import Watch
from segae_trainer.data.build_set import build_training_set
from segae_trainer.data.draw_samples import Sampling
from segae_trainer.data.index import Index, PseudoLabel
from segae_trainer.data.sample import PREDICTED
from segae_trainer.data.scan_files import read_labelled_scan, write_label_map
from segae_trainer.data.training_set import TrainingSet
from segae_trainer.evaluate.baselines import FeatureRegressor, fit_baseline
from segae_trainer.experiments.patients import Pool
from segae_trainer.experiments.segmenters import SegmenterSettings, train_segmenters
from segae_trainer.train.recipes import resolve_recipe
from segae_trainer.train.settings import Machine, TrainingSettings

INSIDE = "inside"  # train it in the experiment


@dataclass(frozen=True)
class ScorerSettings:
    """`segae`: "inside" trains one on the masks annotated so far, else a model file or bundled name, used as
    it is. `steps`, `size`, `backbone`: of that training; `published_epochs`, `published_size`,
    `published_backbone`: of the published network. `names`: file with the vectors of the names."""

    segae: str = INSIDE
    steps: tuple[int, int] = (1200, 600)
    size: int = 64
    backbone: str = "small"
    published_epochs: int = 30
    published_size: int = 128
    published_backbone: str = "resnet18"
    batch: int = 32
    names: Path | None = None
    device: str = "auto"

    def __post_init__(self) -> None:
        if self.segae != INSIDE:
            find_model(self.segae)

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        names = None if self.names is None else str(self.names.absolute())
        return asdict(self) | {"steps": list(self.steps), "names": names}


class Scorers:
    """The scorers of one state of a pool, each trained when it is first asked for, in `folder`."""

    def __init__(
        self, pool: Pool, folder: Path, segmenter: SegmenterSettings, settings: ScorerSettings, seed: int,
        watch: Watch,
    ) -> None:  # fmt: skip
        self._pool, self.folder, self._segmenter = pool, folder, segmenter
        self.settings, self._seed, self._watch = settings, seed, watch

    @cached_property
    def training_set(self) -> TrainingSet:
        """True masks, masks of segmenters that did not learn from their patient, and synthetic errors."""
        index = self._pool.index(self.folder / "truth")
        index = cross_fitted(index, self.folder / "masks", self._segmenter, self._seed, self._watch)
        return build_training_set(index, self.folder / "set", Sampling(seed=self._seed), watch=self._watch)

    def segae(self) -> Path:
        """The model file of the scorer of the experiment."""
        if self.settings.segae != INSIDE:
            return self._given()
        mine = self.settings
        recipe = resolve_recipe(
            "segae", backbone=mine.backbone, input_size=mine.size, steps=mine.steps, batch=mine.batch
        )
        return self._trained("segae", replace(recipe, epoch_steps=max(1, sum(mine.steps) // 4)))

    def _given(self) -> Path:
        path = find_model(self.settings.segae)
        model, table = QualityModel.load(path), self._pool.scans[0].label_table
        names = (table.by_index(one) for one in sorted(self._pool.structures))
        unknown = next((one for one in names if not (model.knows(one) and model.trained_on(one))), None)
        if unknown is not None:
            raise InputError(
                f'Model "{model.spec.name}" was not trained on "{unknown}" and cannot rank its masks; choose '
                "structures that it knows (--structure), another model, or --scorer inside."
            )
        return path

    def published(self) -> Path:
        """A network of the published kind, trained by the published recipe on the same masks."""
        mine = self.settings
        recipe = resolve_recipe(
            "published", backbone=mine.published_backbone, input_size=mine.published_size,
            epochs=mine.published_epochs, batch=mine.batch,
        )  # fmt: skip
        return self._trained("published", replace(recipe, select="last"))

    def mask_features(self) -> FeatureRegressor:
        """A regressor on features of the mask alone."""
        training_set = self.training_set
        rows = training_set.of_kinds(training_set.rows("train"), PREDICTED)
        return fit_baseline("mask features", training_set.samples(rows), watch=self._watch)

    def forget_the_masks(self) -> None:
        """Remove what only the trainings needed."""
        for name in ("truth", "masks", "set"):
            shutil.rmtree(self.folder / name, ignore_errors=True)

    def _trained(self, name: str, recipe: Any) -> Path:
        from segae_trainer.train.run import train  # loads lightning

        model, run = self.folder / f"{name}.safetensors", self.folder / f"{name}-run"
        if not model.is_file():
            settings = TrainingSettings(
                recipe, name=name, seed=self._seed, imagenet="no", names=self._names(),
                description="Trained inside an experiment; not for use.",
                machine=Machine(device=self.settings.device, workers=0),
            )  # fmt: skip
            trained = train(settings, self.training_set, run, watch=self._watch, say=_nobody)
            trained.replace(model)
            shutil.rmtree(run)
        return model

    def _names(self) -> Path:
        return find_model("bundled") if self.settings.names is None else self.settings.names


def _nobody(_: str) -> None:
    """An experiment tells its own steps."""


def cross_fitted(index: Index, folder: Path, settings: SegmenterSettings, seed: int, watch: Watch) -> Index:
    """`index` with pseudo labels: the scans of each half of the patients by a segmenter that learned from the
    other half, at each of the kept steps. Raises `InputError` for a single patient."""
    patients = sorted({scan.patient for scan in index.scans})
    if len(patients) < 2:
        raise InputError(
            "A scorer needs at least two labelled patients, so that none is segmented by a network that "
            "learned from it; label more patients from the start."
        )
    order = np.random.default_rng(seed).permutation(len(patients))
    half_of = {patients[place]: n % 2 for n, place in enumerate(order)}
    files = {
        (scan.name, step): folder / f"step {step}" / f"{scan.name}.nii.gz"
        for scan in index.scans
        for step in settings.kept
    }
    for half in (0, 1):
        tested = [scan for scan in index.scans if half_of[scan.patient] == half]
        if all(files[scan.name, step].is_file() for scan in tested for step in settings.kept):
            continue
        learned = [read_labelled_scan(scan)[0] for scan in index.scans if half_of[scan.patient] != half]
        for step, segmenter in train_segmenters(learned, settings, seed + half, watch):
            for scan in tested:
                read, grid = read_labelled_scan(scan)
                write_label_map(files[scan.name, step], segmenter.label(read), grid)
    scans = [
        replace(
            scan,
            pseudo_labels=tuple(
                PseudoLabel(structure, f"step {step}", files[scan.name, step], structure)
                for step in settings.kept
                for structure in scan.structures
            ),
        )
        for scan in index.scans
    ]
    return replace(index, scans=tuple(scans))
