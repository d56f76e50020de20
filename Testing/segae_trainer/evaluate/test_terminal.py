"""What an evaluation prints: as wide as the usual terminal, and clear about what it speaks of."""

from __future__ import annotations

from io import StringIO

import numpy as np
import pandas as pd
from rich.console import Console

from segae_trainer.evaluate.evaluation import Evaluation, evaluate
from segae_trainer.evaluate.run import notes, summary

METHOD = "mask features + intensity"


def evaluated(suite: str, unscored: int = 0, method: str = METHOD) -> Evaluation:
    """Twelve slices of two patients, of which the first ones have no prediction."""
    dice = np.linspace(0.2, 0.95, 12)
    table = pd.DataFrame(
        {
            "case": np.repeat(["a", "b"], 6), "patient": np.repeat(["a", "b"], 6), "segment": "liver",
            "structure_index": 5, "structure": "liver", "slice": np.tile(np.arange(6), 2), "source": "net",
            "kind": "pseudo label", "area_mm2": 100.0, "truth_mm2": 120.0, "dice": dice,
            "predicted": np.where(np.arange(12) < unscored, np.nan, dice - 0.1),
        }
    )  # fmt: skip
    return evaluate(table, method=method, suite=suite, resamples=0)


def test_the_table_fits_into_80_columns_with_every_method_on_one_line() -> None:
    console = Console(file=StringIO(), width=80)
    console.print(summary([evaluated("pseudo labels"), evaluated("pseudo labels", method="net [2]")]))
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert max(map(len, lines)) <= 80
    assert [line.strip() for line in lines if "labels" in line] == [
        "pseudo labels, by slice", "pseudo labels, by organ",
    ]  # fmt: skip
    for method in (METHOD, "net [2]"):
        found = [line.split(method)[1].split() for line in lines if method in line]
        assert len(found) == 2 and found[0][:4] == ["12", "1.000", "0.100", "-0.100"]


def test_a_note_about_one_suite_says_which() -> None:
    told = notes([evaluated("erosion", unscored=3), evaluated("dilation")])
    assert len(told) == 1
    assert told[0].startswith("erosion: 3 of 12 masks have no prediction")
    assert notes([evaluated("erosion", unscored=3)])[0].startswith("3 of 12 masks")
