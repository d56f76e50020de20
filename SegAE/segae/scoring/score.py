"""The one call: files or arrays in, a report out."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

from segae.data import Segmentation, Volume
from segae.io.ct import read_ct
from segae.io.segmentation import read_segmentation
from segae.models.quality_model import QualityModel
from segae.progress import CancelToken, ProgressCallback, Watch
from segae.report.report import QualityReport
from segae.scoring.case_name import case_name
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
    published_map: bool = False,
    device: str = AUTO,
    engine: str = "torch",
    batch_size: int = 32,
    case: str | None = None,
    progress: ProgressCallback | None = None,
    cancel: CancelToken | None = None,
) -> QualityReport:
    """Predict the Dice of every mask of one CT, slice by slice, without a ground truth.

    `ct`: a NIfTI, NRRD or MetaImage file, a folder with one DICOM series, or a `Volume`. `segmentation`: a
    binary file (its organ in `name`, or as its file name), a folder of binary files named by organ, a
    multi-label file, or a `Segmentation`; `names` is a JSON or CSV file with the names of its values.
    `slices`: that many per structure instead of all. `resample`: allow masks on another grid. `model`: a
    path, a bundled name or a loaded model. `progress` and `cancel` reach every loop.

    Raises `InputError` for input that cannot be scored, `ModelError` for an unusable model, `Cancelled` on
    request.
    """
    options = ScoringOptions(slices, resample, published_map, None if names is None else Path(names))
    watch = Watch(progress, cancel)
    scorer = Scorer(model, device=device, engine=engine, batch_size=batch_size)
    watch.step("reading", 0, 2)
    volume = ct if isinstance(ct, Volume) else read_ct(Path(ct))
    watch.step("reading", 1, 2)
    if not isinstance(segmentation, Segmentation):
        segmentation = read_segmentation(Path(segmentation), name=name, names=options.names)
    watch.step("reading", 2, 2)
    return scorer.score_case(
        volume, segmentation, case=case or case_name(volume.source), options=options, watch=watch
    )
