"""`segae-train evaluate`: models and baselines through the suites, into a folder."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from segae.errors import InputError
from segae.models.quality_model import QualityModel
from segae.progress import Watch
from segae.scoring.device import AUTO
from segae_trainer.evaluation.baselines import BASELINES, fit_baseline
from segae_trainer.evaluation.bootstrap import RESAMPLES, SEED
from segae_trainer.evaluation.evaluation import Evaluation, evaluate
from segae_trainer.evaluation.mask_slice import LazyMasks
from segae_trainer.evaluation.method import Method
from segae_trainer.evaluation.network import NetworkMethod
from segae_trainer.evaluation.page.write import Heading, SuiteResult, write_page
from segae_trainer.evaluation.predict import predict_masks
from segae_trainer.evaluation.suites import SUITES, Suite, build_suite, suites_of, training_masks
from segae_trainer.evaluation.suites.registry import MOST_MASKS
from segae_trainer.evaluation.tables import write_tables
from segae_trainer.training_set import TrainingSet

if TYPE_CHECKING:
    import pandas as pd

PAGE = "evaluation.html"


@dataclass(frozen=True)
class EvaluationOptions:
    """`suites`: names, none for all that the set has masks for. `most`: masks of a suite, about. `resamples`:
    draws of patients for the intervals. `baselines`: names, fitted on the training split."""

    suites: tuple[str, ...] = ()
    split: str = "test"
    baselines: tuple[str, ...] = tuple(BASELINES)
    most: int = MOST_MASKS
    resamples: int = RESAMPLES
    seed: int = SEED
    device: str = AUTO


@dataclass(frozen=True, eq=False)
class Evaluated:
    """Every suite's results, and the files that were written."""

    results: tuple[SuiteResult, ...]
    files: tuple[Path, ...]

    @property
    def evaluations(self) -> tuple[Evaluation, ...]:
        return tuple(evaluation for result in self.results for evaluation in result.evaluations)


def evaluate_models(
    training_set: TrainingSet,
    models: Sequence[str | Path | QualityModel],
    out: str | Path,
    options: EvaluationOptions = EvaluationOptions(),
    *,
    watch: Watch | None = None,
) -> Evaluated:
    """Put models (files, bundled names or loaded) and baselines to the suites; write evaluation.html and
    the CSV files (`tables.write_tables`) to `out`.

    Raises `InputError` when there is no such model, suite or baseline, or nothing to evaluate or to fit
    baselines on, `ModelError` when a model cannot be used, and `OutputError` when `out` cannot be written.
    """
    if not models:
        raise InputError("No model is given; name at least one with --model.")
    suites = _masks(training_set, options)
    networks = _networks(models, options.device)
    methods: list[Method] = [*networks, *_baselines(training_set, options, watch)]
    shown = tuple(network.name for network in networks)
    results = tuple(_result(suite, masks, methods, shown, options, watch) for suite, masks in suites.items())
    folder = Path(out)
    evaluations = [evaluation for result in results for evaluation in result.evaluations]
    files = write_tables(evaluations, folder)
    heading = Heading("Evaluation", _facts(training_set, networks, options), tuple(training_set.findings))
    return Evaluated(results, (write_page(results, heading, folder / PAGE), *files))


def predict_set(
    model: str | Path | QualityModel,
    training_set: TrainingSet,
    split: str,
    *,
    suite: str = "pseudo labels",
    device: str = AUTO,
    watch: Watch | None = None,
) -> pd.DataFrame:
    """The predictions of one model for one suite: the table that `evaluate` takes. Raises as
    `evaluate_models` does."""
    (chosen,) = suites_of([suite])
    method = NetworkMethod(model, device)
    masks = build_suite(chosen, training_set, split)
    return predict_masks([method], masks, watch=watch)[method.name]


def _masks(training_set: TrainingSet, options: EvaluationOptions) -> dict[Suite, LazyMasks]:
    asked = suites_of(options.suites or tuple(SUITES))
    built = {
        suite: build_suite(suite, training_set, options.split, most=options.most, seed=options.seed)
        for suite in asked
    }
    empty = [suite.name for suite, masks in built.items() if not len(masks)]
    if empty and (options.suites or len(empty) == len(built)):
        raise InputError(
            f'The split "{options.split}" of "{training_set.folder}" has no masks for the suite '
            f'"{empty[0]}"; leave it out, or build the set with such masks.'
        )
    return {suite: masks for suite, masks in built.items() if len(masks)}


def _networks(models: Sequence[str | Path | QualityModel], device: str) -> list[NetworkMethod]:
    """With names that differ: a number is put behind one that came before."""
    networks, taken = [], set(BASELINES)
    for model in models:
        network = NetworkMethod(model, device)
        name, count = network.name, 2
        while network.name in taken:
            network.name, count = f"{name} ({count})", count + 1
        taken.add(network.name)
        networks.append(network)
    return networks


def _baselines(training_set: TrainingSet, options: EvaluationOptions, watch: Watch | None) -> list[Method]:
    if not options.baselines:
        return []
    masks = training_masks(training_set)
    return [fit_baseline(name, masks, seed=options.seed, watch=watch) for name in options.baselines]


def _result(
    suite: Suite,
    masks: LazyMasks,
    methods: Sequence[Method],
    shown: tuple[str, ...],
    options: EvaluationOptions,
    watch: Watch | None,
) -> SuiteResult:
    tables = predict_masks(methods, masks, watch=watch)
    evaluations = tuple(
        evaluate(
            table, method=name, suite=suite.name, volumes=suite.volumes, resamples=options.resamples,
            seed=options.seed, watch=watch,
        )
        for name, table in tables.items()
    )  # fmt: skip
    return SuiteResult(suite.title, suite.description, evaluations, masks, shown)


def _facts(training_set: TrainingSet, networks: Sequence[NetworkMethod], options: EvaluationOptions):
    scans = [scan for scan in training_set.scans if scan.split == options.split]
    patients = {scan.patient for scan in scans}
    facts = [
        ("Training set", f"{training_set.folder.name}, fingerprint {training_set.fingerprint[:12]}"),
        ("Split", f"{options.split}: {len(scans)} scans of {len(patients)} patients"),
    ]
    for network in networks:
        spec, digest = network.model.spec, network.model.sha256[:12]
        made = f"{spec.architecture}, {spec.backbone}, sha256 {digest}"
        facts.append((network.name, made + (", demonstration model" if spec.demonstration else "")))
    return (*facts, ("SegAE", importlib.metadata.version("segae")))
