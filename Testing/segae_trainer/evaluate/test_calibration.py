from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from segae.errors import InputError
from segae.models.checkpoint import load_checkpoint
from segae.models.quality_model import QualityModel
from segae.scoring.calibration import ORGAN, SLICE, calibrated
from segae.scoring.conformal import LEAST_POINTS, fit_intervals
from segae_trainer.data.training_set import TrainingSet
from segae_trainer.evaluate.calibration import (
    calibrate,
    points_of,
    read_calibration,
    with_calibration,
    with_unseen_calibration,
)
from segae_trainer.evaluate.goals import SHOWN, where
from segae_trainer.evaluate.methods import NetworkMethod
from segae_trainer.evaluate.predictions import INTERVAL, RAW
from segae_trainer.evaluate.suites import SUITES, build_suite

LOW, HIGH = INTERVAL


def masks(patient: str, count: int = 100, offset: float = 0.2, level: str = SLICE) -> pd.DataFrame:
    """Scores that are `offset` too low."""
    rng = np.random.default_rng(len(patient) + ord(patient[0]))
    truth = rng.uniform(0.3, 1.0, count)
    return pd.DataFrame(
        {
            "case": f"scan of {patient}", "patient": patient, "structure_index": 13, "dice": truth,
            "raw": truth - offset, "predicted": truth - offset,
            "area_mm2" if level == SLICE else "volume_mm3": 1000.0,
        }
    )  # fmt: skip


def test_a_patient_is_calibrated_by_the_others_only():
    tables = {"network": pd.concat([masks("A"), masks("B"), masks("C", offset=-0.1)], ignore_index=True)}
    found = with_unseen_calibration(tables)["network"]
    points = points_of(tables)[SLICE]
    for patient in "ABC":
        own = where(found, found["patient"] == patient)
        table = fit_intervals({SLICE: points.where(points.patients != patient)})
        assert own[SHOWN].to_numpy() == pytest.approx(calibrated(own[RAW].to_numpy(), table))
    shown = found.groupby("patient").apply(lambda rows: (rows[SHOWN] - rows["dice"]).mean())
    assert shown["C"] > 0.15  # what the others need is wrong for this patient
    assert (found[LOW] <= found[SHOWN]).all()
    assert (found[SHOWN] <= found[HIGH]).all()


def test_slices_and_organs_are_calibrated_apart():
    tables = {
        "expert": pd.concat([masks("A"), masks("B")], ignore_index=True),
        "expert organs": pd.concat(
            [masks("A", 50, -0.2, ORGAN), masks("B", 50, -0.2, ORGAN)], ignore_index=True
        ),
        "other": masks("A"),  # nothing is fitted on it, but it is shown like the others
    }
    found = with_unseen_calibration(tables)
    assert (found["expert"][SHOWN] > found["expert"][RAW]).mean() > 0.9
    assert (found["expert organs"][SHOWN] < found["expert organs"][RAW]).mean() > 0.9
    assert found["other"][SHOWN].notna().all()


def test_too_few_masks_of_others_give_no_calibration():
    tables = {"network": pd.concat([masks("A"), masks("B", 5)], ignore_index=True)}
    found = with_unseen_calibration(tables)["network"]
    assert found.loc[found["patient"] == "A", SHOWN].isna().all()
    assert found.loc[found["patient"] == "B", SHOWN].notna().all()
    assert tables["network"]["predicted"].notna().all()
    assert points_of({"network": masks("A", 5)}) == {}


def test_a_model_is_calibrated_on_patients_that_it_was_not_trained_on(
    training_set: TrainingSet, model: Path, tmp_path: Path
) -> None:
    out = tmp_path / "calibration.json"
    found = calibrate(model, training_set, out, split="test", device="cpu")
    assert read_calibration(out) == found
    assert found["intervals"][SLICE]["n"] >= LEAST_POINTS
    assert set(found["unseen"]) <= {SLICE, ORGAN}  # each patient needs enough masks of the others
    finished = with_calibration(model, found)
    assert finished.spec.intervals == found["intervals"]
    samples = list(build_suite(SUITES["synthetic"], training_set, "test"))[:20]
    judged = NetworkMethod(QualityModel.from_checkpoint(finished), "cpu").predict(samples)
    there = np.isfinite(judged.predicted)
    assert there.any()
    assert judged.predicted[there] == pytest.approx(calibrated(judged.raw[there], found["intervals"]))
    assert (judged.interval_low[there] <= judged.predicted[there]).all()
    assert (judged.predicted[there] <= judged.interval_high[there]).all()


def test_a_calibration_that_cannot_be_is_told(training_set: TrainingSet, model: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="patients that it was trained on"):
        calibrate(model, training_set, tmp_path / "c.json", split="train", device="cpu")
    with pytest.raises(InputError, match="no calibration"):
        read_calibration(tmp_path / "c.json")
    (tmp_path / "c.json").write_text("{}")
    with pytest.raises(InputError, match="is no calibration"):
        read_calibration(tmp_path / "c.json")
    with pytest.raises(InputError, match="that of another model"):
        with_calibration(model, {"model_sha256": "0", "intervals": {}})
    assert load_checkpoint(model).spec.intervals == {}
