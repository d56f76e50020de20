"""Events pass through a pipe unchanged."""

from __future__ import annotations

import json
from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segae.checks.names import NameCheck
from segae.finding import Finding
from segae.jobs.events import (
    Cancelled,
    Event,
    Failed,
    Finished,
    NamesChecked,
    Progress,
    Scores,
    decode,
    encode,
)
from segae.labels.table import offered_structures
from segae.results.types import CaseReport, ModelIdentity, SegmentResult, SliceResult

NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
ROWS = st.builds(SliceResult, st.integers(0, 999), *[NUMBERS] * 6, st.floats(0, 1))
SLICES = st.lists(ROWS, max_size=4).map(tuple)
SEGMENTS = st.builds(SegmentResult, TEXT, st.integers(0, 144), TEXT, st.just(3), NUMBERS, SLICES)
REPORTS = st.builds(
    CaseReport,
    TEXT,
    TEXT,
    TEXT,
    st.builds(ModelIdentity, TEXT, TEXT, TEXT),
    st.lists(SEGMENTS, max_size=2).map(tuple),
    st.lists(
        st.builds(Finding, TEXT, st.just("info"), TEXT, st.lists(TEXT, max_size=2).map(tuple), TEXT),
        max_size=2,
    ).map(tuple),
)
STRUCTURES = st.sampled_from(offered_structures())
SCORE = st.none() | NUMBERS
CHECKS = st.builds(NameCheck, TEXT, STRUCTURES, st.none() | STRUCTURES, SCORE, SCORE, TEXT, st.booleans())
EVENTS = st.one_of(
    st.builds(Progress, TEXT, st.integers(0), st.integers(0), NUMBERS),
    st.builds(Scores, st.dictionaries(st.integers(0, 99), SLICES, max_size=3)),
    st.builds(Finished, REPORTS),
    st.builds(Failed, TEXT, st.sampled_from(["input", "crash"]), TEXT),
    st.builds(NamesChecked, st.lists(CHECKS, max_size=3).map(tuple)),
    st.just(Cancelled()),
)


@given(st.integers(0), EVENTS)
def test_an_event_is_one_line_and_comes_back_as_it_was(job: int, event: Event) -> None:
    line = encode(job, event)
    assert line.count(b"\n") == 1 and line.isascii()
    assert decode(line) == (job, event)


@pytest.mark.parametrize(
    "line",
    [b"hello\n", b"\xff\xfe\n", b"\n", b"3\n", b"[1]\n", b"{}\n", b'{"event": "party", "job": 1}\n',
     b'{"event": "scores", "job": 1, "segments": [[1, [[1]]]]}\n'],
)  # fmt: skip
def test_a_line_that_is_no_event_is_skipped(line: bytes) -> None:
    assert decode(line) is None


def test_progress_tells_speed_and_time_left() -> None:
    assert Progress("scoring", 30, 120, 1.5).per_second == 20
    assert Progress("scoring", 30, 120, 1.5).seconds_left == 4.5
    assert Progress("scoring", 0, 120, 1.5).seconds_left is None


def test_the_documented_progress_line_is_what_is_written() -> None:
    event = Progress("scoring", 32, 480, 1.9)
    assert json.loads(encode(1, event)) == {"event": "progress", "job": 1, **asdict(event)}
