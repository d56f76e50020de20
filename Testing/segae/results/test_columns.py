"""One table of columns, and the page that is made from it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from segae.results import columns
from segae.results.types import Row, SegmentResult, SliceResult

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("table", columns.TABLES.values(), ids=columns.TABLES)
def test_every_column_has_a_name_of_its_own_and_a_meaning(table):
    names = columns.names(table)
    assert len(set(names)) == len(names)
    assert names[:3] == ["case", "model", "model_sha256"]
    assert all(one.meaning and one.since in ("0.1", "0.2") and one.kind in (str, int, float) for one in table)


def test_a_value_is_found_along_its_path_and_has_the_type_of_its_column(report):
    segment = report.segments[1]
    row = Row(report, segment, segment.slices[1])
    for table in (columns.SLICES, columns.SEGMENTS, columns.CASES):
        values = {one.name: one.of(row) for one in table}
        assert all(
            value is None or type(value) is one.kind
            for one, value in zip(table, values.values(), strict=True)
        )
    assert columns.column(columns.SLICES, "predicted_dice").shown(row) == "0.50"
    assert columns.column(columns.SLICES, "interval_low").shown(row) == ""


def test_what_is_stored_of_a_slice_is_all_but_what_follows_from_it():
    stored = {*columns.stored(columns.SLICES, SliceResult, "slice")}
    searched = {*columns.stored(columns.SEARCHED, SliceResult, "slice")}
    assert stored | searched == set(SliceResult.__dataclass_fields__)
    assert "wrong_mm2" not in stored


def test_segments_are_shown_with_all_that_is_said_of_them():
    said = columns.stored(columns.SEGMENTS, SegmentResult, "segment")
    assert {"verdict", "reasons", "missing_slices", "wrong_ml", "predicted_dice", "raw_dice"} <= said.keys()


def test_the_reference_page_is_up_to_date():
    script = ROOT / "Resources" / "write_result_files_page.py"
    ended = subprocess.run(
        [sys.executable, str(script), "--check"], capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stdout) == (0, ""), ended.stdout + ended.stderr
