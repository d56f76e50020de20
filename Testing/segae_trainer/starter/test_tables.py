from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from segae.models.quality_model import QualityModel
from segae.models.registry import build_network
from segae.models.spec import ModelSpec
from segae.scoring.scorer import Scorer
from segae_trainer.data.mask_measures import dice
from segae_trainer.evaluate.predictions import COLUMNS, checked
from segae_trainer.starter.cases import Case
from segae_trainer.starter.cohort import Member
from segae_trainer.starter.pool import concatenate
from segae_trainer.starter.rendering import AS_IT_IS, render_case
from segae_trainer.starter.tables import organ_table, pool_table, report_of, report_table

MEMBER = Member("upper", "B", "folds")
ROWS = (13, 15, 7)


@pytest.fixture(scope="module")
def model(spec: ModelSpec, text: torch.Tensor) -> QualityModel:
    torch.manual_seed(0)
    return QualityModel(spec, build_network(spec), text)


@pytest.fixture(scope="module")
def scored(model: QualityModel, case: Case, data: Path):
    """A report of masks that are a little off, and the masks (K, H, W)."""
    labels = np.roll(case.labels, 3, axis=1)
    return *report_of(Scorer(model), MEMBER, data, labels, ROWS), labels


def test_a_pool_becomes_a_table_of_predictions(model: QualityModel, case: Case, spec: ModelSpec):
    pool = concatenate(render_case(case, spec, AS_IT_IS, seed=1))
    table = pool_table(model, pool, MEMBER)
    assert list(checked(table)) == [*COLUMNS]
    assert len(table) == len(pool)
    assert table["dice"].to_numpy() == pytest.approx(pool.targets)
    assert table["error_dice"].dropna().between(0, 1).all()
    exact = table["kind"] == "exact"
    assert (table.loc[exact, "area_mm2"] == table.loc[exact, "truth_mm2"]).all()


def test_slices_of_a_report_get_their_true_dice(scored, case: Case):
    report, volume, labels = scored
    table = report_table(report, volume, labels, case.labels, MEMBER, "step 9")
    assert set(table["structure_index"]) <= set(ROWS)
    assert len(table) == sum((labels == row).any(axis=(1, 2)).sum() for row in ROWS)
    mm2 = case.pixel_mm[0] * case.pixel_mm[1]
    for row in table.to_dict("records"):
        # The sample's slices are stored from below upwards, as the cases' are.
        mask, organ = (stack[row["slice"]] == row["structure_index"] for stack in (labels, case.labels))
        assert row["dice"] == pytest.approx(dice(mask, organ))
        assert row["area_mm2"] == pytest.approx(mask.sum() * mm2, rel=1e-4)
        assert row["truth_mm2"] == pytest.approx(organ.sum() * mm2, rel=1e-4)
        assert row["overlap_mm2"] <= row["organ_mm2"] + 1e-3
    assert set(table["source"]) == {"step 9"}


def test_organs_of_a_report_get_the_true_dice_of_their_volume(scored, case: Case):
    report, volume, labels = scored
    table = organ_table(report, volume, labels, case.labels, MEMBER, "step 9")
    assert table["predicted"].between(0, 1).all()
    for row in table.to_dict("records"):
        mask, organ = (stack == row["structure_index"] for stack in (labels, case.labels))
        assert row["dice"] == pytest.approx(dice(mask, organ))
        assert row["volume_mm3"] == pytest.approx(mask.sum() * 27, rel=0.01)
    assert set(table["structure_index"]) == {row for row in ROWS if (labels == row).any()}
