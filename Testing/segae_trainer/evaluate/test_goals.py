from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from segae_trainer.evaluate.goals import GOALS, NAMES, Evidence, Measured, SingleMask, measured

TRUE = np.array([0.2, 0.4, 0.8, 1.0])


def table(raw: np.ndarray, case: str = "one", **more: object) -> pd.DataFrame:
    return pd.DataFrame({"case": case, "patient": case, "dice": TRUE, "raw": raw, "predicted": raw} | more)


def found(tables: dict[str, pd.DataFrame], *evidence) -> dict[str, Measured]:
    return {one.goal.name: one for one in measured(Evidence(tables, *evidence))}


def named(measures: dict[str, Measured], part: str) -> Measured:
    (name,) = (name for name in measures if part in name)
    return measures[name]


def test_agreement_is_measured_by_slice_and_by_organ_of_all_and_of_each_scan():
    two = pd.concat([table(TRUE), table(TRUE[::-1], "two")], ignore_index=True)
    measures = found({"network": two, "network organs": table(0.5 * TRUE + 0.3)})
    slices = named(measures, "network masks, per slice")
    assert slices.cases["one"] == pytest.approx((1, 0))
    assert slices.cases["two"] == pytest.approx((-1, 0.6))
    assert slices.pooled == pytest.approx((0, 0.3))
    assert slices.goal.reached(slices.pooled) == "not reached"
    organs = named(measures, "per organ volume")
    assert organs.pooled == pytest.approx((1, 0.15))
    assert named(measures, "AUROC for Dice").cases == {"one": (1.0,), "two": (0.0,)}


def test_figures_of_the_synthetic_suite():
    error = np.array([0.9, 0.4, 0.6, 0.1])  # masks with Dice .4 and .8 count
    measures = found({"synthetic": table(np.array([0.1, 0.5, 0.6, 0.85]), error_dice=error)})
    assert named(measures, "error map").pooled == pytest.approx((0.5,))
    assert named(measures, "masks above .95").pooled == (0.85,)
    assert named(measures, "masks above .95").goal.reached((0.85,)) == "requested"


def test_calibrated_scores_stand_beside_raw_ones():
    network = table(TRUE - 0.1, predicted=TRUE, interval_low=TRUE - 0.2, interval_high=TRUE - [0, 0, 0, 0.1])
    measures = found({"network": network})
    assert named(measures, "network masks, per slice").shown == pytest.approx((1, 0))
    holds = named(measures, "interval holds")
    assert holds.pooled[0] == 0.75
    assert np.isnan(holds.pooled[1])
    assert holds.goal.reached(holds.pooled) == "not measured"


def test_right_and_wrong_names():
    kinds = ["wrong name", "exact", "fine noise", "wrong name"]
    names = table(np.array([0.1, 0.9, 0.8, 0.85]), kind=kinds).assign(dice=[0, 1, 0.95, 0])
    assert named(found({NAMES: names}), "wrong name").pooled == (0.75,)


def test_figures_of_the_finished_model():
    masks = SingleMask("x", "liver", True, 0.95), SingleMask("x", "heart", False, 0.2)
    measures = found({"network": table(TRUE)}, masks, 7.5)
    liver = named(measures, "a true mask")
    assert liver.pooled == (0.95, 0.2)
    assert liver.goal.reached(liver.pooled) == "requested"
    assert liver.goal.reached((0.95, 0.1)) == "aim"
    assert named(measures, "milliseconds").pooled == (7.5,)


def test_what_nobody_measured_is_not_reached():
    for one in found({}).values():
        assert one.goal.reached(one.pooled) == "not measured"


def test_an_aim_is_never_easier_than_what_was_asked():
    for goal in GOALS:
        for asked, aim in zip(goal.requested_range, goal.aim_range, strict=True):
            assert asked[0] <= aim[0]
            assert aim[1] <= asked[1]
