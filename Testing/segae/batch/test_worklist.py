"""The list of masks that a reviewer works through, and how it follows what is decided."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from flat_rows import FlatRow, report_from_rows

from segae.batch.store import ResultStore
from segae.batch.worklist import (
    Outcome,
    WorkItem,
    Worklist,
    corrected_path,
    gather_worklist,
    review_of,
    with_corrections,
)
from segae.errors import InputError
from segae.io.layouts import CaseFiles
from segae.progress import Watch
from segae.results.files import read_report, write_report
from segae.results.reviews import ReviewLog, read_reviews
from segae.results.types import CaseReport, ModelIdentity
from segae.scoring.options import ScoringOptions

MODEL = ModelIdentity("m", "0" * 64, "segae-published")


def report(case: str, files: CaseFiles, **dice: float) -> CaseReport:
    """A segment for each organ, of three slices."""
    rows = [
        FlatRow(organ, n, organ, k, 1.0, 2.0, 3.0 * k, area_mm2=100.0, raw_score=score)
        for n, (organ, score) in enumerate(dice.items(), start=1)
        for k in range(3)
    ]
    made = report_from_rows(
        rows, case=case, ct=str(files.ct), segmentation=str(files.masks), model=MODEL, slice_axis="k"
    )
    segments = (replace(one, volume_ml=0.9, wrong_ml=0.9 * (1 - dice[one.segment])) for one in made.segments)
    return replace(made, segments=tuple(segments))


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Two cases; in review order: b/liver, a/spleen, and two that need none."""
    (tmp_path / "ct.nii").touch()
    folder = tmp_path / "out"
    for case, dice in {"a": {"spleen": 0.5, "aorta": 0.95}, "b": {"liver": 0.2, "colon": 0.9}}.items():
        files = CaseFiles(case, tmp_path / "ct.nii", tmp_path / "ct.nii")
        ResultStore(folder).save(report(case, files, **dice), files, ScoringOptions())
    return folder


def gathered(folder: Path) -> tuple[Worklist, list[str]]:
    """The list as a new program finds it, and what it is told of."""
    out = folder.parent / "list.jsonl"
    problems = gather_worklist(Watch(), str(folder), str(out))
    worklist = Worklist(folder)
    for _ in worklist.read(out):
        pass
    return worklist, problems


def listed(folder: Path) -> Worklist:
    """The list, of which nothing is told."""
    worklist, problems = gathered(folder)
    assert problems == []
    return worklist


def keys(items: list[WorkItem]) -> list[tuple[str, str]]:
    return [item.key for item in items]


def decide(folder: Path, item: WorkItem, who: str, outcome: Outcome) -> None:
    review = review_of(read_report(folder / item.report), item.segment, who, outcome)
    ReviewLog(folder, who).append(review)


def test_masks_of_all_cases_stand_in_review_order(results: Path) -> None:
    worklist = listed(results)
    assert keys(worklist.matching("to review")) == [("b", "liver"), ("a", "spleen")]
    assert len(worklist.matching("all")) == 4
    first = worklist.items[0]
    assert (first.verdict, first.predicted_dice, first.volume_ml) == ("poor", pytest.approx(0.2), 0.9)
    assert worklist.progress == (0, 2)


def test_words_choose_among_cases_segments_and_verdicts(results: Path) -> None:
    worklist = listed(results)
    assert keys(worklist.matching("to review", "SPLEEN a")) == [("a", "spleen")]
    assert keys(worklist.matching("all", "fine")) == [("b", "colon"), ("a", "aorta")]
    assert worklist.matching("to review", "stomach") == []


def test_a_new_program_goes_on_where_the_last_one_was_killed(results: Path) -> None:
    worklist = listed(results)
    first = worklist.next_open()
    assert first is not None and first.key == ("b", "liver")
    decide(results, first, "Ann", Outcome("accept", 12.34))
    again = listed(results)
    assert again.progress == (1, 2)
    after = again.next_open()
    assert after is not None and after.key == ("a", "spleen")
    decide(results, after, "Ann", Outcome("skip", 1.0))
    assert listed(results).next_open() is None


def test_what_another_person_decides_is_seen_with_the_name(results: Path) -> None:
    mine, theirs = listed(results), listed(results)
    decide(results, theirs.items[0], "Bo", Outcome("needs work", 5.0, "leaks"))
    assert mine.done(mine.items[0]) is None
    mine.follow()
    done = mine.done(mine.items[0])
    assert done is not None and (done.reviewer, done.decision) == ("Bo", "needs work")
    assert mine.progress == (1, 2)
    decide(results, mine.items[0], "Ann", Outcome("accept", 5.0))
    mine.follow()
    assert mine.progress == (1, 2)
    assert len(list((results / "reviews").iterdir())) == 2, "a file for each, and no lock"


def test_a_mask_that_was_changed_and_scored_anew_is_open_again(results: Path) -> None:
    worklist = listed(results)
    decide(results, worklist.items[0], "Ann", Outcome("accept", 1.0))
    path = results / worklist.items[0].report
    scored = read_report(path)
    larger = tuple(replace(one, volume_ml=1.2) for one in scored.segments)
    write_report(replace(scored, segments=larger), path)
    assert listed(results).progress == (0, 2)


def test_the_log_holds_what_was_predicted_and_the_dice_in_each_slice(results: Path) -> None:
    item = listed(results).items[0]
    outcome = Outcome("corrected", 3.0, dice=0.8, slices={0: 0.7, 1: 0.9}, corrected="corrected/b.seg.nrrd")
    decide(results, item, "Ann", outcome)
    (review,) = read_reviews([ReviewLog(results, "Ann").path])
    assert (review.dice, review.volume_mm3, review.model_sha256) == (0.8, 900.0, MODEL.sha256)
    assert [(one.slice, one.dice) for one in review.slices] == [(0, 0.7), (1, 0.9), (2, 0.0)]
    assert {one.raw_score for one in review.slices} == {0.2}
    decide(results, item, "Ann", Outcome("accept", 3.0))
    assert [one.dice for one in read_reviews([ReviewLog(results, "Ann").path])[-1].slices] == [1.0] * 3


def test_a_damaged_report_is_told_and_costs_no_other(results: Path) -> None:
    (results / "cases" / "a.parquet").write_bytes(b"nothing of the kind")
    worklist, (problem,) = gathered(results)
    assert "a.parquet" in problem
    assert {item.case for item in worklist.items} == {"b"}


def test_a_damaged_list_of_decisions_is_told_and_costs_no_other(results: Path) -> None:
    decide(results, listed(results).items[0], "Ann", Outcome("accept", 1.0))
    (results / "reviews" / "Bo.jsonl").write_text("case,segment\n")
    worklist, (problem,) = gathered(results)
    assert "Bo.jsonl" in problem
    assert worklist.progress == (1, 2)


def test_reports_of_csv_json_and_version_0_1_are_listed(results: Path) -> None:
    paths = sorted((results / "cases").iterdir())
    scored = read_report(paths[0])
    write_report(scored, paths[0].with_suffix(".csv"))
    paths[0].unlink()
    assert len(listed(results).items) == 4
    old = Path(__file__).parents[2] / "data" / "v0_1"
    first = next(path for path in sorted(old.rglob("*")) if path.suffix in (".csv", ".parquet"))
    (results / "cases" / first.name).write_bytes(first.read_bytes())
    assert len(listed(results).items) > 4


def test_a_folder_without_results_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no results"):
        gather_worklist(Watch(), str(tmp_path), str(tmp_path / "list"))


def test_many_masks_are_taken_over_in_pieces(results: Path, tmp_path: Path) -> None:
    out = tmp_path / "many.jsonl"
    row = ["case", "liver", "poor", 0.5, None, None, 1.0, 1.0, True, "cases/x.parquet"]
    lines = [json.dumps([f"case {n}", *row[1:]]) for n in range(2100)]
    out.write_text('{"offsets": {}, "done": []}\n' + "\n".join(lines) + "\n")
    worklist = Worklist(results)
    sizes = [len(worklist.items) for _ in worklist.read(out)]
    assert sizes == [500, 1000, 1500, 2000, 2100]
    assert worklist.progress == (0, 2100)


def test_corrected_masks_take_the_place_of_a_data_sets_own(tmp_path):
    corrected_path(tmp_path, "b/1").parent.mkdir()
    corrected_path(tmp_path, "b/1").write_bytes(b"masks")
    a = CaseFiles("a", Path("a.nii.gz"), Path("masks"))
    b = CaseFiles("b/1", Path("b.nii.gz"), Path("b-seg.nii.gz"), name="liver", patient="p", values="dap")
    kept, changed = with_corrections([a, b], tmp_path)
    assert kept == a
    assert changed == replace(b, masks=corrected_path(tmp_path, "b/1"), name=None, values=None)


def test_a_folder_without_corrected_masks_cannot_give_any(tmp_path):
    with pytest.raises(InputError, match="holds no corrected masks"):
        with_corrections([], tmp_path)
