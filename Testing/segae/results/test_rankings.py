"""Rankings that are sorted on disk say the same as the ranking of reports in memory."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from flat_rows import FlatRow, report_from_rows

from segae.errors import OutputError
from segae.results import rankings
from segae.results.columns import names, table_rows
from segae.results.files import write_report
from segae.results.rankings import RowsAside, slice_batches, write_ranking
from segae.results.review_order import Order
from segae.results.tables import LEVEL_COLUMNS, Level, rank
from segae.results.types import CaseReport

LEVELS: tuple[Level, ...] = ("slice", "structure", "case")


def scored(case: str, *dice: float, organ: float | None = None) -> CaseReport:
    """A case with two masks of these slices; the second has no area that matters."""
    rows = [
        FlatRow(name, 13, "liver", k, 0.1, 1 / 3, 3.0 * k, area, one, organ_mm2=organ)
        for name, area in (("liver", 100.0), ('odd, "name"\nof two lines', 20.0))
        for k, one in enumerate(dice)
    ]
    return report_from_rows(rows, case=case)


@pytest.fixture
def reports() -> list[CaseReport]:
    return [
        scored("b", 0.5, 0.9, 0.5),
        scored("a", 0.5, 1e-9),
        scored("empty"),
        scored("c", 0.7, organ=250.0),
    ]


def ranked_on_disk(
    reports: Sequence[CaseReport], level: Level, order: Order, folder: Path, limit: int | None = None
) -> list[dict[str, str]]:
    if level == "slice":
        batches = slice_batches(write_report(reports, folder / "long.parquet"), order)
    else:
        aside = RowsAside(level, order, folder)
        for report in reports:
            aside.add(report)
        batches = aside.batches()
    with write_ranking(batches, folder / "ranking.csv", limit, folder).open(newline="") as stream:
        return list(csv.DictReader(stream))


def in_memory(
    reports: Iterable[CaseReport], level: Level, order: Order, limit: int | None = None
) -> list[dict[str, Any]]:
    columns = LEVEL_COLUMNS[level]
    rows = table_rows(columns, rank(reports, level, order, limit))
    return [dict(zip(("rank", *names(columns)), (n, *row), strict=True)) for n, row in enumerate(rows, 1)]


def assert_same(found: list[dict[str, str]], wanted: list[dict[str, Any]]) -> None:
    assert len(found) == len(wanted) > 0
    for row, values in zip(found, wanted, strict=True):
        assert list(row) == list(values)
        for name, value in values.items():
            text = row[name]
            assert (float(text) if isinstance(value, float) else text) == (
                value if isinstance(value, float) else "" if value is None else str(value)
            ), name


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("order", ["review", "dice"])
@pytest.mark.parametrize("limit", [None, 3])
def test_on_disk_and_in_memory_the_order_and_all_cells_are_the_same(
    reports: list[CaseReport], level: Level, order: Order, limit: int | None, tmp_path: Path
):
    on_disk = ranked_on_disk(reports, level, order, tmp_path, limit)
    assert_same(on_disk, in_memory(reports, level, order, limit))


def test_equals_keep_the_order_of_the_reports_over_many_batches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(rankings, "BATCH", 3)
    many = [scored(f"case {n:03}", 0.5, 0.6) for n in range(40)]
    for level in LEVELS:
        assert_same(ranked_on_disk(many, level, "dice", tmp_path), in_memory(many, level, "dice"))


def test_a_long_table_is_never_held_as_a_whole(tmp_path: Path):
    path, draw = tmp_path / "long.parquet", np.random.default_rng(0)
    columns = ("predicted_dice", "raw_score", "area_mm2", "organ_mm2")
    pq.write_table(pa.table({one: draw.random(1_000_000) for one in columns}), path, row_group_size=50_000)
    before = pa.total_allocated_bytes()
    held = [pa.total_allocated_bytes() - before for _ in slice_batches(path, "review")]
    assert len(held) > 10
    assert max(held) < path.stat().st_size / 4


def test_rows_put_aside_do_not_wait_until_all_were_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(rankings, "WAITING", 8)
    aside = RowsAside("structure", "review", tmp_path)
    for n in range(20):
        aside.add(scored(f"case {n}", 0.5))
    assert (tmp_path / "structure.parquet").stat().st_size > 10_000
    assert sum(batch.num_rows for batch in aside.batches()) == 40


def test_without_reports_a_ranking_has_its_header_only(tmp_path: Path):
    assert ranked_on_disk([], "structure", "review", tmp_path) == []
    assert (tmp_path / "ranking.csv").read_text().startswith('"rank","case"')


def test_no_room_for_sorting_is_told_and_leaves_no_file(
    reports: list[CaseReport], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(rankings, "MEMORY", "1KB")
    with pytest.raises(OutputError, match=r"Cannot sort .*ranking\.csv.*free some space or give a limit"):
        ranked_on_disk(reports, "structure", "review", tmp_path)
    assert not (tmp_path / "ranking.csv").exists()
    assert not list(tmp_path.glob(".*"))
