"""The one call: files or arrays in, a report out."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain
from os import PathLike
from pathlib import Path

import numpy as np

from segae.data import Segment, Segmentation, Volume
from segae.errors import InputError, ModelError
from segae.geometry.grid import Grid
from segae.geometry.orientation import FILE
from segae.inputs.stack import CTStack
from segae.io.ct import read_ct
from segae.io.layouts import case_name
from segae.io.segmentation import read_segmentation
from segae.models.quality_model import QualityModel
from segae.progress import CancelToken, ProgressCallback, Watch
from segae.results.types import CaseReport
from segae.scoring.device import AUTO
from segae.scoring.options import ScoringOptions
from segae.scoring.scorer import Scorer


def score(
    ct: str | PathLike[str] | Volume,
    segmentation: str | PathLike[str] | Segmentation,
    *,
    model: str | Path | QualityModel = "bundled",
    slices: int | None = None,
    name: str | None = None,
    names: str | PathLike[str] | None = None,
    resample: bool = False,
    ct_grid: bool = False,
    series: str | None = None,
    published_map: bool = False,
    device: str = AUTO,
    engine: str = "torch",
    batch_size: int = 32,
    case: str | None = None,
    progress: ProgressCallback | None = None,
    cancel: CancelToken | None = None,
) -> CaseReport:
    """Predict the Dice of every mask of one CT, slice by slice, without a ground truth.

    `ct`: a NIfTI, NRRD or MetaImage file, a folder with one DICOM series, or a `Volume`. `segmentation`: a
    binary file (its organ in `name`, or as its file name), a folder of binary files named by organ, a
    multi-label file, a DICOM segmentation (extra dicom) or structure set, or a `Segmentation`; `names` is a
    file or a named scheme ("dap") that says what its values stand for.
    `slices`: that many per structure instead of all. `resample`: allow masks on another grid. `ct_grid`:
    masks that differ from the CT by their place alone lie on its grid. `series`: the SeriesInstanceUID of the
    CT in a DICOM folder with several. `model`: a
    path, a bundled name or a loaded model. `progress` and `cancel` reach every loop.

    Raises `InputError` for input that cannot be scored, `ModelError` for an unusable model, `Cancelled` on
    request.
    """
    given = None if names is None else Path(names)
    options = ScoringOptions(slices, resample, published_map, given, ct_grid=ct_grid)
    watch = Watch(progress, cancel)
    scorer = Scorer(model, device=device, engine=engine, batch_size=batch_size)
    watch.step("reading", 0, 2)
    volume = ct if isinstance(ct, Volume) else read_ct(Path(ct), series=series)
    watch.step("reading", 1, 2)
    if not isinstance(segmentation, Segmentation):
        segmentation = read_segmentation(
            Path(segmentation),
            name=name,
            names=options.names,
            table=scorer.model.label_table,
            ct=volume.place,
        )
    watch.step("reading", 2, 2)
    return scorer.score_case(
        volume, segmentation, case=case or case_name(volume.source), options=options, watch=watch
    )


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
    if not (mask > 0).any():
        return 0.0
    scorer = Scorer("bundled" if model is None else model)
    structure = scorer.model.label_table.by_index(class_index)
    depth, rows, columns = ct_data.shape
    grid = Grid((columns, rows, depth), np.eye(4))
    segment = Segment.from_mask(structure.name, structure, mask > 0, grid)
    if not scorer.model.knows(structure):
        raise ModelError(
            f'Model "{scorer.model.spec.name}" has no vector for "{structure}"; use another model.'
        )
    as_stored = replace(scorer.model.spec.input, orientation=FILE)
    stack = CTStack.of(Volume(ct_data, grid), as_stored, scorer.device)
    parts = scorer.stream(stack, [segment], ScoringOptions(slices=PUBLISHED_SLICES))
    return float(np.mean([one.raw_score or 0.0 for part in parts for one in chain(*part.values())]))
