"""The folder of a batch: what counts as done, and how results and failures take each other's place."""

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from flat_rows import FlatRow, report_from_rows, slices
from hypothesis import given
from hypothesis import strategies as st

from segae.batch.store import Failure, ResultStore
from segae.errors import InputError
from segae.io.layouts import CaseFiles
from segae.results.files import read_report, write_report
from segae.results.types import CaseReport, ModelIdentity
from segae.scoring.options import ScoringOptions

MODEL = "0" * 64
ALL = ScoringOptions()


@pytest.fixture
def files(tmp_path: Path) -> CaseFiles:
    for name in ("ct.nii", "liver.nii"):
        (tmp_path / name).touch()
    return CaseFiles("a", tmp_path / "ct.nii", tmp_path / "liver.nii", "liver")


@pytest.fixture
def store(tmp_path: Path) -> ResultStore:
    return ResultStore(tmp_path / "out")


def report(files: CaseFiles) -> CaseReport:
    row = FlatRow("liver", 31, "liver", 4, 1.0, 2.0, 3.0, 100.0, 0.5)
    model = ModelIdentity("m", MODEL, "segae-published")
    return report_from_rows(
        [row], case=files.case, ct=str(files.ct), segmentation=str(files.masks), model=model
    )


def test_a_saved_case_is_done(store: ResultStore, files: CaseFiles):
    assert not store.is_done(files, MODEL, ALL)
    store.save(report(files), files, ALL)
    assert store.is_done(files, MODEL, ALL)
    assert slices(read_report(store.report_path("a"))) == slices(report(files))


def test_another_model_option_organ_or_file_is_not_done(store: ResultStore, files: CaseFiles, tmp_path: Path):
    store.save(report(files), files, ALL)
    assert not store.is_done(files, "1" * 64, ALL)
    assert not store.is_done(files, MODEL, ScoringOptions(slices=10))
    assert not store.is_done(files, MODEL, ScoringOptions(resample=True))
    assert not store.is_done(CaseFiles("a", files.ct, files.masks, "spleen"), MODEL, ALL)
    assert not store.is_done(CaseFiles("a", files.ct, tmp_path / "ct.nii", "liver"), MODEL, ALL)
    assert not store.is_done(CaseFiles("a", files.masks, files.masks, "liver"), MODEL, ALL)


@pytest.mark.parametrize("seconds", [-5000, 5000])
@pytest.mark.parametrize("changed", ["ct.nii", "liver.nii"])
def test_a_case_whose_files_have_another_time_is_not_done(
    store: ResultStore, files: CaseFiles, changed: str, seconds: int
):
    store.save(report(files), files, ALL)
    other = store.report_path("a").stat().st_mtime + seconds  # an older file in its place counts as well
    os.utime(files.ct.parent / changed, (other, other))
    assert not store.is_done(files, MODEL, ALL)


def test_a_file_of_names_that_appears_or_changes_makes_a_case_undone(
    store: ResultStore, files: CaseFiles, tmp_path: Path
):
    store.save(report(files), files, ALL)
    (tmp_path / "liver.json").touch()
    assert not store.is_done(files, MODEL, ALL)
    named = ScoringOptions(names=tmp_path / "names.json")
    (tmp_path / "names.json").touch()
    store.save(report(files), files, named)
    assert store.is_done(files, MODEL, named)
    (tmp_path / "names.json").write_text("{}")
    assert not store.is_done(files, MODEL, named)


def test_what_was_scored_counts_and_not_what_lay_there_when_it_was_saved(
    store: ResultStore, files: CaseFiles
):
    before = files.inputs()
    files.masks.write_bytes(b"drawn anew while the case was scored")
    store.save(report(files), files, ALL, before)
    assert not store.is_done(files, MODEL, ALL)


def test_a_copy_of_a_report_does_not_count_twice(store: ResultStore, files: CaseFiles):
    store.save(report(files), files, ALL)
    original = store.report_path("a")
    for name in ("a (1)", "a - Copy", "0 conflicted copy of a"):
        shutil.copy(original, original.with_name(name + original.suffix))
    assert [one.case for one in store.reports()] == ["a"]
    assert len(store.copies()) == 3
    assert original not in store.copies()


@pytest.mark.parametrize("name", ["x" * 300, "ü" * 200, "肝" * 100, "x" * 400 + "?"])
def test_a_long_name_of_a_case_is_kept_in_a_short_file(store: ResultStore, files: CaseFiles, name: str):
    long, other = replace(files, case=name), replace(files, case=f"{name}2")
    for one in (long, other):
        store.save(report(one), one, ALL)
        assert store.is_done(one, MODEL, ALL)
    assert sorted(one.case for one in store.reports()) == sorted([name, f"{name}2"])


@pytest.mark.parametrize(
    "content", [b"", b"case,score\na,1\n", b"# segae-report {}\n", b"# segae-report [1]\n", b"\xff\xfe\x00"]
)
def test_a_file_that_is_no_report_is_not_done(store: ResultStore, files: CaseFiles, content: bytes):
    store.report_path("a").parent.mkdir(parents=True)
    store.report_path("a").write_bytes(content)
    assert not store.is_done(files, MODEL, ALL)


def test_a_report_in_the_format_of_another_version_is_not_done(store: ResultStore, files: CaseFiles):
    store.save(report(files), files, ALL)
    content = store.report_path("a").read_bytes()
    store.report_path("a").write_bytes(content.replace(b'{"format": 2', b'{"format": 1'))
    assert not store.is_done(files, MODEL, ALL)


def test_a_case_of_a_run_that_wrote_csv_is_done_and_gives_way_to_a_new_report(
    store: ResultStore, files: CaseFiles
):
    store.save(report(files), files, ALL)
    new = store.report_path("a")
    old = write_report(read_report(new), new.with_suffix(".csv"))
    new.unlink()
    assert store.is_done(files, MODEL, ALL)
    assert [one.case for one in store.reports()] == ["a"]
    store.save(report(files), files, ALL)
    assert [path.name for path in old.parent.iterdir()] == ["a.parquet"]
    store.save_failure(Failure("a", "It is broken.", "ct", "masks"))
    assert list(old.parent.iterdir()) == []


def test_the_patient_that_the_data_set_names_is_kept_with_the_report(store: ResultStore, files: CaseFiles):
    store.save(report(files), replace(files, patient="p1"), ALL)
    assert read_report(store.report_path("a")).patient == "p1"
    assert store.is_done(files, MODEL, ALL)


def test_without_pyarrow_as_in_slicer_reports_are_csv(
    store: ResultStore, files: CaseFiles, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("segae.batch.store.find_spec", lambda name: None)
    store.save(report(files), files, ALL)
    assert store.report_path("a").name == "a.csv"
    assert store.is_done(files, MODEL, ALL)


def test_a_report_whose_values_were_damaged_is_refused(store: ResultStore, files: CaseFiles):
    store.save(report(files), files, ALL)
    path = store.report_path("a")
    content = path.read_bytes()
    path.write_bytes(content.replace(b"liver", b"lover", 1))
    with pytest.raises(InputError, match=r"a\.parquet is not a complete SegAE report.*score the case again"):
        read_report(path)


def test_a_result_takes_the_place_of_a_failure_and_a_failure_that_of_a_result(
    store: ResultStore, files: CaseFiles
):
    failure = Failure("a", "It is broken.", "ct", "masks")
    store.save_failure(failure)
    assert store.failures() == (failure,)
    store.save(report(files), files, ALL)
    assert store.failures() == ()
    store.save_failure(failure)
    assert not store.report_path("a").exists()
    with pytest.raises(InputError, match=r"No case in .* was scored; the reasons are in its folder failed"):
        store.reports()


def test_hidden_files_beside_the_results_are_not_read(store: ResultStore, files: CaseFiles):
    store.save(report(files), files, ALL)
    store.report_path("x").with_name("._a.csv").write_bytes(b"\0\5\26\7")
    assert [one.case for one in store.reports()] == ["a"]


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"case": 1, "more": 2}'])
def test_a_damaged_failure_is_named(store: ResultStore, content: str):
    store.failure_path("a").parent.mkdir(parents=True)
    store.failure_path("a").write_text(content)
    with pytest.raises(InputError, match=r"a\.json.*is damaged; remove it"):
        store.failures()


def test_a_folder_without_results_is_refused(store: ResultStore):
    with pytest.raises(InputError, match="holds no results of a batch"):
        store.reports()


names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)


@given(names, names)
def test_every_case_has_a_file_of_its_own_inside_the_folder(one: str, other: str):
    store = ResultStore(Path("out"))
    path = store.report_path(one)
    assert path.parent == Path("out/cases")
    assert not path.name.startswith(".")
    assert (path == store.report_path(other)) == (one == other)


def test_a_failure_is_kept_with_all_it_says(store: ResultStore):
    store.save_failure(Failure("ä/b", "Grund", "ct", "masks"))
    assert json.loads((store.folder / "failed/ä%2Fb.json").read_bytes())["reason"] == "Grund"
