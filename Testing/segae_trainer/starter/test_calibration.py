from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from segae.scoring.calibration import ORGAN, SLICE, calibrated
from segae_trainer.starter.calibration import HIGH, LOW, SHOWN, points_of, with_unseen_calibration
from segae_trainer.starter.conformal import fit_intervals
from segae_trainer.starter.tables import where


def masks(patient: str, count: int = 100, offset: float = 0.2, level: str = SLICE) -> pd.DataFrame:
    """Scores that are `offset` too low."""
    rng = np.random.default_rng(len(patient) + ord(patient[0]))
    truth = rng.uniform(0.3, 1.0, count)
    return pd.DataFrame(
        {
            "case": f"scan of {patient}", "patient": patient, "structure_index": 13, "dice": truth,
            "predicted": truth - offset, "area_mm2" if level == SLICE else "volume_mm3": 1000.0,
        }
    )  # fmt: skip


def test_a_patient_is_calibrated_by_the_others_only():
    tables = {"network": pd.concat([masks("A"), masks("B"), masks("C", offset=-0.1)], ignore_index=True)}
    found = with_unseen_calibration(tables)["network"]
    points = points_of(tables)[SLICE]
    for patient in "ABC":
        own = where(found, found["patient"] == patient)
        table = fit_intervals({SLICE: points.where(points.patients != patient)})
        assert own[SHOWN].to_numpy() == pytest.approx(calibrated(own["predicted"].to_numpy(), table))
    shown = found.groupby("patient").apply(lambda rows: (rows[SHOWN] - rows["dice"]).mean())
    assert shown["C"] > 0.15  # what the others need is wrong for this patient
    assert (found[LOW] <= found[SHOWN]).all()
    assert (found[SHOWN] <= found[HIGH]).all()


def test_slices_and_organs_are_calibrated_apart():
    tables = {
        "fast": pd.concat([masks("A"), masks("B")], ignore_index=True),
        "fast organs": pd.concat(
            [masks("A", 50, -0.2, ORGAN), masks("B", 50, -0.2, ORGAN)], ignore_index=True
        ),
        "names": masks("A"),
    }
    found = with_unseen_calibration(tables)
    assert (found["fast"][SHOWN] > found["fast"]["predicted"]).mean() > 0.9
    assert (found["fast organs"][SHOWN] < found["fast organs"]["predicted"]).mean() > 0.9
    assert found["names"][SHOWN].isna().all()


def test_too_few_masks_of_others_give_no_calibration():
    tables = {"network": pd.concat([masks("A"), masks("B", 5)], ignore_index=True)}
    found = with_unseen_calibration(tables)["network"]
    assert found.loc[found["patient"] == "A", SHOWN].isna().all()
    assert found.loc[found["patient"] == "B", SHOWN].notna().all()
    assert "shown" not in tables["network"]
    assert points_of({"network": masks("A", 5)}) == {}
