"""From a table to figures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from segae.errors import InputError
from segae_trainer.evaluate.evaluation import difference, evaluate, interval_figures
from segae_trainer.evaluate.metrics import METRICS, compute
from segae_trainer.evaluate.predictions import SIZES, organs, read_predictions, size_class

Make = Callable[..., pd.DataFrame]


def test_pooled_figures_are_those_of_all_rows_and_groups_those_of_theirs(predictions: Make) -> None:
    table = predictions()
    found = evaluate(table, resamples=20)
    everything = compute(table["predicted"].to_numpy(), table["dice"].to_numpy())
    assert [found.value(key) for key in METRICS] == pytest.approx(list(everything), nan_ok=True)
    liver = table.query("structure == 'liver'")
    row = found.groups.query("level == 'slice' and group == 'structure' and name == 'liver'")
    expected = compute(liver["predicted"].to_numpy(), liver["dice"].to_numpy())
    assert row["value"].tolist() == pytest.approx(list(expected), nan_ok=True)
    assert set(row["n"]) == {len(liver)}


def test_intervals_hold_the_pooled_value_of_many_patients(predictions: Make) -> None:
    row = evaluate(predictions(n=400, patients=20), resamples=100).row("lcc")
    assert row["low"] < row["value"] < row["high"]
    assert row["patients"] == row["cases"] == 20
    assert row["case_least"] <= row["case_median"] <= row["case_most"]


def test_one_patient_gives_no_interval_and_says_so(predictions: Make) -> None:
    found = evaluate(predictions(patients=1))
    assert found.metrics["low"].isna().all() and found.metrics["high"].isna().all()
    assert any("one patient, so no interval" in note for note in found.notes)


def test_few_patients_are_said_to_give_rough_intervals(predictions: Make) -> None:
    assert any("3 patients only" in note for note in evaluate(predictions(patients=3), resamples=5).notes)


def test_the_organ_has_the_dice_of_its_volume_missed_slices_included() -> None:
    """Slices: |A|=4, |B|=6, overlap 4 (Dice .8); |A|=2, |B|=2, overlap 1 (.5); missed, |B|=6 (0)."""
    table = _slices([(4, 6, 0.8, 0.7), (2, 2, 0.5, 0.9), (0, 6, 0.0, np.nan)])
    organ = organs(table).iloc[0]
    assert organ["dice"] == pytest.approx(2 * (4 + 1) / (4 + 6 + 2 + 2 + 6))
    assert organ["predicted"] == pytest.approx(0.8)
    assert (organ["area_mm2"], organ["truth_mm2"], organ["largest_mm2"], organ["slice"]) == (6, 14, 6, 3)


def test_masks_without_prediction_count_in_no_figure_by_slice_and_are_said(predictions: Make) -> None:
    table = predictions()
    table.loc[:9, "predicted"] = np.nan
    found = evaluate(table, resamples=0)
    assert found.row("mae")["n"] == len(table) - 10
    assert any(note.startswith("10 of 120 masks have no prediction") for note in found.notes)


def test_a_table_of_organs_can_be_given_and_volumes_left_out(predictions: Make) -> None:
    volumes = predictions(n=30, seed=5)
    found = evaluate(predictions(), by_organ=volumes, resamples=0)
    expected = compute(volumes["predicted"].to_numpy(), volumes["dice"].to_numpy())
    assert found.value("mae", "organ") == pytest.approx(expected[list(METRICS).index("mae")])
    assert evaluate(predictions(), volumes=False, resamples=0).levels == ("slice",)


def test_the_difference_of_two_methods_is_resampled_in_pairs(predictions: Make) -> None:
    better = predictions(n=300, patients=10)
    worse = better.assign(predicted=better["predicted"] + 0.05)
    one, other = (evaluate(table, resamples=50) for table in (worse, better))
    bias = difference(one, other).query("level == 'slice' and metric == 'bias'").iloc[0]
    assert bias[["value", "low", "high"]].tolist() == pytest.approx([0.05] * 3)
    assert difference(one, evaluate(better.head(100), resamples=50))["value"].isna().all()


def test_predicted_intervals_are_measured_where_there_are_some(predictions: Make) -> None:
    table = predictions()
    assert interval_figures(evaluate(table, resamples=0)).empty
    table["interval_low"], table["interval_high"] = table["dice"] - 0.1, table["dice"] + 0.1
    table.loc[:29, "interval_high"] = table["dice"] - 0.05
    row = interval_figures(evaluate(table, resamples=0)).iloc[0]
    assert (row["level"], row["n"], row["coverage"]) == ("slice", 120, 0.75)


def test_a_size_class_begins_at_its_bound() -> None:
    assert [size_class(mm2) for mm2 in (99.9, 100, 500, 2000)] == list(SIZES)


def test_a_csv_file_gives_the_same_figures(predictions: Make, tmp_path: Path) -> None:
    predictions().to_csv(tmp_path / "p.csv", index=False)
    found = evaluate(read_predictions(tmp_path / "p.csv"), resamples=0)
    assert found.value("mae") == pytest.approx(evaluate(predictions(), resamples=0).value("mae"))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda t: t.drop(columns=["dice", "patient"]), "lacks the columns patient, dice"),
        (lambda t: t.head(0), "has no rows"),
        (lambda t: t.assign(dice=1.2), "outside of 0..1"),
        (lambda t: t.assign(area_mm2="large"), "no number"),
        (lambda t: t.assign(predicted=np.nan), "no prediction for any mask"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused_in_a_sentence(
    predictions: Make, change: Callable[[pd.DataFrame], pd.DataFrame], sentence: str
) -> None:
    with pytest.raises(InputError, match=sentence):
        evaluate(change(predictions()))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no table .*none\.csv"):
        read_predictions(tmp_path / "none.csv")


def _slices(rows: list[tuple[float, float, float, float]]) -> pd.DataFrame:
    same = {
        "case": "c", "patient": "p", "segment": "liver", "structure_index": 5, "structure": "liver",
        "source": "net", "kind": "pseudo label",
    }  # fmt: skip
    return pd.DataFrame(
        [
            same | {"slice": k, "area_mm2": a, "truth_mm2": b, "dice": dice, "predicted": predicted}
            for k, (a, b, dice, predicted) in enumerate(rows)
        ]
    )
