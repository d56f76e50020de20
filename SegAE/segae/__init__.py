"""SegAE tells which organ mask in a CT is wrong, in which slice and how sure that is.

    import segae
    report = segae.score("ct.nii.gz", "segmentations/")
    for row in segae.rank(report, "structure"):
        print(row.segment.segment, row.segment.predicted_dice, row.segment.verdict)

Names are loaded when they are first used: importing the package imports no torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from segae.data import Segment, Segmentation, Volume
    from segae.errors import InputError, ModelError, OutputError, SegAEError
    from segae.io.ct import read_ct
    from segae.io.dicom_seg_writer import write_dicom_seg
    from segae.io.segmentation import read_segmentation
    from segae.labels.resolver import resolve
    from segae.models.quality_model import QualityModel
    from segae.progress import CancelToken
    from segae.results.files import read_report, write_report
    from segae.results.tables import rank
    from segae.results.types import CaseReport
    from segae.scoring.score import score, segae_inference
    from segae.scoring.scorer import Scorer

__version__ = "0.2.0"

_HOME = {
    "CancelToken": "segae.progress",
    "CaseReport": "segae.results.types",
    "InputError": "segae.errors",
    "ModelError": "segae.errors",
    "OutputError": "segae.errors",
    "QualityModel": "segae.models.quality_model",
    "Scorer": "segae.scoring.scorer",
    "SegAEError": "segae.errors",
    "Segment": "segae.data",
    "Segmentation": "segae.data",
    "Volume": "segae.data",
    "rank": "segae.results.tables",
    "read_ct": "segae.io.ct",
    "read_report": "segae.results.files",
    "read_segmentation": "segae.io.segmentation",
    "resolve": "segae.labels.resolver",
    "score": "segae.scoring.score",
    "segae_inference": "segae.scoring.score",
    "write_dicom_seg": "segae.io.dicom_seg_writer",
    "write_report": "segae.results.files",
}

__all__ = [
    "CancelToken",
    "CaseReport",
    "InputError",
    "ModelError",
    "OutputError",
    "QualityModel",
    "Scorer",
    "SegAEError",
    "Segment",
    "Segmentation",
    "Volume",
    "rank",
    "read_ct",
    "read_report",
    "read_segmentation",
    "resolve",
    "score",
    "segae_inference",
    "write_dicom_seg",
    "write_report",
]


def __getattr__(name: str) -> Any:
    try:
        home = _HOME[name]
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
    return getattr(import_module(home), name)
