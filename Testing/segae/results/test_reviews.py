"""Decisions of reviewers: kept one line each, a file for each person, read together."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segae.errors import InputError, OutputError
from segae.results.reviews import (
    Review,
    ReviewedSlice,
    ReviewLog,
    latest,
    now,
    read_reviews,
    review_files,
)

ACCEPTED = Review(
    "case 1", "liver", 13, "accept", "Ann", "2026-01-02T10:00:00+00:00", dice=1.0, raw_dice=0.8,
    slices=(ReviewedSlice(3, 1.02, 512.25, 1.0),),
)  # fmt: skip
SKIPPED = Review("case 1", "spleen", 20, "skip", "Bo", "2026-01-02T09:00:00+00:00")


def test_a_review_is_read_as_it_was_written(tmp_path: Path) -> None:
    ReviewLog(tmp_path, "Ann").append(ACCEPTED)
    assert read_reviews(review_files(tmp_path)) == (ACCEPTED,)


@given(st.text(max_size=20), st.text(min_size=1, max_size=20), st.text(max_size=50))
def test_any_text_survives(
    tmp_path_factory: pytest.TempPathFactory, case: str, segment: str, note: str
) -> None:
    folder = tmp_path_factory.mktemp("reviews")
    written = replace(SKIPPED, case=case, segment=segment, note=note)
    ReviewLog(folder, "Bo").append(written)
    assert read_reviews(review_files(folder)) == (written,)


def test_two_people_have_a_file_each_and_are_read_together_in_time(tmp_path: Path) -> None:
    ReviewLog(tmp_path, "Ann").append(ACCEPTED)
    ReviewLog(tmp_path, "Bo").append(SKIPPED)
    assert len(review_files(tmp_path)) == 2
    assert read_reviews(review_files(tmp_path)) == (SKIPPED, ACCEPTED)


def test_the_last_decision_about_a_mask_counts_whoever_made_it(tmp_path: Path) -> None:
    later = replace(SKIPPED, segment="liver", time=now())
    ReviewLog(tmp_path, "Ann").append(ACCEPTED)
    ReviewLog(tmp_path, "Bo").append(later)
    assert latest(read_reviews(review_files(tmp_path))) == {("case 1", "liver"): later}


@pytest.mark.parametrize("left", [1, 10, 60])
def test_a_line_that_was_being_written_when_the_program_was_killed_costs_that_line_only(
    tmp_path: Path, left: int
) -> None:
    log = ReviewLog(tmp_path, "Ann")
    log.append(ACCEPTED)
    whole = log.path.read_bytes()
    log.path.write_bytes(whole + whole[:left])
    assert read_reviews([log.path]) == (ACCEPTED,)
    log.append(replace(ACCEPTED, segment="spleen"))
    assert [review.segment for review in read_reviews([log.path])] == ["liver", "spleen"]


def test_names_of_people_that_no_file_can_have_are_told_apart(tmp_path: Path) -> None:
    paths = {ReviewLog(tmp_path, name).path.name for name in ("a/b", "a:b", "..", "Zoë", "x" * 500)}
    assert len(paths) == 5
    assert all("/" not in name for name in paths)


def test_a_reviewer_needs_a_name(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="enter one"):
        ReviewLog(tmp_path, "  ")


def test_a_folder_that_cannot_be_written_to_is_told_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "reviews").write_text("a file where the folder should be")
    with pytest.raises(OutputError, match="review that mask again"):
        ReviewLog(tmp_path, "Ann").append(ACCEPTED)


@pytest.mark.parametrize(
    "text",
    ["case,segment\n1,liver\n", "[]\n", '{"case": "1"}\n', '{"decision": "maybe"}\n', "\x00\x01"],
)
def test_a_file_of_another_kind_is_refused_with_its_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "other.jsonl"
    path.write_text(text)
    with pytest.raises(InputError, match="line 1, is no review"):
        read_reviews([path])


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_reviews([tmp_path / "nobody.jsonl"])


def test_a_folder_without_reviews_has_none(tmp_path: Path) -> None:
    assert read_reviews(review_files(tmp_path)) == ()


@pytest.mark.parametrize(
    "values",
    [
        {"decision": "accept", "dice": None},
        {"decision": "skip", "dice": 0.5},
        {"decision": "accept", "dice": 1.5},
        {"decision": "perhaps"},
        {"raw_dice": float("nan")},
        {"seconds": float("inf")},
    ],
)
def test_a_decision_that_contradicts_itself_is_none(values: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        replace(ACCEPTED, **values)  # type: ignore[arg-type]
