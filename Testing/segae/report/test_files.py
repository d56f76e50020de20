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
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from segae.errors import InputError, OutputError
from segae.results.files import read_report, read_reports, write_report, write_table
from segae.results.record import ROW_TYPES
from segae.results.types import SearchedSlice

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
    table = pd.read_csv(path, comment="#", keep_default_na=False, dtype={"segment": str, "score": float})
    assert list(table.score) == pytest.approx([row.score for row in report.slices], rel=1e-12, abs=1e-300)
    assert list(table.segment) == [row.segment for row in report.slices]


def test_names_with_a_comment_sign_do_not_cut_a_row_short(report, tmp_path, row):
    odd = replace(report, slices=(row('#1, "a"\nb', 3, 0.5),))
    table = pd.read_csv(write_report(odd, tmp_path / "r.csv"), comment="#")
    assert list(table.segment) == ['#1, "a"\nb']
    assert list(table.slice) == [3]


def test_the_csv_module_alone_reads_the_table(report, tmp_path):
    with write_report(report, tmp_path / "r.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(line for line in file if not line.startswith("#")))
    assert [float(row["score"]) for row in rows] == [row.score for row in report.slices]
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
    assert list(table.columns) == ["case", "model", "model_sha256", *ROW_TYPES]
    assert table.groupby("case").size().to_dict() == {"s0001": 5, "s0002": 5}
    assert table.score.iloc[3] == -0.1


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
    with pytest.raises(InputError, match="without the description"):
        read_report(path)


def test_a_report_of_a_later_version_is_refused(report, tmp_path):
    path = write_report(report, tmp_path / "r.json")
    path.write_text(path.read_text().replace('"format": 1', '"format": 99'))
    with pytest.raises(InputError, match="update SegAE"):
        read_report(path)


NEWER_COLUMNS = ["overlap_mm2", "organ_mm2"]
NEWER_OF_SEGMENTS = ("volume_dice", "interval_low", "interval_high")


def _older_header(header: dict) -> dict:
    """As the first release wrote it: nothing about areas, organs or searched slices."""
    segments = [{k: v for k, v in one.items() if k not in NEWER_OF_SEGMENTS} for one in header["segments"]]
    return {k: v for k, v in header.items() if k not in ("searched", "slice_mm")} | {"segments": segments}


def test_an_older_csv_without_the_newer_columns_is_read(report, tmp_path):
    path = write_report(report, tmp_path / "r.csv")
    head, *table = path.read_text().splitlines()
    mark, content = head[: head.index("{")], head[head.index("{") :]
    rows = [line.rsplit(",", len(NEWER_COLUMNS))[0] for line in table]
    assert table[0].endswith(',"overlap_mm2","organ_mm2"')
    path.write_text("\n".join([mark + json.dumps(_older_header(json.loads(content))), *rows]) + "\n")
    assert read_report(path) == report


def test_an_older_json_without_the_newer_columns_is_read(report, tmp_path):
    path = write_report(report, tmp_path / "r.json")
    content = _older_header(json.loads(path.read_text()))
    for row in content["slices"]:
        del row["overlap_mm2"], row["organ_mm2"]
    path.write_text(json.dumps(content))
    assert read_report(path) == report


def test_an_older_parquet_table_without_the_newer_columns_is_read(report, tmp_path):
    file = pq.ParquetFile(write_report(report, tmp_path / "new.parquet"))
    table = file.read().drop_columns(NEWER_COLUMNS)
    headers = [_older_header(one) for one in json.loads(file.metadata.metadata[b"segae-reports"])]
    path = tmp_path / "old.parquet"
    pq.write_table(table.replace_schema_metadata({"segae-reports": json.dumps(headers)}), path)
    assert read_report(path) == report


@pytest.mark.parametrize("column", sorted(ROW_TYPES.keys() - set(NEWER_COLUMNS)))
def test_a_csv_without_a_column_that_always_was_there_is_refused(report, tmp_path, column):
    path = write_report(report, tmp_path / "r.csv")
    path.write_text(path.read_text().replace(f'"{column}"', '"other"'))
    with pytest.raises(InputError, match="is not a complete SegAE report"):
        read_report(path)


def test_searched_slices_leave_the_table_as_it_is_and_stand_once_in_the_header(report, tmp_path):
    search = [SearchedSlice("spleen, old", 26, "spleen", k, 1.0, 2.0, k, 6.0, 50.0, 0.9) for k in (20, 22)]
    path = write_report(replace(report, searched=tuple(search), slice_mm=3.0), tmp_path / "r.csv")
    assert len(pd.read_csv(path, comment="#")) == len(report.slices)
    header = path.read_text().splitlines()[0].removeprefix("# segae-report ")
    (one,) = json.loads(header)["searched"]
    assert (one["segment"], one["columns"][0]) == ("spleen, old", "slice")
    assert [values[0] for values in one["slices"]] == [20, 22]


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
        write_report(replace(report, case="new", slices=report.slices * 5000), path)
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
