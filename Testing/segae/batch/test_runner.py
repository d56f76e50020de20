"""A batch in one process: what is scored, what is left alone, what fails, and how it is stopped."""

import gzip
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import SimpleITK
from flat_rows import slices
from hypothesis import given
from hypothesis import strategies as st

from segae.batch.runner import BatchObserver, BatchResult, Part, run_batch
from segae.batch.store import ResultStore
from segae.errors import Cancelled, InputError, OutputError
from segae.io.layouts import CaseFiles, find_cases
from segae.progress import CancelToken, Watch
from segae.results.types import CaseReport
from segae.scoring.options import ScoringOptions
from segae.scoring.scorer import Scorer

MakeCase = Callable[..., Path]
TWO = ("lung_upper_lobe_left", "vertebrae_T11")


@pytest.fixture
def data(tmp_path: Path, make_case: MakeCase) -> Path:
    for case in ("a", "b", "c"):
        make_case(tmp_path / "data" / case)
    return tmp_path / "data"


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


def reports(out: Path) -> dict[str, CaseReport]:
    return {report.case: report for report in ResultStore(out).reports()}


def contents(out: Path) -> dict[str, bytes]:
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in out.rglob("*") if path.is_file()}


def make_newer(path: Path, than: Path) -> None:
    later = than.stat().st_mtime + 5
    os.utime(path, (later, later))


def test_every_case_gets_one_result_file_with_the_scores_of_the_case_alone(
    tmp_path: Path, out: Path, make_case: MakeCase, scorer: Scorer
):
    make_case(tmp_path / "data/a", *TWO)
    make_case(tmp_path / "data/b", "vertebrae_T11")
    result = run_batch(find_cases(tmp_path / "data"), out, scorer)
    assert result == BatchResult(("a", "b"))
    assert sorted(contents(out)) == ["cases/a.parquet", "cases/b.parquet"]
    scored = reports(out)
    assert {row.segment for row in slices(scored["a"])} == set(TWO)
    assert {row.segment for row in slices(scored["b"])} == {"vertebrae_T11"}
    alone = {row.slice: row.raw_score for row in slices(scored["b"])}
    beside = {row.slice: row.raw_score for row in slices(scored["a"]) if row.segment == "vertebrae_T11"}
    assert beside == pytest.approx(alone, abs=1e-4)


def test_running_again_does_nothing(data: Path, out: Path, scorer: Scorer):
    run_batch(find_cases(data), out, scorer)
    before = contents(out)
    assert run_batch(find_cases(data), out, scorer) == BatchResult(skipped=("a", "b", "c"))
    assert contents(out) == before


def test_only_what_is_missing_is_scored(data: Path, out: Path, scorer: Scorer):
    run_batch(find_cases(data), out, scorer)
    ResultStore(out).report_path("b").unlink()
    assert run_batch(find_cases(data), out, scorer) == BatchResult(("b",), ("a", "c"))


def test_another_model_scores_everything_again(data: Path, out: Path, scorer: Scorer, other_scorer: Scorer):
    run_batch(find_cases(data), out, scorer)
    assert run_batch(find_cases(data), out, other_scorer) == BatchResult(("a", "b", "c"))
    assert {report.model.sha256 for report in reports(out).values()} == {other_scorer.model.sha256}


def test_other_options_score_everything_again(data: Path, out: Path, scorer: Scorer):
    run_batch(find_cases(data), out, scorer)
    options = ScoringOptions(slices=2)
    assert run_batch(find_cases(data), out, scorer, options) == BatchResult(("a", "b", "c"))
    assert {len(slices(report)) for report in reports(out).values()} == {2}
    assert run_batch(find_cases(data), out, scorer, options).scored == ()


def test_a_case_with_a_changed_added_or_removed_mask_is_scored_again(
    data: Path, out: Path, scorer: Scorer, sample_dir: Path
):
    run_batch(find_cases(data), out, scorer)
    written = ResultStore(out).report_path("b")
    make_newer(data / "b/segmentations/vertebrae_T11.nii.gz", written)
    assert run_batch(find_cases(data), out, scorer) == BatchResult(("b",), ("a", "c"))

    make_newer(written, data / "b/segmentations/vertebrae_T11.nii.gz")
    added = data / "b/segmentations/lung_upper_lobe_left.nii.gz"
    shutil.copyfile(sample_dir / "segmentations" / added.name, added)
    make_newer(added, written)
    assert run_batch(find_cases(data), out, scorer).scored == ("b",)
    assert {row.segment for row in slices(reports(out)["b"])} == set(TWO)

    make_newer(written, added)
    added.unlink()
    make_newer(data / "b/segmentations", written)
    assert run_batch(find_cases(data), out, scorer).scored == ("b",)
    assert {row.segment for row in slices(reports(out)["b"])} == {"vertebrae_T11"}


def test_a_manifest_that_now_names_another_mask_or_organ_is_scored_again(
    data: Path, out: Path, scorer: Scorer
):
    ct, mask = data / "a/ct.nii.gz", data / "a/segmentations/vertebrae_T11.nii.gz"
    run_batch([CaseFiles("x", ct, mask, "vertebrae T11")], out, scorer)
    assert run_batch([CaseFiles("x", ct, mask, "vertebrae T11")], out, scorer).scored == ()
    assert run_batch([CaseFiles("x", ct, mask, "vertebrae T12")], out, scorer).scored == ("x",)
    other = data / "b/segmentations/vertebrae_T11.nii.gz"  # as old as the first
    assert run_batch([CaseFiles("x", ct, other, "vertebrae T12")], out, scorer).scored == ("x",)


def test_broken_cases_are_kept_with_their_reason_and_the_rest_goes_on(
    data: Path, out: Path, scorer: Scorer, make_case: MakeCase
):
    whole = (data / "a/ct.nii.gz").read_bytes()
    (data / "a/ct.nii.gz").write_bytes(whole[: len(whole) // 2])
    shutil.rmtree(data / "b/segmentations")
    (make_case(data / "d") / "segmentations/vertebrae_T11.nii.gz").write_bytes(gzip.compress(b"no image"))
    told = []
    result = run_batch(
        find_cases(data), out, scorer, observer=BatchObserver(on_failure=lambda failure: told.append(failure))
    )
    assert result.scored == ("c",)
    assert [failure.case for failure in result.failed] == ["a", "b", "d"]
    assert tuple(told) == result.failed == ResultStore(out).failures()
    for failure, file in zip(result.failed, ("a/ct.nii.gz", "b", "d/segmentations"), strict=True):
        assert str(data / file) in failure.reason
        assert "Fault" not in failure.reason
    assert sorted(contents(out)) == ["cases/c.parquet", "failed/a.json", "failed/b.json", "failed/d.json"]


def test_a_case_that_was_repaired_is_no_failure_any_more(data: Path, out: Path, scorer: Scorer):
    mask = data / "a/segmentations/vertebrae_T11.nii.gz"
    good = mask.read_bytes()
    mask.write_bytes(b"")
    assert [failure.case for failure in run_batch(find_cases(data), out, scorer).failed] == ["a"]
    mask.write_bytes(good)
    assert run_batch(find_cases(data), out, scorer) == BatchResult(("a",), ("b", "c"))
    assert ResultStore(out).failures() == ()


def test_a_case_that_broke_later_loses_its_old_result(data: Path, out: Path, scorer: Scorer):
    run_batch(find_cases(data), out, scorer)
    (data / "a/segmentations/vertebrae_T11.nii.gz").write_bytes(b"")
    make_newer(data / "a/segmentations/vertebrae_T11.nii.gz", ResultStore(out).report_path("a"))
    assert len(run_batch(find_cases(data), out, scorer).failed) == 1
    assert sorted(reports(out)) == ["b", "c"]


def test_a_mask_on_another_grid_fails_unless_resampling_is_allowed(data: Path, out: Path, scorer: Scorer):
    mask = data / "a/segmentations/vertebrae_T11.nii.gz"
    image = SimpleITK.ReadImage(str(mask))
    SimpleITK.WriteImage(image[:, :, 10:], str(mask))
    (failure,) = run_batch(find_cases(data), out, scorer).failed
    assert "does not lie on the grid" in failure.reason
    assert run_batch(find_cases(data), out, scorer, ScoringOptions(resample=True)).failed == ()


def test_a_fault_inside_ends_one_case_only(
    data: Path, out: Path, scorer: Scorer, monkeypatch: pytest.MonkeyPatch
):
    def faulty(*_args: object, case: str, **_more: object) -> CaseReport:
        if case == "b":
            raise ZeroDivisionError("division by zero")
        return original(*_args, case=case, **_more)  # type: ignore[arg-type]

    original = scorer.score_case
    monkeypatch.setattr(scorer, "score_case", faulty)
    result = run_batch(find_cases(data), out, scorer)
    assert result.scored == ("a", "c")
    assert (
        "Fault inside SegAE (ZeroDivisionError: division by zero); please report" in result.failed[0].reason
    )


@pytest.mark.parametrize("place", ["", "cases", "failed"])
def test_results_that_cannot_be_written_end_the_batch(data: Path, out: Path, scorer: Scorer, place: str):
    (out / place).parent.mkdir(parents=True, exist_ok=True)
    (out / place).touch()  # a file where a folder is needed
    started = []
    with pytest.raises(OutputError, match="Cannot"):
        run_batch(find_cases(data), out, scorer, observer=BatchObserver(on_case=started.append))
    assert [files.case for files in started] == ["a"]
    assert not list(out.parent.rglob("*.part"))


def test_a_cancelled_batch_keeps_what_was_finished_and_goes_on_from_there(
    data: Path, out: Path, scorer: Scorer
):
    token = CancelToken()
    observer = BatchObserver(on_report=lambda _: token.cancel(), watch=Watch(cancel=token))
    with pytest.raises(Cancelled):
        run_batch(find_cases(data), out, scorer, observer=observer)
    assert sorted(contents(out)) == ["cases/a.parquet"]
    assert run_batch(find_cases(data), out, scorer) == BatchResult(("b", "c"), ("a",))


def test_when_a_batch_is_stopped_no_further_case_is_read(
    tmp_path: Path, out: Path, scorer: Scorer, make_case: MakeCase, monkeypatch: pytest.MonkeyPatch
):
    import segae.batch.runner as runner
    import segae.io.case_files as case_files

    for number in range(9):
        make_case(tmp_path / "data" / str(number))
    read = []
    original = case_files.read_ct
    monkeypatch.setattr(case_files, "read_ct", lambda ct, **more: read.append(ct) or original(ct, **more))

    def stop(_files: CaseFiles) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_batch(find_cases(tmp_path / "data"), out, scorer, observer=BatchObserver(on_case=stop))
    count = len(read)
    assert 0 < count <= 1 + runner.READ_AHEAD
    assert not out.exists()


def test_half_written_files_of_a_killed_run_are_removed_and_those_of_other_parts_stay(
    data: Path, out: Path, scorer: Scorer
):
    cases = out / "cases"
    cases.mkdir(parents=True)
    ours, theirs = (cases / f".{case}.parquet.{'0' * 32}.part" for case in "ab")
    ours.write_bytes(b"half")
    theirs.write_bytes(b"half")
    run_batch(find_cases(data), out, scorer, part=Part(0, 2))
    assert not ours.exists()
    assert theirs.read_bytes() == b"half"


def test_the_parts_together_score_every_case_once(data: Path, out: Path, scorer: Scorer):
    results = [run_batch(find_cases(data), out, scorer, part=Part(index, 2)) for index in range(2)]
    assert [result.scored for result in results] == [("a", "c"), ("b",)]
    assert all(result.skipped == () for result in results)
    assert run_batch(find_cases(data), out, scorer).skipped == ("a", "b", "c")


@given(st.integers(0, 40), st.integers(1, 12))
def test_parts_cover_all_cases_once_and_differ_by_one_case_at_most(n_cases: int, count: int):
    cases = [CaseFiles(f"{n:02}", Path(), Path()) for n in range(n_cases)]
    parts = [Part(index, count).of(cases) for index in range(count)]
    assert sorted((one for part in parts for one in part), key=lambda one: one.case) == cases
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


@pytest.mark.parametrize(("index", "count"), [(1, 1), (-1, 3), (3, 3), (0, 0)])
def test_a_part_that_does_not_exist_is_refused(index: int, count: int):
    with pytest.raises(InputError, match="does not exist; --part-id counts from 0"):
        Part(index, count)


def test_the_observer_hears_of_everything_in_order(data: Path, out: Path, scorer: Scorer):
    (data / "b/ct.nii.gz").write_bytes(b"")
    heard = []
    observer = BatchObserver(
        on_start=lambda todo, done: heard.append(("start", todo, done)),
        on_case=lambda files: heard.append(("case", files.case)),
        on_report=lambda report: heard.append(("report", report.case)),
        on_failure=lambda failure: heard.append(("failure", failure.case)),
        watch=Watch(lambda step: heard.append(step.stage) if step.done == step.total else None),
    )
    run_batch(find_cases(data), out, scorer, observer=observer)
    assert heard == [
        ("start", 3, 0),
        ("case", "a"), "scoring", ("report", "a"),
        ("case", "b"), ("failure", "b"),
        ("case", "c"), "scoring", ("report", "c"),
    ]  # fmt: skip


def test_ten_slices_of_a_one_voxel_mask_do_no_harm(data: Path, out: Path, scorer: Scorer):
    mask = data / "a/segmentations/vertebrae_T11.nii.gz"
    image = SimpleITK.ReadImage(str(mask))
    voxels = np.zeros_like(SimpleITK.GetArrayFromImage(image))
    voxels[3, 50, 60] = 1
    single = SimpleITK.GetImageFromArray(voxels)
    single.CopyInformation(image)
    SimpleITK.WriteImage(single, str(mask))
    run_batch(find_cases(data / "a"), out, scorer, ScoringOptions(slices=10))
    assert [row.slice for row in slices(reports(out)["a"])] == [3]
