from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from segae_trainer.starter.figures import suites_of, summary
from segae_trainer.starter.tables import SUITE


def degraded() -> pd.DataFrame:
    kinds = ["cut", "exact", "fine noise", "fine noise", "wrong name", "empty", "beyond its end", "cut"]
    dice = [0.5, 1.0, 0.97, 0.7, 0.0, 0.0, 0.0, 0.6]
    rows = [13, 13, 13, 13, 13, 13, 13, 90]
    predicted = [0.4, 0.9, 0.8, 0.7, 0.1, 0.0, 0.2, 0.9]
    error = [0.5, np.nan, 0.1, 0.7, 0.9, 0.9, 0.9, 0.9]
    columns = {"kind": kinds, "dice": dice, "structure_index": rows, "predicted": predicted}
    return pd.DataFrame(columns | {"error_dice": error})


def test_suites_hold_known_names_only():
    suites = suites_of(degraded(), (13,))
    assert suites["synthetic"]["kind"].tolist() == ["cut", "exact", "fine noise", "fine noise"]
    assert suites["names"]["kind"].tolist() == ["exact", "fine noise", "wrong name"]
    assert not {"wrong name", "empty", "real"} & set(SUITE)


def test_a_summary_by_hand():
    suites = suites_of(degraded(), (13,))
    network = pd.DataFrame({"predicted": [0.3, 0.6, 0.9], "dice": [0.2, 0.8, 0.9]})
    found = summary(suites | {"network": network})
    assert found["network"]["MAE"] == pytest.approx(0.1)
    assert found["network"]["n"] == 3
    assert found["AUROC for Dice < .7"] == 1
    assert found["right against wrong name, AUROC"] == 1
    assert found["masks above .95: mean score"] == pytest.approx(0.85)
    assert found["error map: overlap"] == pytest.approx(0.6)
    assert "fast" not in found
