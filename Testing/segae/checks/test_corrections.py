"""What is renamed, and what is said, once the names of a case were checked."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from segae.checks.names import COLUMNS, NameCheck, corrected_names, name_findings, write_checks
from segae.errors import InputError, OutputError
from segae.labels import resolve


def row(name: str):
    return resolve(name).structure


DOUBTFUL = NameCheck("v5", row("T5"), row("T6"), 0.314, 0.778, "fits better under that name", True)
UNSURE = NameCheck("left", row("kidney left"), row("T6"), 0.5, 0.75, 'one, "or" another', False)
FINE = NameCheck("Leber", row("liver"), None, 0.9, 0.1, "no other name fits better", False)
UNKNOWN = NameCheck("gonads", row("gonads"), None, None, None, "the model has not learned this name", False)
CHECKS = (DOUBTFUL, UNSURE, FINE, UNKNOWN)


def test_the_sentence_gives_both_names_both_scores_and_the_reason():
    assert DOUBTFUL.sentence == (
        "named vertebrae T5, looks like vertebrae T6 (predicted Dice 0.31 against 0.78): "
        "fits better under that name"
    )
    assert FINE.sentence == "named liver: no other name fits better"
    assert UNKNOWN.sentence == "named gonads: the model has not learned this name"


def test_only_what_was_accepted_is_renamed():
    assert corrected_names(CHECKS, ["v5"]) == {"v5": row("T6")}
    assert corrected_names(CHECKS, []) == {}


@pytest.mark.parametrize("segment", ["Leber", "not there"])
def test_a_segment_without_a_suggestion_cannot_be_accepted(segment: str):
    with pytest.raises(InputError, match=f'no other name for segment "{segment}"'):
        corrected_names(CHECKS, [segment])


def test_two_segments_cannot_get_one_name():
    with pytest.raises(InputError, match='Two segments would be named "vertebrae T6"'):
        corrected_names(CHECKS, ["v5", "left"])


def test_findings_are_warnings_where_the_check_is_sure_and_notes_where_not():
    assert [(f.code, f.severity, f.segments) for f in name_findings(CHECKS)] == [
        ("NAME_DOUBTFUL", "warning", ("v5",)),
        ("NAME_DOUBTFUL", "info", ("left",)),
    ]
    assert DOUBTFUL.sentence in name_findings(CHECKS)[0].message


def test_the_table_holds_every_answer_and_reads_back(tmp_path: Path):
    path = write_checks(CHECKS, "case 1", tmp_path / "new" / "names.csv")
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == COLUMNS
    assert rows[0] == {
        "case": "case 1", "segment": "v5", "structure_index": "54", "structure": "vertebrae T5",
        "looks_like_index": "55", "looks_like": "vertebrae T6", "score_named": "0.3140",
        "score_other": "0.7780", "confident": "1", "reason": "fits better under that name",
    }  # fmt: skip
    assert rows[1]["reason"] == UNSURE.reason
    assert (rows[3]["looks_like"], rows[3]["score_named"], rows[3]["confident"]) == ("", "", "0")


def test_a_table_that_cannot_be_written_says_so(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="Cannot write"):
        write_checks(CHECKS, "case", tmp_path / "file" / "names.csv")
