"""How well a training does on the patient that it has not seen."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from segae.inputs.build import ModelInput
from segae.inputs.position import POSITION_FEATURES
from segae.labels.resolver import resolve
from segae.models.checkpoint import Checkpoint
from segae.models.quality_model import QualityModel
from segae.scoring.engines import make_runner
from segae.scoring.scorer import Scorer
from segae_trainer.evaluate.metrics import auroc, lcc, mae
from segae_trainer.pseudo_labels.small_unet import read_masks
from segae_trainer.starter.plan import FINAL, Plan
from segae_trainer.starter.pool import read_pool
from segae_trainer.starter.tables import (
    SUITE,
    joined,
    organ_table,
    pool_table,
    report_of,
    report_table,
    where,
)

if TYPE_CHECKING:
    import pandas as pd

POOR, GOOD = 0.7, 0.95
HALF_WRONG = (0.3, 0.9)  # Dice of the masks whose maps of errors are judged
MILLISECONDS = "milliseconds a slice"
_TIMED, _TIMED_BATCH = 20, 32


def tables_of(
    model: QualityModel, plan: Plan, training: str, rows: Collection[int]
) -> dict[str, pd.DataFrame]:
    """Tables of the cases that a fold keeps back, for structures `rows` that the case has masks of:
    "synthetic" and "names" by slice, "network" and "fast" by slice, and the same by organ ("network organs",
    "fast organs")."""
    scorer = Scorer(model)
    members = plan.tested(training)
    pools = joined(pool_table(model, read_pool(plan.pool(f"{m.case}-suite")), m) for m in members)
    tables = suites_of(pools, rows)
    found: dict[str, list[pd.DataFrame]] = {}
    for member in members:
        case = member.read(plan.data)
        # Cross-fitted over all patients: the scorer has seen neither this patient nor these networks' masks.
        by_step = read_masks(plan.masks(FINAL, member.case))
        masks = {f"step {step}": labels for step, labels in by_step.items()}
        # Of structures that a case has no masks of, nobody knows whether a network's mask is wrong.
        known = set(rows) & {int(row) for row in np.unique(case.labels)}
        for source, labels in (masks | case.predictions).items():
            if not np.isin(labels, list(known)).any():  # a young network may have seen nothing
                continue
            kind = "network" if source in masks else "fast"
            report, volume = report_of(scorer, member, plan.data, labels, known)
            found.setdefault(kind, []).append(
                report_table(report, volume, labels, case.labels, member, source)
            )
            found.setdefault(f"{kind} organs", []).append(
                organ_table(report, volume, labels, case.labels, member, source)
            )
    return tables | {name: joined(iter(parts)) for name, parts in found.items()}


def suites_of(degraded: pd.DataFrame, rows: Collection[int]) -> dict[str, pd.DataFrame]:
    """ "synthetic": the degraded masks of structures `rows`; "names": the good ones under their own name, and
    those under a wrong one."""
    known, kinds = degraded["structure_index"].isin(list(rows)), degraded["kind"]
    good = kinds.isin(["exact", "fine noise"]) & (degraded["dice"] > 0.85)
    return {
        "synthetic": where(degraded, known & kinds.isin(SUITE)),
        "names": where(degraded, known & (good | (kinds == "wrong name"))),
    }


def summary(tables: Mapping[str, pd.DataFrame]) -> dict[str, Any]:
    """The figures of `tables_of`, by suite."""
    result: dict[str, Any] = {}
    for name in ("synthetic", "network", "network organs", "fast", "fast organs"):
        if name in tables and len(tables[name]) > 1:
            result[name] = _agreement(tables[name])
    if "network" in tables:
        result["AUROC for Dice < .7"] = auroc(*_values(tables["network"]), POOR)
    result["right against wrong name, AUROC"] = name_auroc(tables["names"])
    suite = tables["synthetic"]
    best = suite[suite["dice"] > GOOD]
    result["masks above .95: mean score"] = float(best["predicted"].mean())
    half = suite[suite["dice"].between(*HALF_WRONG)]
    result["error map: overlap"] = float(half["error_dice"].mean())
    return result


def name_auroc(names: pd.DataFrame) -> float:
    """How well scores tell the good masks of the table "names" from those under a wrong name."""
    right = (names["kind"] != "wrong name").to_numpy(float)
    return auroc(names["predicted"].to_numpy(float), right, 0.5)


def other_masks(model: QualityModel, plan: Plan) -> dict[str, float]:
    """Mean score of the masks of the cases that nothing is learned from, and of their wrong ones."""
    scorer, result = Scorer(model), {}
    for member in plan.cohort.test:
        case = member.read(plan.data)
        rows = [row for row in map(int, np.unique(case.labels)) if row]
        masks = {f"{member.case}, true {row}": (row, case.labels == row) for row in rows}
        masks |= {f"{member.case}, wrong {row}": (row, mask) for row, mask in case.bad_masks.items()}
        for name, (row, mask) in masks.items():
            report, _ = report_of(scorer, member, plan.data, mask.astype(np.uint8) * row, (row,))
            result[name] = report.segments[0].mean or 0.0
    return result


def milliseconds(model: QualityModel) -> float:
    """Of the network per slice, in batches of 32 on this machine's CPU."""
    spec, runner = model.spec, make_runner(model, torch.device("cpu"))
    images = torch.rand(_TIMED_BATCH, spec.input.channels, spec.input.size, spec.input.size)
    rows = torch.full((_TIMED_BATCH,), resolve("liver").structure.index)
    position = torch.zeros(_TIMED_BATCH, POSITION_FEATURES) if spec.input.position_features else None
    seconds = []
    for _ in range(_TIMED):
        started = time.perf_counter()
        runner.run(ModelInput(images, rows, position))
        seconds.append(time.perf_counter() - started)
    return 1000 * float(np.median(seconds)) / _TIMED_BATCH


def loaded(checkpoint: Checkpoint) -> QualityModel:
    """With the rounding that the file will have."""
    weights = {key: v.float() if v.is_floating_point() else v for key, v in checkpoint.weights.items()}
    return QualityModel.from_checkpoint(Checkpoint(checkpoint.spec, weights, checkpoint.text_vectors.float()))


def _agreement(table: pd.DataFrame) -> dict[str, float]:
    predicted, truth = _values(table)
    agreement = {"LCC": lcc(predicted, truth), "MAE": mae(predicted, truth)}
    return {"n": len(table), "mean Dice": float(truth.mean()), **agreement}


def _values(table: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    return table["predicted"].to_numpy(float), table["dice"].to_numpy(float)
