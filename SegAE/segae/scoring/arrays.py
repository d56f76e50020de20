"""Scoring numpy arrays as they are, with the published behaviour."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from segae.data import Segment, Volume
from segae.errors import InputError, ModelError
from segae.geometry.grid import Grid
from segae.geometry.orientation import FILE
from segae.labels.table import by_index
from segae.models.quality_model import QualityModel
from segae.scoring.inputs import orient_ct
from segae.scoring.options import ScoringOptions
from segae.scoring.scorer import Scorer

PUBLISHED_SLICES = 10


def segae_inference(
    ct_data: np.ndarray, mask: np.ndarray, class_index: int, model: str | Path | QualityModel | None = None
) -> float:
    """Predicted Dice of one mask: the mean over ten evenly spread slices, raw; 0 for an empty mask.

    `ct_data` in HU and `mask` (everything above 0 counts), both (slices, rows, columns), are taken as they
    are: no reorientation, and pixels of 1 mm where the model's crop needs millimetres. `class_index` is a row
    of the label table. Raises `InputError` for arrays that do not fit each other, `ModelError` for a model
    without that name.
    """
    if ct_data.ndim != 3 or ct_data.shape != mask.shape:
        raise InputError(
            f"The CT has the shape {ct_data.shape} and the mask {mask.shape}; give two "
            "arrays (slices, rows, columns) of the same shape."
        )
    structure = by_index(class_index)
    depth, rows, columns = ct_data.shape
    grid = Grid((columns, rows, depth), np.eye(4))
    segment = Segment.from_mask(structure.name, structure, mask > 0, grid)
    if segment.is_empty:
        return 0.0
    scorer = Scorer("bundled" if model is None else model)
    if not scorer.model.knows(structure):
        raise ModelError(
            f'Model "{scorer.model.spec.name}" has no vector for "{structure}"; use another model.'
        )
    ct = orient_ct(Volume(ct_data, grid), FILE, scorer.device)
    parts = scorer.stream(ct, [segment], ScoringOptions(slices=PUBLISHED_SLICES))
    return float(np.mean([row.score for part in parts for row in part]))
