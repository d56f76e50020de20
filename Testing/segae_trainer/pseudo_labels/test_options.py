"""Options are checked with a sentence and survive the way through a plan."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from segae.errors import InputError
from segae_trainer.pseudo_labels import FineTuning


def test_the_published_epochs_are_kept_by_default() -> None:
    assert FineTuning().kept_epochs == (10, 20, 30, 40, 50, 100, 200, 300, 400, 500)
    assert FineTuning().epochs == 500


def test_options_are_the_same_after_a_plan(tmp_path: Path) -> None:
    weights = tmp_path / "base.model"
    weights.touch()
    for options in (FineTuning(), FineTuning("H", weights, (3, 1), patch=(32, 64, 64), workers=0)):
        assert FineTuning.from_json(json.loads(json.dumps(options.as_json()))) == options


@pytest.mark.parametrize(
    "wrong",
    [
        {"size": "XL"},
        {"weights": Path("nowhere.model")},
        {"kept_epochs": ()},
        {"kept_epochs": (0, 10)},
        {"patch": (0, 32, 32)},
        {"spacing": (1.5, 0.0, 1.5)},
        {"learning_rate": -1.0},
    ],
)
def test_impossible_options_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        FineTuning(**wrong)
