"""The Dice of a volume from areas of slices."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from segae.results.verdicts import volume_dice
from segae.scoring.assemble import with_dice


def _dice(a: np.ndarray, b: np.ndarray) -> float:
    return 2 * float((a & b).sum()) / float(a.sum() + b.sum())


def _only(report) -> Any:
    (segment,) = report.segments
    return volume_dice(segment)


def test_true_areas_give_the_true_dice_of_the_volume(report_of, truth):
    shifted = np.roll(truth["liver"], 5, axis=2)
    report = report_of({"liver": shifted})
    assert _only(report) == pytest.approx(_dice(shifted, truth["liver"]), abs=1e-9)


def test_it_is_not_the_mean_of_the_slices(report_of, truth):
    """A small slice that is wrong costs the volume little."""
    mask = truth["liver"].copy()
    areas = mask.sum(axis=(1, 2))
    smallest = int(np.flatnonzero(areas == areas[areas > 0].min())[0])
    mask[smallest] = np.roll(mask[smallest], 60, axis=1)
    report = report_of({"liver": mask})
    assert _only(report) == pytest.approx(_dice(mask, truth["liver"]), abs=1e-9)
    assert _only(report) > report.segments[0].mean


def test_slices_beyond_the_mask_count(report_of, truth):
    """Every second one is searched, so the volume is nearly and not wholly known."""
    mask = truth["liver"].copy()
    filled = np.flatnonzero(mask.any(axis=(1, 2)))
    mask[filled[: len(filled) // 2]] = False
    report = report_of({"liver": mask})
    assert report.segments[0].mean == pytest.approx(1.0)
    assert _only(report) == pytest.approx(_dice(mask, truth["liver"]), abs=0.03)


def test_noise_in_searched_slices_does_not_count(report_of, truth):
    def noise(row):
        return row if row.presence is None else replace(row, presence=0.3, organ_mm2=40.0)

    assert _only(report_of({"liver": truth["liver"]}, change=noise)) == pytest.approx(1.0)


def test_some_slices_stand_for_all(report_of, truth):
    mask = truth["liver"].copy()
    filled = np.flatnonzero(mask.any(axis=(1, 2)))
    mask[filled[-4:]] = False
    whole = report_of({"liver": mask})
    (segment,) = whole.segments
    some = replace(segment, slices=segment.slices[::3])
    assert volume_dice(some) == pytest.approx(_only(whole), abs=0.02)


def test_models_without_areas_have_none(report_of, truth):
    report = report_of({"liver": truth["liver"]}, areas=False)
    assert _only(report) is None
    (segment,) = report.segments
    assert with_dice(segment, {}).raw_dice == pytest.approx(segment.mean)


def test_the_models_table_calibrates_organs_and_gives_intervals(report_of, truth):
    report = report_of({"liver": np.roll(truth["liver"], 3, axis=2)})
    level = {
        "edges": [],
        "knots": [0.0, 1.0],
        "calibrated": [0.1, 0.9],
        "groups": {"": {"low": [0.0, 0.8], "high": [0.2, 1.0]}},
    }
    segment = with_dice(report.segments[0], {"confidence": 0.9, "organ": level})
    raw = _only(report)
    assert segment.raw_dice == raw
    assert segment.predicted_dice == pytest.approx(0.1 + 0.8 * raw)
    assert segment.interval_low == pytest.approx(0.8 * raw)
    assert segment.interval_high == pytest.approx(0.2 + 0.8 * raw)


def test_without_a_table_the_dice_stays_raw(report_of, truth):
    report = report_of({"spleen": np.roll(truth["spleen"], 3, axis=2)})
    segment = with_dice(report.segments[0], {})
    assert (segment.predicted_dice, segment.interval_low) == (_only(report), None)
