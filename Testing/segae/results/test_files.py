"""Reports survive their files, and files are whole or absent."""

from __future__ import annotations

import csv
import errno
import gc
import io
import json
import os
import weakref
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
from flat_rows import FlatRow, slices
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from segae.errors import InputError, OutputError
from segae.results.columns import SLICES, names
from segae.results.files import read_report, read_reports, write_report, write_table

ENDINGS = [".csv", ".json", ".parquet"]
several = settings(
    max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)  # fmt: skip


@pytest.mark.parametrize("ending", ENDINGS)
@several
@given(data=st.data())
def test_what_is_read_equals_what_was_written(tmp_path, reports, ending, data):
    report = data.draw(reports)
    path = write_report(report, tmp_path / f"r{ending}")
    assert read_report(path) == report


@pytest.mark.parametrize("ending", ENDINGS)
@several
@given(data=st.data())
def test_several_reports_in_one_file_come_back_apart(tmp_path, reports, ending, data):
    many = data.draw(st.lists(reports, min_size=0 if ending != ".csv" else 1, max_size=3).map(tuple))
    path = write_report(iter(many), tmp_path / f"r{ending}")
    assert read_reports(path) == many


@several
@given(data=st.data())
def test_pandas_reads_the_table_of_a_csv_with_every_name_intact(tmp_path, reports, data):
    report = data.draw(reports)
    path = write_report(report, tmp_path / "r.csv")
    table = pd.read_csv(path, comment="#", keep_default_na=False, dtype={"segment": str})
    dice = [row.predicted_dice for row in slices(report)]
    assert list(table.predicted_dice.astype(float)) == pytest.approx(dice, rel=1e-12, abs=1e-300)
    assert list(table.segment) == [row.segment for row in slices(report)]


def test_names_with_a_comment_sign_do_not_cut_a_row_short(report_with, tmp_path, row):
    odd = report_with(row('#1, "a"\nb', 3, 0.5))
    table = pd.read_csv(write_report(odd, tmp_path / "r.csv"), comment="#")
    assert list(table.segment) == ['#1, "a"\nb']
    assert list(table.slice) == [3]


def test_the_csv_module_alone_reads_the_table(report, tmp_path):
    with write_report(report, tmp_path / "r.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(line for line in file if not line.startswith("#")))
    assert [float(row["raw_score"]) for row in rows] == [row.raw_score for row in slices(report)]
    said_again = {(row["case"], row["model"], row["model_sha256"]) for row in rows}
    assert said_again == {("s0001", "starter", "0a" * 32)}


def test_json_is_strict_and_one_report_is_one_object(report, tmp_path):
    content = json.loads(write_report(report, tmp_path / "r.json").read_text(), parse_constant=pytest.fail)
    assert content["model"]["sha256"] == "0a" * 32
    assert content["slices"][3]["segment"] == "spleen, old"


def test_the_parquet_table_of_many_cases_reads_as_one_table(report, tmp_path):
    other = replace(report, case="s0002")
    path = write_report([report, other], tmp_path / "all.parquet")
    table = pq.read_table(path).to_pandas()
    assert list(table.columns) == names(SLICES)
    assert table.groupby("case").size().to_dict() == {"s0001": 5, "s0002": 5}
    assert (table.raw_score.iloc[3], table.predicted_dice.iloc[3]) == (-0.1, 0.0)


def test_reports_are_written_as_they_come(report, tmp_path):
    """The long table of a data set is larger than memory, so nothing may ask for all reports at once."""
    seen = []

    def arriving():
        for n in range(4):
            gc.collect()
            assert [seen.index(one) for one in seen[:-1] if one() is not None] == []
            one = replace(report, case=str(n))
            seen.append(weakref.ref(one))
            yield one
            del one

    assert len(read_reports(write_report(arriving(), tmp_path / "all.parquet"))) == 4


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_file_cut_short_is_refused_in_one_sentence(report, tmp_path, ending):
    path = write_report(report, tmp_path / f"r{ending}")
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(InputError, match=rf"r\{ending} is not a complete SegAE report .*score the case"):
        read_report(path)


def test_a_csv_that_lost_a_whole_row_is_refused(report, tmp_path):
    path = write_report(report, tmp_path / "r.csv")
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))
    with pytest.raises(InputError, match="5 slices are announced and 4 are there"):
        read_report(path)


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("content", [b"", b"a,b\n1,2\n", b"{}", b"[1]", b"3", b"\xff\xfe\0", b"PAR1PAR1PAR1"])
def test_another_file_is_refused_in_one_sentence(tmp_path, ending, content):
    path = tmp_path / f"r{ending}"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_report(path)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_foreign_parquet_table_is_refused(tmp_path):
    path = tmp_path / "t.parquet"
    pd.DataFrame({"a": [1]}).to_parquet(path)
    with pytest.raises(InputError, match="has no description of a report"):
        read_report(path)


def test_a_report_of_a_later_version_is_refused(report, tmp_path):
    path = write_report(report, tmp_path / "r.json")
    path.write_text(path.read_text().replace('"format": 2', '"format": 99'))
    with pytest.raises(InputError, match="update SegAE"):
        read_report(path)


NEEDED = [one.name for one in SLICES if not one.optional and one.path.startswith("slice.")]


@pytest.mark.parametrize("column", ["segment", *(name for name in NEEDED if name != "wrong_mm2")])
def test_a_csv_without_a_column_that_always_was_there_is_refused(report, tmp_path, column):
    path = write_report(report, tmp_path / "r.csv")
    head, table = path.read_text().split("\n", 1)
    path.write_text(head + "\n" + table.replace(f'"{column}"', '"other"', 1))
    with pytest.raises(InputError, match="is not a complete SegAE report"):
        read_report(path)


def test_rows_that_were_moved_are_refused(report, tmp_path):
    path = write_report(report, tmp_path / "r.csv")
    *head, last, before = path.read_text().splitlines()
    path.write_text("\n".join([*head[:2], before, *head[2:], last]) + "\n")
    with pytest.raises(InputError, match="not in the order of its segments"):
        read_report(path)


def test_two_segments_of_one_name_stay_apart(report, tmp_path):
    one, other = (replace(report.segments[1], n_voxels=n) for n in (1, 2))
    twice = replace(report, segments=(one, replace(other, slices=other.slices[:1])))
    assert read_report(write_report(twice, tmp_path / "r.csv")) == twice


def test_searched_slices_leave_the_table_as_it_is_and_stand_with_their_segment(report_with, tmp_path, row):
    search = (FlatRow("liver", 13, "liver", k, 1.0, 2.0, k, organ_mm2=50.0, presence=0.9) for k in (20, 22))
    report = report_with(row("liver", 3, 0.5), *search)
    path = write_report(report, tmp_path / "r.csv")
    assert len(pd.read_csv(path, comment="#")) == 1
    header = path.read_text().splitlines()[0].removeprefix("# segae-report ")
    liver = json.loads(header)["segments"][1]
    assert (liver["segment"], liver["searched"]["columns"][0]) == ("liver", "slice")
    assert [values[0] for values in liver["searched"]["rows"]] == [20, 22]


def test_a_missing_file_and_an_unknown_ending_are_refused(report, tmp_path):
    with pytest.raises(InputError, match="No such file"):
        read_report(tmp_path / "none.json")
    with pytest.raises(InputError, match="expected is the ending"):
        read_report(tmp_path / "r.xlsx")
    with pytest.raises(OutputError, match="give it the ending"):
        write_report(report, tmp_path / "r.xlsx")


def test_one_report_is_not_picked_out_of_several(report, tmp_path):
    path = write_report([report, report], tmp_path / "r.json")
    with pytest.raises(InputError, match="holds 2 reports"):
        read_report(path)


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_full_disk_leaves_the_old_file_and_no_part(report, tmp_path, ending, monkeypatch):
    path = write_report(report, tmp_path / f"r{ending}")
    monkeypatch.setattr(Path, "open", _on_a_full_disk)
    with pytest.raises(OutputError, match=r"No space left on device.*free some space"):
        write_report(replace(report, case="new", segments=report.segments * 5000), path)
    monkeypatch.undo()
    assert list(tmp_path.iterdir()) == [path]
    assert read_report(path) == report


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_value_that_json_cannot_hold_leaves_no_file(report, tmp_path, ending):
    with pytest.raises(OutputError, match="correct that value"):
        write_report(replace(report, options={"t": float("nan")}), tmp_path / f"r{ending}")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_said(report, tmp_path):
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(OutputError, match=r"Cannot write .*taken"):
        write_report(report, tmp_path / "taken" / "r.json")


def test_a_report_that_fails_while_it_arrives_leaves_no_file(report, tmp_path):
    def arriving():
        yield report
        raise InputError("The next case cannot be read.")

    with pytest.raises(InputError, match="next case"):
        write_report(arriving(), tmp_path / "all.parquet")
    assert list(tmp_path.iterdir()) == []


def test_missing_folders_are_made_and_others_may_read_the_file(report, tmp_path):
    path = write_report(report, tmp_path / "a" / "b" / "r.json")
    plain = tmp_path / "plain"
    plain.write_text("")
    assert path.stat().st_mode == plain.stat().st_mode


def test_a_table_is_plain_csv(tmp_path):
    path = write_table(["a", "b"], [["x,y", 0.1], ["", -2]], tmp_path / "t.csv")
    assert list(csv.reader(io.StringIO(path.read_text()))) == [["a", "b"], ["x,y", "0.1"], ["", "-2"]]


class _FullDisk(io.FileIO):
    """A real file on a disk with room for 20 bytes."""

    def write(self, data) -> int:
        if self.tell() + len(bytes(data)) > 20:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return super().write(data)


def _on_a_full_disk(path: Path, mode: str = "r", *_args, **_kwargs) -> io.BufferedIOBase:
    return io.BufferedWriter(_FullDisk(os.fspath(path), mode.replace("b", "")))
