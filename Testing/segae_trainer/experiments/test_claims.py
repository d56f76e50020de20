from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from segae_trainer.experiments.claims import active_claims, by_seed_and_patient, mean_of, semi_claims, where
from segae_trainer.experiments.page.write import write_page

SEEDS, PATIENTS = (1, 2, 3), [f"p{n:02d}" for n in range(12)]


def table(better: float, column: str = "strategy", rounds: int = 4) -> pd.DataFrame:
    """Random choice gains .02 a round; segae is `better` after the start; patients differ by far more."""
    draw = np.random.default_rng(0)
    rows = []
    for seed in SEEDS:
        for patient in PATIENTS:
            level = 0.5 + 0.3 * draw.random()
            for name, extra in (("random", 0.0), ("mc-dropout", 0.0), ("entropy", 0.0), ("segae", better)):
                for number in range(rounds):
                    dice = level + 0.02 * number + (extra if number else 0) + 0.001 * draw.normal()
                    rows.append({
                        "seed": seed, "patient": patient, "scan": patient, "structure": "liver",
                        column: name, "round": number, "annotated": 5 * number + 5, "dice": dice,
                        "nsd": dice, "pseudo_labels": 7,
                    })  # fmt: skip
    return pd.DataFrame(rows)


@pytest.mark.parametrize(
    ("better", "verdicts"),
    [
        (0.03, ["holds", "holds"]),
        (0.0, ["does not hold", "not decided with these patients"]),
        (-0.02, ["does not hold", "does not hold"]),
    ],
)
def test_differences_between_the_same_patients_decide_the_claims_of_active_learning(
    better: float, verdicts: list[str]
):
    assert [claim.verdict for claim in active_claims(table(better))] == verdicts


def test_fewer_than_five_patients_decide_nothing():
    few = table(0.03).query("patient < 'p04'")
    assert {claim.verdict for claim in active_claims(few)} == {"not decided with these patients"}


@pytest.mark.parametrize(("better", "verdict"), [(0.03, "holds"), (-0.03, "does not hold")])
def test_pseudo_labels_by_predicted_dice_are_compared_with_each_other_filter(better: float, verdict: str):
    claims = semi_claims(table(better, "filter"))
    assert len(claims) == 3 and {claim.verdict for claim in claims} == {verdict}


def test_an_interval_is_wider_than_that_of_patients_or_seeds_alone():
    values = by_seed_and_patient(where(table(0.0), strategy="random", round=0), "dice")
    assert values.shape == (len(SEEDS), len(PATIENTS))
    both, one_seed = mean_of(values), mean_of(values.iloc[:1])
    assert both.low < both.value < both.high
    assert both.value == pytest.approx(values.to_numpy().mean())
    assert one_seed.high > one_seed.low


def test_a_single_patient_has_no_interval():
    found = mean_of(pd.DataFrame([[0.5], [0.7]]))
    assert found.value == pytest.approx(0.6) and math.isnan(found.low) and str(found) == "0.600"


def test_the_page_shows_curves_tables_and_a_sentence_for_each_claim(tmp_path):
    table(0.03).to_csv(tmp_path / "active-learning.csv", index=False)
    table(0.03, "filter", rounds=1).to_csv(tmp_path / "semi-supervised.csv", index=False)
    page, sentences = write_page(tmp_path)
    text = page.read_text(encoding="utf-8")
    assert len(sentences) == 5
    assert sentences[0].startswith("Ranking by predicted Dice saves a third of the annotation: holds. ")
    assert "Surface Dice against annotation" in text and "MC dropout" in text
    assert "http" not in text.split("<script>")[0]  # nothing is fetched
