"""`segae-train evaluate` judges what `segae score` shows: calibrated, with intervals."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from segae.data import Segment, Segmentation, Volume
from segae.geometry.grid import Grid
from segae.labels import by_index
from segae.results.types import CaseReport
from segae.scoring.score import score
from segae_trainer.data.synthetic_errors import dice
from segae_trainer.data.training_set import TrainingSet
from segae_trainer.evaluate.evaluation import Level, interval_figures
from segae_trainer.evaluate.run import EvaluationOptions, evaluate_models


def scored(training_set: TrainingSet, number: int) -> tuple[CaseReport, np.ndarray]:
    """What `segae score` says of the masks of "net" in a scan, and these masks as label indices."""
    scan = training_set.scan(number)
    masks = np.zeros_like(scan.labels)
    for row in np.flatnonzero(training_set.table["scan"] == number).tolist():
        sample = training_set.sample(row)
        if sample.source == "net":
            masks[sample.slice][sample.mask] = sample.structure
    slice_mm, row_mm, column_mm = scan.spacing
    affine = np.diag([-column_mm, row_mm, slice_mm, 1.0])  # columns run to the left
    grid = Grid((*masks.shape[2:0:-1], len(masks)), affine)
    segments = tuple(
        Segment.from_mask(str(by_index(index)), by_index(index), masks == index, grid)
        for index in np.unique(masks).tolist()
        if index
    )
    ct = Volume(np.array(scan.ct), grid)
    return score(ct, Segmentation(segments), model="bundled", device="cpu"), masks


def test_figures_and_coverage_are_those_of_the_rows_of_segae_score(
    training_set: TrainingSet, tmp_path: Path
) -> None:
    options = EvaluationOptions(("network",), baselines=(), resamples=0, device="cpu")
    found, raw = evaluate_models(training_set, ["bundled"], tmp_path, options).evaluations
    slices, organs = [], []
    for number in (one for one, scan in enumerate(training_set.scans) if scan.split == "test"):
        report, masks = scored(training_set, number)
        truth = training_set.scan(number).labels
        for segment in report.segments:
            index = segment.structure_index
            for one in segment.slices:
                true = dice(masks[one.slice] == index, truth[one.slice] == index)
                slices.append((one.raw_score, one.predicted_dice, one.interval_low, one.interval_high, true))
            true = dice(masks == index, truth == index)
            organs.append(
                (segment.raw_dice, segment.predicted_dice, segment.interval_low, segment.interval_high, true)
            )
    coverage = interval_figures(found).set_index("level")["coverage"]
    assert raw.method == f"{found.method} (raw)"
    of_level: dict[Level, list[tuple[float, ...]]] = {"slice": slices, "organ": organs}
    for level, rows in of_level.items():
        raws, shown, low, high, true = np.array(rows, float).T
        assert found.row("mae", level)["n"] == len(rows)
        assert found.value("mae", level) == pytest.approx(np.abs(shown - true).mean(), abs=1e-6)
        assert raw.value("mae", level) == pytest.approx(np.abs(raws.clip(0, 1) - true).mean(), abs=1e-6)
        assert coverage[level] == pytest.approx(((low <= true) & (true <= high)).mean())
    assert interval_figures(raw).empty
