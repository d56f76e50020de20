"""The card from tables made by hand: every number in it must be that of the tables."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from segae.errors import InputError
from segae.models.spec import ModelSpec
from segae_trainer.data.cohort import Member
from segae_trainer.evaluate.card import STARTER_NOTES, Notes, write_card
from segae_trainer.evaluate.goals import NAMES, SingleMask, where
from segae_trainer.train.recipes import RECIPES

METHODS = ("published", "mask features", "agreement")
NOTES = Notes.read(STARTER_NOTES)
MASKS = SingleMask("apart", "liver", True, 0.91), SingleMask("apart", "heart", False, 0.11)

ORGANS = {"liver": 13, "kidney left": 15}


def slices(case: str, patient: str, noise: float, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    truth = rng.uniform(0, 1, 60)
    names = np.tile(list(ORGANS), 30)
    return pd.DataFrame(
        {
            "case": case, "patient": patient, "segment": names, "structure": names,
            "structure_index": [ORGANS[name] for name in names], "slice": np.arange(60), "source": "step 9",
            "kind": np.where(np.arange(60) % 3, "cut", "exact"), "area_mm2": 900.0, "truth_mm2": 900.0,
            "dice": truth, "raw": np.clip(truth + rng.normal(0, noise, 60), 0, 1), "error_dice": 0.5,
            "predicted": 0.5,
        }
    )  # fmt: skip


def suite(noise: float) -> pd.DataFrame:
    parts = [
        slices("scan1", "A", noise, 1),
        slices("scan2", "B", noise, 2),
        slices("scan3", "B", noise, 3),
    ]
    return pd.concat(parts, ignore_index=True)


@pytest.fixture(scope="module")
def tables() -> dict[str, pd.DataFrame]:
    names = suite(0.1).assign(kind=np.where(np.arange(180) % 2, "wrong name", "exact"))
    organs = suite(0.05).rename(columns={"area_mm2": "volume_mm3"})
    return {"synthetic": suite(0.2), "network": suite(0.1), "network organs": organs, NAMES: names}


@pytest.fixture(scope="module")
def full_spec(dense_spec: ModelSpec) -> ModelSpec:
    training = {
        "learning": {"recipe": RECIPES["segae"].as_dict(), "seed": 5},
        "names": "an encoder",
        "cohort": [asdict(Member("ts_scan", "A", "folds", ("heart",), True))],
    }
    return replace(dense_spec, training=training, limits=("It is tiny.",))


@pytest.fixture(scope="module")
def written(full_spec: ModelSpec, tables: dict[str, pd.DataFrame], tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("card") / "model-card.md"
    other = {method: {"network": suite(0.4)} for method in METHODS}
    write_card(path, full_spec, tables, NOTES, baselines=other, masks=MASKS, milliseconds=5.5)
    return path


def row(card: str, start: str) -> list[str]:
    (line,) = (line for line in card.splitlines() if line.startswith(f"| {start}"))
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_the_figures_asked_for_stand_beside_those_measured(written: Path, tables: dict[str, pd.DataFrame]):
    card = written.read_text(encoding="utf-8")
    network = tables["network"]
    lcc = np.corrcoef(network["raw"], network["dice"])[0, 1]
    mae = (network["raw"] - network["dice"]).abs().mean()
    asked, aim, found, reached, calibrated, *cases = row(card, "LCC / MAE on network masks, per slice")[1:]
    assert (asked, aim, found) == (".65 / .11", ".75 / .08", f"{lcc:.3f} / {mae:.3f}")
    assert reached in ("aim", "requested")
    assert calibrated
    one = where(network, network["case"] == "scan2")
    assert cases[1].endswith(f"{(one['raw'] - one['dice']).abs().mean():.3f}")
    assert len(cases) == 3
    assert row(card, "a true mask")[3:5] == ["0.910 / 0.110", "aim"]
    assert row(card, "milliseconds")[3:5] == ["5.500", "aim"]


def test_other_methods_stand_in_the_same_table(written: Path, tables: dict[str, pd.DataFrame]):
    card = written.read_text(encoding="utf-8")
    maes = {}
    for method in ("tiny", *METHODS):
        _, _, n, _, mae, *_ = row(card, f"network | {method} |")
        assert n == "180"
        maes[method] = float(mae.split()[0])
        low, high = (float(value) for value in mae.split("(")[1].rstrip(")").split(" to "))
        assert low <= maes[method] <= high
    assert maes["tiny"] < min(maes[method] for method in METHODS)


def test_each_patient_scan_and_structure_has_its_row(written: Path, tables: dict[str, pd.DataFrame]):
    card = written.read_text(encoding="utf-8")
    assert row(card, "network | B | scan3 |")[3] == "60"
    assert row(card, "network | all | all |")[3] == "180"
    liver = tables["network"][tables["network"]["structure"] == "liver"]
    patients, n, dice, *_ = row(card, "liver |")[1:]
    assert (patients, n, dice) == ("2", "90", f"{liver['dice'].mean():.3f}")
    assert row(card, "cut |")[1] == "120"


def test_the_reliability_plot_lies_beside_the_card(written: Path):
    assert "(model-card.png)" in written.read_text(encoding="utf-8")
    with Image.open(written.with_suffix(".png")) as picture:
        assert min(picture.size) > 400
        assert len(picture.convert("RGB").getcolors(1_000_000)) > 50


def test_a_card_says_what_the_model_is_not_for_and_where_the_data_is_from(written: Path):
    card = written.read_text(encoding="utf-8")
    assert "## What it must not be used for" in card
    assert all(text in card for text in (*NOTES.limits, *NOTES.not_for, *NOTES.tried, "It is tiny."))
    assert row(card, "ts_scan")[3:] == ["heart", "yes", "totalsegmentator 2.18.0", "Apache-2.0"]
    assert "{" not in card


def test_a_card_without_other_methods_or_network_masks_is_still_a_card(
    full_spec: ModelSpec, tables: dict[str, pd.DataFrame], tmp_path: Path
):
    few = {name: tables[name] for name in ("synthetic", NAMES)}
    write_card(tmp_path / "card.md", full_spec, few, Notes())
    card = (tmp_path / "card.md").read_text(encoding="utf-8")
    assert row(card, "LCC / MAE on network masks, per slice")[4] == "not measured"


def test_notes_that_are_none_are_told(tmp_path: Path):
    (tmp_path / "notes.json").write_text("[1]")
    with pytest.raises(InputError, match="holds no notes"):
        Notes.read(tmp_path / "notes.json")
