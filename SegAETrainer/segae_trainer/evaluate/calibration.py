"""Calibration of a model on masks of patients that it was not trained on, and scores as it would show
them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from segae.errors import InputError
from segae.files import write_json
from segae.models.checkpoint import Checkpoint, load_checkpoint
from segae.progress import Watch
from segae.scoring.calibration import ORGAN, SLICE, calibrated, interval_for
from segae.scoring.conformal import LEAST_POINTS, Points, fit_intervals, left_over, measure_unseen
from segae_trainer.data.training_set import TrainingSet
from segae_trainer.evaluate.methods import NetworkMethod
from segae_trainer.evaluate.predictions import INTERVAL, RAW, predict_masks, predict_samples
from segae_trainer.evaluate.suites import MOST_MASKS, SEED, SUITES, Suite, build_suite
from segae_trainer.train.start import check_same_structures

if TYPE_CHECKING:
    import pandas as pd

CALIBRATED_ON = ("network", "expert", "synthetic")
_SIZES = {SLICE: "area_mm2", ORGAN: "volume_mm3"}
_ORGANS = " organs"  # ends the names of tables with a row for each organ


def organ_name(suite: str) -> str:
    """What the table of organs of a suite is called."""
    return suite + _ORGANS


def level_of(name: str) -> str:
    """Whether a table has rows for slices or for organs."""
    return ORGAN if name.endswith(_ORGANS) else SLICE


def points_of(tables: Mapping[str, pd.DataFrame], suites: Sequence[str] = CALIBRATED_ON) -> dict[str, Points]:
    """The masks of some suites that intervals are fitted on, slices and organs, with raw scores; a level with
    fewer than `LEAST_POINTS` is left out."""
    levels: dict[str, Points] = {}
    for level in (SLICE, ORGAN):
        names = [name if level == SLICE else organ_name(name) for name in suites]
        points = _points([tables[name] for name in names if name in tables], level)
        if points is not None and len(points) >= LEAST_POINTS:
            levels[level] = points
    return levels


def with_unseen_calibration(
    tables: Mapping[str, pd.DataFrame], suites: Sequence[str] = CALIBRATED_ON
) -> dict[str, pd.DataFrame]:
    """The tables with calibrated `predicted` and intervals, all from a fit without the patient of the row;
    NaN where the others' masks are too few."""
    shown = ("predicted", *INTERVAL)
    result = {name: table.assign(**dict.fromkeys(shown, np.nan)) for name, table in tables.items()}
    levels = points_of(tables, suites)
    for patient in sorted({str(name) for points in levels.values() for name in points.patients}):
        others = {level: points.where(points.patients != patient) for level, points in levels.items()}
        enough = {level: points for level, points in others.items() if len(points) >= LEAST_POINTS}
        fitted = fit_intervals(enough) if enough else {}
        for name, table in result.items():
            if level_of(name) in enough:
                _fill(table, patient, fitted, level_of(name))
    return result


def _points(tables: Sequence[pd.DataFrame], level: str) -> Points | None:
    import pandas as pd

    if not tables:
        return None
    table = pd.concat(list(tables), ignore_index=True)
    there = np.isfinite(table[[RAW, "dice", _SIZES[level]]].to_numpy(float).sum(axis=1))
    points = Points(
        table[RAW].to_numpy(float),
        table["dice"].to_numpy(float),
        table[_SIZES[level]].to_numpy(float),
        table["structure_index"].to_numpy(int),
        table["patient"].to_numpy(str),
    )
    return points.where(there)


def _fill(table: pd.DataFrame, patient: str, fitted: Mapping[str, Any], level: str) -> None:
    own = (table["patient"].astype(str) == patient).to_numpy() & np.isfinite(table[RAW].to_numpy(float))
    raw, structures = table.loc[own, RAW].to_numpy(float), table.loc[own, "structure_index"].to_numpy(int)
    sizes = table.loc[own, _SIZES[level]].to_numpy(float)
    table.loc[own, "predicted"] = calibrated(raw, fitted, level)
    table.loc[own, list(INTERVAL)] = interval_for(raw, sizes, structures, fitted, level)


def tables_of(
    model: NetworkMethod,
    training_set: TrainingSet,
    split: str,
    suites: Sequence[Suite] | None = None,
    *,
    most: int = MOST_MASKS,
    seed: int = SEED,
    patient: str | None = None,
    watch: Watch | None = None,
) -> dict[str, pd.DataFrame]:
    """Predictions for the suites that a split has masks of, slices and organs, by name; only structures that
    the model was trained on count, and only one `patient` if given. Raises `InputError` when the set and the
    model mean different structures by one index."""
    check_same_structures(model.model.spec, training_set.label_table)
    tables: dict[str, pd.DataFrame] = {}
    structures = model.model.spec.trained_labels or None
    for suite in suites or [SUITES[name] for name in CALIBRATED_ON]:
        samples = build_suite(
            suite, training_set, split, most=most, seed=seed, patient=patient, structures=structures
        )
        if len(samples) and suite.volumes:
            tables[suite.name], tables[organ_name(suite.name)] = predict_masks(model, samples, watch=watch)
        elif len(samples):
            tables[suite.name] = predict_samples([model], samples, watch=watch)[model.name]
    return tables


def calibrate(
    model: str | Path,
    training_set: TrainingSet,
    out: Path,
    *,
    split: str = "val",
    device: str = "auto",
    watch: Watch | None = None,
) -> dict[str, Any]:
    """Fit calibration and intervals on a split whose patients the model was not trained on, and write them to
    `out` (JSON): `intervals`, and what they are worth for a patient left out. Raises `InputError` when there
    are too few masks, or the split was trained on."""
    method = NetworkMethod(model, device)
    if split == "train":
        raise InputError(
            'A model cannot be calibrated on the patients that it was trained on; give --split "val" or '
            '"test".'
        )
    tables = tables_of(method, training_set, split, watch=watch)
    points = points_of(tables)
    if SLICE not in points:
        count = sum(len(table) for name, table in tables.items() if level_of(name) == SLICE)
        raise InputError(
            f'The split "{split}" has {count} masks with a score, and a calibration needs {LEAST_POINTS}; '
            f"add "
            "scans or masks."
        )
    content = {
        "model_sha256": method.model.sha256,
        "training_set": training_set.fingerprint,
        "split": split,
        "intervals": fit_intervals(points),
        "unseen": {
            level: measure_unseen(one, level)
            for level, one in points.items()
            if len(np.unique(one.patients)) > 1 and left_over(one.patients) >= LEAST_POINTS
        },
    }
    write_json(content, out)
    return content


def read_calibration(path: Path) -> dict[str, Any]:
    """What `calibrate` wrote. Raises `InputError` for anything else."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        found = bool(content["intervals"][SLICE] and content["model_sha256"])
    except OSError:
        raise InputError(
            f'There is no calibration "{path}"; write it with `segae-train calibrate`.'
        ) from None
    except (ValueError, KeyError, TypeError):
        raise InputError(f'"{path}" is no calibration of a model; write it again.') from None
    if not found:
        raise InputError(f'"{path}" is no calibration of a model; write it again.')
    return content


def with_calibration(model: Path, calibration: Mapping[str, Any]) -> Checkpoint:
    """The model with its calibration. Raises `InputError` when it is that of another file."""
    found = load_checkpoint(model)
    if calibration["model_sha256"] != found.sha256:
        raise InputError(
            f'The calibration is that of another model than "{model}"; run `segae-train calibrate` again.'
        )
    spec = replace(found.spec, intervals=calibration["intervals"])
    return Checkpoint(spec, found.weights, found.text_vectors)


def halved(checkpoint: Checkpoint) -> Checkpoint:
    """With weights and vectors in half precision, as a file holds them."""
    weights = {
        key: value.half() if value.is_floating_point() else value for key, value in checkpoint.weights.items()
    }
    return replace(checkpoint, weights=weights, text_vectors=checkpoint.text_vectors.half())
