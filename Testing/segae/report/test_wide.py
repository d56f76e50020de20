"""The published wide table."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from segae.labels.table import load_structures
from segae.results.files import write_table
from segae.results.ranking import wide_table


def test_one_row_per_case_and_one_column_per_class(report, tmp_path):
    other = replace(report, case="s0002", slices=report.slices[:1])
    columns, rows = wide_table([report, other], load_structures())
    table = pd.read_csv(write_table(columns, rows, tmp_path / "wide.csv"), index_col="CT_Sample")
    assert table.shape == (2, 144)
    assert columns[0] == "CT_Sample"
    assert "Background" not in columns
    assert table.liver.to_dict() == {"s0001": pytest.approx((0.9 + 0.5 + 1.04) / 3), "s0002": 0.9}
    assert table.spleen["s0001"] == pytest.approx(0.3)


def test_an_absent_or_empty_organ_is_an_empty_cell(report):
    columns, rows = wide_table([report], load_structures())
    (values,) = rows
    assert values[columns.index("brain")] == ""
    assert sum(value != "" for value in values) == 3


def test_two_masks_of_one_class_count_by_their_slices(report, row):
    twice = replace(report, slices=(row("a", 1, 0.2), row("a", 2, 0.4), row("b", 1, 0.9)))
    columns, rows = wide_table([twice], load_structures())
    assert next(rows)[columns.index("liver")] == pytest.approx(0.5)
