"""`segae-train evaluate`: models and baselines through the suites, into a folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import segae
from segae.errors import InputError
from segae.files import whole_file
from segae.models.quality_model import QualityModel
from segae.progress import Watch
from segae.scoring.device import AUTO
from segae_trainer.data.sample import Samples
from segae_trainer.data.training_set import TrainingSet
from segae_trainer.evaluate.baselines import BASELINES, fit_baseline
from segae_trainer.evaluate.evaluation import (
    RESAMPLES,
    SEED,
    Evaluation,
    Level,
    difference,
    evaluate,
    interval_figures,
)
from segae_trainer.evaluate.methods import Method, NetworkMethod
from segae_trainer.evaluate.metrics import (
    METRICS,
    CalibrationBin,
    Limits,
    calibration_bins,
    limits_of_agreement,
    number,
)
from segae_trainer.evaluate.page.write import Heading, SuiteResult, write_page
from segae_trainer.evaluate.predictions import GROUPINGS, INTERVAL, RAW, predict_masks, predict_samples
from segae_trainer.evaluate.suites import MOST_MASKS, SUITES, Suite, build_suite, suites_of, training_samples
from segae_trainer.train.start import check_same_structures

if TYPE_CHECKING:
    import pandas as pd
    from rich.table import Table


def write_tables(evaluations: Sequence[Evaluation], folder: Path) -> tuple[Path, ...]:
    """predictions.csv, organs.csv, metrics.csv, per_structure.csv and the other groups, calibration.csv,
    agreement.csv, differences.csv and, where a method has intervals, intervals.csv; the first columns say the
    suite and the method. Raises `OutputError` when a file cannot be written."""
    written = []
    for name, table in _tables(evaluations).items():
        if not table.empty:
            path = folder / f"{name}.csv"
            with whole_file(path) as stream:
                stream.write(table.to_csv(index=False, lineterminator="\n").encode())
            written.append(path)
    return tuple(written)


def _tables(evaluations: Sequence[Evaluation]) -> dict[str, pd.DataFrame]:
    groups = _joined((e, e.groups) for e in evaluations)
    return {
        "predictions": _joined((e, e.tables["slice"]) for e in evaluations),
        "organs": _joined((e, e.tables["organ"]) for e in evaluations if "organ" in e.levels),
        "metrics": _joined((e, e.metrics) for e in evaluations),
        **{
            f"per_{name}": groups.take(np.flatnonzero(groups["group"] == name)).drop(columns="group")
            for name in GROUPINGS
        },
        "calibration": _joined((e, calibration_table(e)) for e in evaluations),
        "agreement": _joined((e, agreement_table(e)) for e in evaluations),
        "differences": _joined(_differences(evaluations)),
        "intervals": _joined((e, interval_figures(e)) for e in evaluations),
    }  # fmt: skip


def calibration_table(evaluation: Evaluation) -> pd.DataFrame:
    """One row per level and decile: level, and the fields of `CalibrationBin`."""
    import pandas as pd

    rows = [
        (level, *astuple(found))
        for level in evaluation.levels
        for found in calibration_bins(*evaluation.arrays(level))
    ]
    return pd.DataFrame(rows, columns=["level", *(field.name for field in fields(CalibrationBin))])


def agreement_table(evaluation: Evaluation) -> pd.DataFrame:
    """One row per level: level, and the fields of `Limits`."""
    import pandas as pd

    rows = [(level, *astuple(limits_of_agreement(*evaluation.arrays(level)))) for level in evaluation.levels]
    return pd.DataFrame(rows, columns=["level", *(field.name for field in fields(Limits))])


def _differences(evaluations: Sequence[Evaluation]):
    """The first method of each suite against each of the others."""
    for suite in dict.fromkeys(evaluation.suite for evaluation in evaluations):
        first, *others = (e for e in evaluations if e.suite == suite)
        for other in others:
            table = difference(first, other)
            table.insert(0, "minus", other.method)
            yield first, table


def _joined(parts) -> pd.DataFrame:
    """Tables one below the other, behind the suite and the method they belong to."""
    import pandas as pd

    found = []
    for evaluation, table in parts:
        if not table.empty:
            table = table.copy()
            table.insert(0, "suite", evaluation.suite)
            table.insert(1, "method", evaluation.method)
            found.append(table)
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame()


SHOWN = ("lcc", "mae", "bias", "auroc_70")


def summary(evaluations: Sequence[Evaluation]) -> Table:
    """A heading for each suite and level, and below it a line for each method; fits into 80 columns."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("method")
    for name in ("n", *(METRICS[key].label for key in SHOWN)):
        table.add_column(name, justify="right", no_wrap=True)
    for suite in dict.fromkeys(evaluation.suite for evaluation in evaluations):
        same = [evaluation for evaluation in evaluations if evaluation.suite == suite]
        for level in dict.fromkeys(level for evaluation in same for level in evaluation.levels):
            table.add_row(f"[bold]{suite}, by {level}[/]")
            for evaluation in same:
                if level in evaluation.levels:
                    table.add_row(*_line(evaluation, level))
    return table


def notes(evaluations: Sequence[Evaluation]) -> list[str]:
    """The notes, each once, behind the suites that they are about unless it is all of them."""
    about: dict[str, list[str]] = {}
    for evaluation in evaluations:
        for note in evaluation.notes:
            suites = about.setdefault(note, [])
            suites += [evaluation.suite] if evaluation.suite not in suites else []
    everywhere = {evaluation.suite for evaluation in evaluations}
    return [
        note if set(suites) == everywhere else f"{', '.join(suites)}: {note}"
        for note, suites in about.items()
    ]


def _line(evaluation: Evaluation, level: Level) -> list[str]:
    from rich.markup import escape

    rows = [evaluation.row(key, level) for key in SHOWN]
    figures = [
        number(row["value"], signed=METRICS[key].better == "zero")
        for key, row in zip(SHOWN, rows, strict=True)
    ]
    return [f"  {escape(evaluation.method)}", f"{rows[0]['n']:,}", *figures]


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

    Raises `InputError` when there is no such model, suite or baseline, nothing to evaluate or to fit
    baselines on, or when the set and a model mean different structures by one index; `ModelError` when a
    model cannot be used, and `OutputError` when `out` cannot be written.
    """
    if not models:
        raise InputError("No model is given; name at least one.")
    suites = _masks(training_set, options)
    networks = _networks(models, options.device)
    for network in networks:
        check_same_structures(network.model.spec, training_set.label_table)
    methods: list[Method] = [*networks, *_baselines(training_set, options, watch)]
    shown = tuple(network.name for network in networks)
    results = tuple(_result(suite, masks, methods, shown, options, watch) for suite, masks in suites.items())
    folder = Path(out)
    evaluations = [evaluation for result in results for evaluation in result.evaluations]
    files = write_tables(evaluations, folder)
    heading = Heading("Evaluation", _facts(training_set, networks, options), tuple(training_set.findings))
    return Evaluated(results, (write_page(results, heading, folder / PAGE), *files))


def _masks(training_set: TrainingSet, options: EvaluationOptions) -> dict[Suite, Samples]:
    requested = suites_of(options.suites or tuple(SUITES))
    built = {
        suite: build_suite(suite, training_set, options.split, most=options.most, seed=options.seed)
        for suite in requested
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
    networks, used = [], set(BASELINES)
    for model in models:
        network = NetworkMethod(model, device)
        name, count = network.name, 2
        while network.name in used:
            network.name, count = f"{name} ({count})", count + 1
        used.add(network.name)
        networks.append(network)
    return networks


def _baselines(training_set: TrainingSet, options: EvaluationOptions, watch: Watch | None) -> list[Method]:
    if not options.baselines:
        return []
    masks = training_samples(training_set)
    fitted: list[Method] = []
    for name in options.baselines:
        fitted.append(fit_baseline(name, masks, seed=options.seed, watch=watch))
    return fitted


def _result(
    suite: Suite,
    masks: Samples,
    methods: Sequence[Method],
    shown: tuple[str, ...],
    options: EvaluationOptions,
    watch: Watch | None,
) -> SuiteResult:
    evaluations = []
    for name, (slices, of_organs) in suite_tables(suite, masks, methods, watch).items():
        evaluations.append(
            evaluate(
                slices, method=name, suite=suite.name, by_organ=of_organs, volumes=suite.volumes,
                resamples=options.resamples, seed=options.seed, watch=watch,
            )
        )  # fmt: skip
    return SuiteResult(suite.title, suite.description, tuple(evaluations), masks, shown)


Tables = dict[str, tuple["pd.DataFrame", "pd.DataFrame | None"]]


def suite_tables(
    suite: Suite, samples: Samples, methods: Sequence[Method], watch: Watch | None = None
) -> Tables:
    """Tables of slices and of organs of each method on the samples of a suite, by name. A model scores whole
    masks as `segae score` does; one that is calibrated is there with its raw scores too."""
    found: Tables = {}
    simple = [one for one in methods if not (suite.volumes and isinstance(one, NetworkMethod))]
    single = predict_samples(simple, samples, watch=watch) if simple else {}
    for method in methods:
        if isinstance(method, NetworkMethod) and suite.volumes:
            slices, of_organs = predict_masks(method, samples, watch=watch)
        else:
            slices, of_organs = single[method.name], None
        found[method.name] = slices, of_organs
        if isinstance(method, NetworkMethod) and method.model.spec.intervals:
            found[f"{method.name} (raw)"] = _raw(slices), None if of_organs is None else _raw(of_organs)
    return found


def _raw(table: pd.DataFrame) -> pd.DataFrame:
    """The same with the scores before calibration and without intervals."""
    hidden = [column for column in INTERVAL if column in table]
    return table.drop(columns=hidden).assign(predicted=np.clip(table[RAW].to_numpy(float), 0, 1))


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
        facts.append((network.name, made))
    return (*facts, ("SegAE", segae.__version__))
