"""What a model says about masks whose truth is known, as tables of predictions.

Columns are those of `segae_trainer.evaluate.predictions`, with the predicted areas beside them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from segae.data import Segment, Segmentation, Volume
from segae.geometry.orientation import orient_array, slice_index_in_file
from segae.inputs.build import ModelInput
from segae.io.ct import read_ct
from segae.labels.table import by_index
from segae.models.quality_model import QualityModel
from segae.results.types import CaseReport
from segae.scoring.options import ScoringOptions
from segae.scoring.scorer import Scorer
from segae_trainer.data.mask_measures import dice
from segae_trainer.starter.cases import ORIENTATION
from segae_trainer.starter.cohort import Member
from segae_trainer.starter.pairs import KINDS
from segae_trainer.starter.pool import Pool, subset
from segae_trainer.starter.views import centre_views

if TYPE_CHECKING:
    import pandas as pd

_BATCH = 64
SUITE = tuple(kind for kind in KINDS if kind not in ("wrong name", "empty", "beyond its end", "real"))


def pool_table(model: QualityModel, pool: Pool, member: Member) -> pd.DataFrame:
    """The pairs of a pool as scoring would show them. Beside the usual columns `error_dice`: how well the
    predicted wrong pixels (missing and extra together) agree with the true ones in the window."""
    import pandas as pd

    parts = [_predicted(model, subset(pool, np.arange(start, min(start + _BATCH, len(pool)))))
             for start in range(0, len(pool), _BATCH)]  # fmt: skip
    names = [str(by_index(int(row))) for row in pool.structures]
    return pd.DataFrame(
        {
            "case": member.case,
            "patient": member.patient,
            "segment": names,
            "structure_index": pool.structures,
            "structure": names,
            "slice": pool.slices,
            "source": "degraded",
            "kind": np.array(KINDS)[pool.kinds],
            "area_mm2": pool.areas,
            "truth_mm2": pool.organs,
            "dice": pool.targets,
            "predicted": np.concatenate([dsc for dsc, _ in parts]),
            "error_dice": np.concatenate([error for _, error in parts]),
        }
    )


def report_of(
    scorer: Scorer, member: Member, data: Path, labels: np.ndarray, rows: Collection[int]
) -> tuple[CaseReport, Volume]:
    """What the product says about label map `labels` (K, H, W) of a case, in the orientation of `Case`; only
    the structures `rows` are scored."""
    volume = read_ct(data / member.case / "ct.nii.gz")
    segments = tuple(segments_of(labels, [row for row in np.unique(labels) if row in rows], volume))
    segmentation = Segmentation(segments, member.case)
    return scorer.score_case(volume, segmentation, case=member.case, options=ScoringOptions()), volume


def segments_of(labels: np.ndarray, rows: Iterable[int], volume: Volume) -> Iterator[Segment]:
    """The masks of structures `rows` in label map `labels` (K, H, W), in the orientation of `Case`, on the
    grid of the case's CT."""
    placed = np.zeros(volume.grid.shape, labels.dtype)
    orient_array(placed, volume.grid, ORIENTATION)[...] = labels
    for structure in (by_index(int(row)) for row in rows):
        yield Segment.from_mask(structure.name, structure, placed == structure.index, volume.grid)


def report_table(
    report: CaseReport, volume: Volume, labels: np.ndarray, truth: np.ndarray, member: Member, source: str
) -> pd.DataFrame:
    """The slices of a report with their true Dice; `labels` and `truth` (K, H, W) as in `Case`. Beside the
    usual columns `overlap_mm2` and `organ_mm2`, NaN where the model predicts none."""
    import pandas as pd

    index = {_file_slice(k, volume): k for k in range(len(labels))}
    rows = []
    for _, segment, row in report.rows():
        k, mm2 = index[row.slice], float(np.prod(volume.grid.spacing)) / row.thickness_mm
        mask, organ = labels[k] == segment.structure_index, truth[k] == segment.structure_index
        rows.append(
            {
                "case": member.case,
                "patient": member.patient,
                "segment": segment.segment,
                "structure_index": segment.structure_index,
                "structure": segment.structure,
                "slice": row.slice,
                "source": source,
                "kind": "real",
                "area_mm2": row.area_mm2,
                "truth_mm2": float(organ.sum()) * mm2,
                "dice": dice(mask, organ),
                "predicted": row.raw_score,
                "overlap_mm2": np.nan if row.overlap_mm2 is None else row.overlap_mm2,
                "organ_mm2": np.nan if row.organ_mm2 is None else row.organ_mm2,
            }
        )
    return pd.DataFrame(rows)


def organ_table(
    report: CaseReport,
    volume: Volume,
    labels: np.ndarray,
    truth: np.ndarray,
    member: Member,
    source: str,
) -> pd.DataFrame:
    """One row per organ of a report: the Dice of the volume, true and raw predicted. None without areas."""
    import pandas as pd

    mm3, rows = float(np.prod(volume.grid.spacing)), []
    for one in (segment for segment in report.segments if segment.has_areas):
        mask, organ = labels == one.structure_index, truth == one.structure_index
        rows.append(
            {
                "case": member.case,
                "patient": member.patient,
                "segment": one.segment,
                "structure_index": one.structure_index,
                "structure": one.structure,
                "source": source,
                "volume_mm3": float(mask.sum()) * mm3,
                "dice": dice(mask, organ),
                "predicted": one.raw_dice,
            }
        )
    return pd.DataFrame(rows)


def _predicted(model: QualityModel, pairs: Pool) -> tuple[np.ndarray, np.ndarray]:
    view = centre_views(pairs, model.spec)
    found = model.predict(ModelInput(view.images, view.structures, view.context))
    if found.error_map is None:
        return found.score.numpy(), np.full(len(pairs), np.nan)
    chances = view.mask + found.error_map[:, 0] - found.error_map[:, 1]
    mask, organ = view.mask > 0.5, view.organ > 0.5
    wrong, predicted = mask ^ organ, mask ^ (chances > 0.5)
    both = (wrong & predicted).sum(dim=(1, 2)).double()
    total = wrong.sum(dim=(1, 2)) + predicted.sum(dim=(1, 2))
    return found.score.numpy(), torch.where(total > 0, 2 * both / total, torch.nan).numpy()


def _file_slice(k: int, volume: Volume) -> int:
    return slice_index_in_file(k, volume.grid, ORIENTATION)


def where(table: pd.DataFrame, chosen: pd.Series | np.ndarray) -> pd.DataFrame:
    """The rows for which `chosen` holds."""
    return table.take(np.flatnonzero(chosen))


def joined(tables: Iterator[pd.DataFrame]) -> pd.DataFrame:
    """Tables one below the other."""
    import pandas as pd

    return pd.concat(list(tables), ignore_index=True)
