"""Which masks are chosen for annotation, and the files that say so."""

from __future__ import annotations

import csv
import json
import shlex
from collections import Counter
from pathlib import Path

import pytest
from flat_rows import FlatRow, report_from_rows
from hypothesis import given
from hypothesis import strategies as st

from segae.errors import InputError
from segae.report.selection import Caps, Selection, select, write_selection
from segae.results.types import CaseReport, SegmentResult


def case_report(case: str, dice: dict[str, float], patient: str = "", **more) -> CaseReport:
    rows = [
        FlatRow(name, 13 + n, name, 4, 1.0, 2.0, 3.0, 900.0, one)
        for n, (name, one) in enumerate(dice.items())
    ]
    extents = [SegmentResult(name, 13 + n, name, 600, 2.7) for n, name in enumerate(dice)]
    return report_from_rows(rows, extents, case=case, patient=patient, **more)


REPORTS = [
    case_report("a", {"liver": 0.1, "spleen": 0.2, "heart": 0.95}),
    case_report("b", {"liver": 0.3, "spleen": 0.15}),
    case_report("c", {"liver": 0.05}),
]


def chosen(selection: Selection) -> list[tuple[str, str]]:
    return [(one.case.case, one.mask.segment) for one in selection.chosen]


def test_the_worst_come_first_and_fine_masks_are_never_chosen():
    selection = select(REPORTS, Caps(99, 99, 99))
    assert chosen(selection) == [
        ("c", "liver"), ("a", "liver"), ("b", "spleen"), ("a", "spleen"), ("b", "liver"),
    ]  # fmt: skip
    assert (selection.n_candidates, selection.n_capped) == (5, 0)


def test_the_budget_ends_it():
    assert chosen(select(REPORTS, Caps(2, 99, 99))) == [("c", "liver"), ("a", "liver")]


def test_a_cap_on_a_structure_lets_the_next_structure_in():
    selection = select(REPORTS, Caps(3, 1, 99))
    assert chosen(selection) == [("c", "liver"), ("b", "spleen")]
    assert selection.n_capped == 3


def test_a_cap_on_a_patient_counts_all_cases_of_the_patient_and_cases_alone_where_none_is_known():
    assert chosen(select(REPORTS, Caps(9, 9, 1))) == [("c", "liver"), ("a", "liver"), ("b", "spleen")]
    same = [case_report("a", {"liver": 0.1}, "p1"), case_report("b", {"spleen": 0.2}, "p1")]
    assert chosen(select(same, Caps(9, 9, 1))) == [("a", "liver")]


MASKS = st.tuples(st.sampled_from("pqr"), st.sampled_from(["liver", "spleen"]), st.floats(0, 1))


@given(st.lists(MASKS, max_size=30), st.integers(1, 12), st.integers(1, 6), st.integers(1, 6))
def test_caps_and_order_always_hold(
    masks: list[tuple[str, str, float]], budget: int, per_structure: int, per_patient: int
):
    reports = [case_report(f"{n}", {name: dice}, patient) for n, (patient, name, dice) in enumerate(masks)]
    found = select(reports, Caps(budget, per_structure, per_patient)).chosen
    assert len(found) <= budget
    assert max(Counter(one.mask.structure for one in found).values(), default=0) <= per_structure
    assert max(Counter(one.case.patient for one in found).values(), default=0) <= per_patient
    wrong = [one.mask.wrong_ml for one in found]
    assert wrong == sorted(wrong, reverse=True)


def test_the_usual_caps_follow_from_the_budget_and_none_may_be_zero():
    assert Caps.of(200) == Caps(200, 20, 10)
    assert Caps.of(5) == Caps(5, 2, 2)
    assert Caps.of(200, 7, 1) == Caps(200, 7, 1)
    with pytest.raises(InputError, match="must be 1 or more"):
        Caps.of(0)


def test_csv_and_json_say_where_each_mask_is_and_how_to_open_it(tmp_path: Path):
    masks = tmp_path / "masks"
    masks.mkdir()
    (masks / "liver.nii.gz").touch()
    ct = tmp_path / "my ct.nii.gz"
    ct.touch()
    report = case_report("a", {"liver": 0.1, "spleen": 0.2}, "p1", ct=str(ct), segmentation=str(masks))
    selection = select([report, REPORTS[2]], Caps(9, 9, 9))
    table, path = write_selection(selection, tmp_path)
    with table.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [(row["rank"], row["case"], row["segment"]) for row in rows] == [
        ("1", "c", "liver"), ("2", "a", "liver"), ("3", "a", "spleen"),
    ]  # fmt: skip
    row = rows[1]
    assert (row["patient"], row["ct"], row["mask"]) == ("p1", str(ct), str(masks / "liver.nii.gz"))
    assert (row["slice_axis"], row["slice"], row["x"], row["verdict"]) == ("k", "4", "1.0", "poor")
    content = json.loads(path.read_text())
    assert [one["case"] for one in content["cases"]] == ["c", "a"]
    case = content["cases"][1]
    assert (case["image"], case["label"], case["patient"]) == (str(ct), str(masks), "p1")
    first = case["masks"][0]
    assert (first["rank"], first["mask"]) == (2, row["mask"])
    assert shlex.split(first["itksnap"]) == ["itksnap", "-g", str(ct), "-s", row["mask"]]
    assert shlex.split(first["slicer"])[:2] == ["Slicer", "--python-code"]


def test_nothing_to_review_gives_files_without_masks(tmp_path: Path):
    table, path = write_selection(select([case_report("a", {"liver": 0.95})], Caps(9, 9, 9)), tmp_path)
    assert len(table.read_text().splitlines()) == 1
    assert json.loads(path.read_text())["cases"] == []
