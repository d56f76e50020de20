"""From the network's answers to the rows of a report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from segae.inputs.prepare import PreparedSlices
from segae.models.output import ModelOutput
from segae.results.types import SearchedSlice, SliceScore
from segae.scoring.calibration import SLICE, calibrated, interval_for


def rows_of(
    batch: Sequence[PreparedSlices], output: ModelOutput, intervals: Mapping[str, Any]
) -> tuple[tuple[SliceScore, ...], tuple[SearchedSlice, ...]]:
    """The slices of a batch with mask, and those without, which have no score but an area of the organ.

    `intervals`: the table of `segae.scoring.calibration`. Where there is one, scores are calibrated by it.
    """
    scores, searched = [], []
    raw = output.score.double().numpy()
    interval = None
    if SLICE in intervals:
        areas = np.concatenate([part.areas_mm2 for part in batch])
        labels = np.concatenate([part.input.structures.cpu().numpy() for part in batch])
        interval = torch.from_numpy(interval_for(raw, areas, labels, intervals))
        raw = calibrated(raw, intervals)
    done = 0
    for part in batch:
        structure = part.segment.structure
        assert structure is not None
        name = (part.segment.name, structure.index, structure.name)
        for place, k in enumerate(part.slices):
            x, y, z = part.centres[place].tolist()
            low, high = _pair(interval, done + place)
            overlap, organ = _pair(output.areas, done + place, float(part.pixels_mm2[place]))
            if part.searched_mm[place] == 0:
                area, score = float(part.areas_mm2[place]), float(raw[done + place])
                scores.append(SliceScore(*name, k, x, y, z, area, score, low, high, overlap, organ))
            else:
                assert organ is not None and output.presence is not None
                presence = float(output.presence[done + place])
                thickness = float(part.searched_mm[place])
                searched.append(SearchedSlice(*name, k, x, y, z, thickness, organ, presence))
        done += len(part)
    return tuple(scores), tuple(searched)


def _pair(values: Tensor | None, place: int, unit: float = 1.0) -> tuple[float, float] | tuple[None, None]:
    """One row (2,) of `values` (B, 2) times `unit`; two times None where there are no such values."""
    if values is None:
        return None, None
    first, second = values[place].tolist()
    return first * unit, second * unit
