"""The tables of a batch: the long one, the published wide one, the rankings and the failures."""

import csv
from collections.abc import Callable
from pathlib import Path

import pandas
import pytest
from flat_rows import FlatRow, report_from_rows, slices
from pyarrow.parquet import ParquetFile

from segae.batch.merge import merge
from segae.batch.runner import run_batch
from segae.batch.store import ResultStore
from segae.errors import InputError, OutputError
from segae.io.layouts import find_cases
from segae.labels.table import load_structures
from segae.results import parquet_format
from segae.results.columns import SLICES, names
from segae.results.files import read_reports, write_report
from segae.results.record import row_values
from segae.scoring.scorer import Scorer

MakeCase = Callable[..., Path]


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory, make_case: MakeCase, scorer: Scorer) -> Path:
    """A finished batch: two scored cases, one without masks."""
    folder = tmp_path_factory.mktemp("merge")
    make_case(folder / "data/a", "vertebrae_T11", "lung_upper_lobe_left")
    make_case(folder / "data/b", "vertebrae_T11")
    (make_case(folder / "data/c") / "segmentations/vertebrae_T11.nii.gz").unlink()
    run_batch(find_cases(folder / "data"), folder / "out", scorer)
    return folder / "out"


def table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_the_long_table_has_every_slice_of_the_reports_in_their_order(done: Path):
    frame = pandas.read_parquet(merge(done).long)
    rows = [row for report in ResultStore(done).reports() for row in row_values(report)]
    assert list(frame.columns) == names(SLICES)
    assert frame.astype(object).where(frame.notna(), None).to_numpy().tolist() == rows


def test_the_long_table_is_no_report_and_says_where_the_reports_are(done: Path):
    with pytest.raises(InputError, match=r"scores\.parquet .*are in its folder cases"):
        read_reports(merge(done).long)


def test_a_batch_of_an_older_version_gives_the_same_tables(done: Path, tmp_path: Path):
    """Case files were CSV; some of a folder may still be."""
    for report in ResultStore(done).reports():
        write_report(report, tmp_path / f"cases/{report.case}.{'csv' if report.case == 'a' else 'parquet'}")
    new, old = merge(done), merge(tmp_path)
    for ours, theirs in zip((new.wide, *new.rankings), (old.wide, *old.rankings), strict=True):
        assert theirs.read_bytes() == ours.read_bytes()
    pandas.testing.assert_frame_equal(pandas.read_parquet(old.long), pandas.read_parquet(new.long))


def test_the_long_table_has_row_groups_of_many_cases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(parquet_format, "ROW_GROUP", 8)
    for case in "abcdef":
        rows = [FlatRow("liver", 13, "liver", k, 0, 0, 3 * k, 100, 0.5) for k in range(5)]
        write_report(report_from_rows(rows, case=case), tmp_path / f"cases/{case}.parquet")
    file = ParquetFile(merge(tmp_path).long)
    groups = [file.metadata.row_group(n).num_rows for n in range(file.num_row_groups)]
    assert groups == [8, 8, 8, 6]
    assert "".join(file.read().column("case").to_pylist()) == "".join(5 * case for case in "abcdef")


def test_the_wide_table_is_the_published_form(done: Path):
    files = merge(done)
    frame = pandas.read_csv(files.wide, index_col="CT_Sample")
    assert list(frame.index) == ["a", "b"]
    assert list(frame.columns) == [structure.name for structure in load_structures() if structure.index > 0]
    assert len(frame.columns) == 144
    for report in ResultStore(done).reports():
        means = {one.structure: one.raw_dice for one in report.scored}
        assert frame.loc[report.case].dropna().to_dict() == pytest.approx(means, abs=1e-9)
    row = table(files.wide)[1]
    assert [name for name, cell in row.items() if cell != ""] == ["CT_Sample", "vertebrae T11"]


def test_the_rankings_by_dice_are_lowest_first(done: Path):
    files = merge(done, order="dice")
    assert [path.name for path in files.rankings] == [
        "ranking_slice.csv", "ranking_structure.csv", "ranking_case.csv",
    ]  # fmt: skip
    n_rows = []
    for path in files.rankings:
        rows = table(path)
        n_rows.append(len(rows))
        dice = [float(row["predicted_dice"]) for row in rows]
        assert dice == sorted(dice)
        assert [row["rank"] for row in rows] == [str(n) for n in range(1, len(rows) + 1)]
    assert n_rows == [sum(len(slices(report)) for report in ResultStore(done).reports()), 3, 2]


def test_the_rankings_in_review_order_have_the_largest_wrong_volume_first(done: Path):
    _, structures, cases = merge(done).rankings
    for path in (structures, cases):
        wrong = [float(row["wrong_ml"]) for row in table(path)]
        assert wrong == sorted(wrong, reverse=True) and wrong[0] > 0


def test_the_limit_shortens_the_rankings_only(done: Path):
    files = merge(done, limit=1)
    assert [len(table(path)) for path in files.rankings] == [1, 1, 1]
    assert len(table(files.wide)) == 2


def test_the_threshold_decides_verdicts_and_counts_slices_below_it(tmp_path: Path):
    rows = [
        FlatRow("liver", 13, "liver", k, 0, 0, 3 * k, 100, dice) for k, dice in enumerate((0.5, 0.6, 0.9))
    ]
    write_report(report_from_rows(rows, case="a"), tmp_path / "cases/a.csv")
    found = []
    for threshold in (0.55, 0.7):
        _, (structure,), (case,) = map(table, merge(tmp_path, threshold=threshold).rankings)
        found.append((structure["verdict"], structure["below_threshold"], case["below_threshold"]))
    assert found == [("fine", str(1 / 3), str(1 / 3)), ("poor", str(2 / 3), str(2 / 3))]


def test_the_failures_are_listed_with_reason_and_files(done: Path):
    (row,) = table(merge(done).failures)
    assert row["case"] == "c"
    assert "no mask files" in row["reason"]
    assert row["ct"].endswith("c/ct.nii.gz")
    assert row["masks"].endswith("c/segmentations")


def test_merging_twice_gives_the_same_tables_and_clears_what_a_killed_merge_left(done: Path):
    files = merge(done)
    paths = (files.long, files.wide, *files.rankings, files.failures)
    before = [path.read_bytes() for path in paths]
    left = done / f".scores.parquet.{'0' * 32}.part"
    left.write_bytes(b"half")
    (done / ".merge-0").mkdir()
    merge(done)
    assert [path.read_bytes() for path in paths] == before
    assert not list(done.glob(".*"))


def test_a_damaged_report_is_named_and_no_table_is_left_half_written(
    tmp_path: Path, done: Path, scorer: Scorer
):
    (tmp_path / "cases").mkdir()
    for path in (done / "cases").iterdir():
        (tmp_path / "cases" / path.name).write_bytes(path.read_bytes()[:-40])
    with pytest.raises(
        InputError, match=r"cases/a\.parquet is not a complete SegAE report.*score the case again"
    ):
        merge(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["cases"]


def test_tables_that_cannot_be_written_are_an_output_error(tmp_path: Path, done: Path):
    (tmp_path / "cases").symlink_to(done / "cases")
    (tmp_path / "scores_wide.csv").mkdir()
    with pytest.raises(OutputError, match=r"scores_wide\.csv"):
        merge(tmp_path)
    assert not list(tmp_path.glob(".*.part"))


def test_a_folder_without_results_is_refused_and_nothing_is_written(tmp_path: Path):
    with pytest.raises(InputError, match="holds no results of a batch"):
        merge(tmp_path)
    assert list(tmp_path.iterdir()) == []
