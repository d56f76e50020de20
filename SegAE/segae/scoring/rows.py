"""From the network's answers to the rows of a report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from segae.inputs.prepare import PreparedSlices
from segae.models.output import Prediction
from segae.results.types import SearchedSlice, SliceScore
from segae.scoring.calibration import SLICE, calibrated, interval_for


def rows_of(
    batch: Sequence[PreparedSlices], prediction: Prediction, intervals: Mapping[str, Any]
) -> tuple[tuple[SliceScore, ...], tuple[SearchedSlice, ...]]:
    """The slices of a batch with mask, and those without, which have no score but an area of the organ.

    `intervals`: the table of `segae.scoring.calibration`. Where there is one, scores are calibrated by it.
    """
    scores, searched = [], []
    prediction = _calibrated(batch, prediction, intervals)
    done = 0
    for part in batch:
        structure = part.segment.structure
        assert structure is not None
        name = (part.segment.name, structure.index, structure.name)
        for place, k in enumerate(part.slices):
            x, y, z = part.centres[place].tolist()
            low, high = _pair(prediction.interval, done + place)
            overlap, organ = _pair(prediction.areas, done + place, float(part.pixels_mm2[place]))
            if part.searched_mm[place] == 0:
                area, score = float(part.areas_mm2[place]), float(prediction.dsc[done + place])
                scores.append(SliceScore(*name, k, x, y, z, area, score, low, high, overlap, organ))
            else:
                assert organ is not None and prediction.presence is not None
                presence = float(prediction.presence[done + place])
                thickness = float(part.searched_mm[place])
                searched.append(SearchedSlice(*name, k, x, y, z, thickness, organ, presence))
        done += len(part.slices)
    return tuple(scores), tuple(searched)


def _pair(values: Tensor | None, place: int, unit: float = 1.0) -> tuple[float, float] | tuple[None, None]:
    """One row (2,) of `values` (B, 2) times `unit`; two times None where the network has no such values."""
    if values is None:
        return None, None
    first, second = values[place].tolist()
    return first * unit, second * unit


def _calibrated(
    batch: Sequence[PreparedSlices], prediction: Prediction, intervals: Mapping[str, Any]
) -> Prediction:
    if SLICE not in intervals:
        return prediction
    raw = prediction.dsc.double().numpy()
    areas = np.concatenate([part.areas_mm2 for part in batch])
    rows = [part.segment.structure.index for part in batch if part.segment.structure for _ in part.slices]
    low_high = interval_for(raw, areas, rows, intervals)
    return replace(
        prediction,
        dsc=torch.from_numpy(calibrated(raw, intervals)),
        interval=torch.from_numpy(low_high),
    )
