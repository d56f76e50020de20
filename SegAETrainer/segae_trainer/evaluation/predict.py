"""Every method over every mask: the table of predictions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from segae.labels import by_index
from segae.progress import Watch
from segae_trainer.evaluation.mask_slice import MaskSlice
from segae_trainer.evaluation.method import Estimates, Method
from segae_trainer.evaluation.predictions import COLUMNS, INTERVAL

if TYPE_CHECKING:
    import pandas as pd

CHUNK = 64  # masks in memory at a time


def predict_masks(
    methods: Sequence[Method], masks: Sequence[MaskSlice], *, watch: Watch | None = None
) -> Mapping[str, pd.DataFrame]:
    """The predictions of each method by its name, one row per mask in the order of `masks`; each mask is made
    once. Columns: `predictions.checked`."""
    import pandas as pd

    watch = watch or Watch()
    facts: list[dict[str, Any]] = []
    found: dict[str, list[Estimates]] = {method.name: [] for method in methods}
    for start in range(0, len(masks), CHUNK):
        watch.step("predicting", start, len(masks))
        chunk = list(masks[start : start + CHUNK])
        facts += [_facts(mask) for mask in chunk]
        for method in methods:
            found[method.name].append(method.predict(chunk))
    watch.step("predicting", len(masks), len(masks))
    known = pd.DataFrame(facts, columns=list(COLUMNS[:-1]))
    return {name: _with_predictions(known, estimates) for name, estimates in found.items()}


def _with_predictions(known: pd.DataFrame, estimates: list[Estimates]) -> pd.DataFrame:
    table = known.assign(predicted=np.concatenate([part.predicted for part in estimates]))
    if any(part.interval is not None for part in estimates):
        bounds = [
            np.full((len(part.predicted), 2), np.nan) if part.interval is None else part.interval
            for part in estimates
        ]
        table[list(INTERVAL)] = np.concatenate(bounds)
    return table


def _facts(mask: MaskSlice) -> dict[str, Any]:
    name = by_index(mask.structure).name
    return {
        "case": mask.case,
        "patient": mask.patient,
        "segment": name,
        "structure_index": mask.structure,
        "structure": name,
        "slice": mask.slice,
        "source": mask.source,
        "kind": mask.kind,
        "area_mm2": mask.square_mm(mask.mask),
        "truth_mm2": mask.square_mm(mask.truth),
        "dice": mask.dice,
    }
