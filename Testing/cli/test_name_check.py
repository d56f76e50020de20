"""`segae name-check`: what is printed, what is written, and what is refused."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from segae.io.ct import read_ct
from segae.io.segmentation import read_segmentation
from segae.results.files import read_report
from segae.scoring.name_check import name_check


@pytest.fixture
def swapped(case: Path, mask_of: Path, sample_dir: Path) -> Path:
    """The case with a liver named lung, a lung named liver, and a spinal canal."""
    mask_of.unlink()
    for mask, name in {
        "liver": "lung_lower_lobe_right",
        "lung_lower_lobe_right": "liver",
        "spinal_cord": "spinal_cord",
    }.items():
        shutil.copyfile(sample_dir / f"segmentations/{mask}.nii.gz", case / f"segmentations/{name}.nii.gz")
    return case


@pytest.fixture
def check(segae: Callable, swapped: Path) -> Callable:
    """`segae name-check` of the swapped case with the bundled model, and further arguments."""
    return lambda *arguments: segae(
        "name-check", swapped / "ct.nii.gz", swapped / "segmentations", "--device", "cpu", *arguments
    )


def test_swapped_names_are_printed_and_every_answer_is_written(check, swapped: Path, tmp_path: Path):
    files = sorted(swapped.rglob("*"))
    ended = check("--out", tmp_path / "new/names.csv")
    assert ended.code == 0
    *table, written = ended.out.splitlines()
    assert table[0].strip() == "case: 2 of 3 names in doubt"
    assert max(map(len, table)) <= 80
    assert "spinal" not in "".join(table)
    assert written == f"Written: {tmp_path}/new/names.csv"
    with (tmp_path / "new/names.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(row["segment"], row["looks_like"]) for row in rows] == [
        ("liver", "lung lower lobe right"), ("lung_lower_lobe_right", "liver"), ("spinal_cord", ""),
    ]  # fmt: skip
    assert {row["case"] for row in rows} == {"case"}
    assert sorted(swapped.rglob("*")) == files  # nothing is renamed


def test_names_that_fit_are_listed_on_request(check):
    ended = check("--all", "--only", "spinal_cord")
    assert ended.code == 0
    assert "0 of 1 names in doubt" in ended.out
    assert "spinal" in ended.out


def test_a_mask_that_is_not_there_cannot_be_checked(check):
    assert 'holds no mask "spleen" that can be checked' in check("--only", "spleen").refusal()


def test_a_ct_that_is_not_there(segae, swapped: Path, tmp_path: Path):
    line = segae("name-check", tmp_path / "no.nii.gz", swapped / "segmentations").refusal()
    assert f'There is no file "{tmp_path}/no.nii.gz"' in line


@pytest.mark.parametrize("asked", [True, False])
def test_scoring_tells_of_doubtful_names_only_when_asked(segae, swapped: Path, tmp_path: Path, asked: bool):
    ended = segae(
        "score", swapped / "ct.nii.gz", swapped / "segmentations", "--device", "cpu", "--slices", 1,
        "--out", tmp_path / "out", *(["--check-names"] if asked else []),
    )  # fmt: skip
    assert ended.code == 0
    report = read_report(tmp_path / "out/report.json")
    doubtful = {name for f in report.findings if f.code == "NAME_DOUBTFUL" for name in f.segments}
    assert doubtful == ({"liver", "lung_lower_lobe_right"} if asked else set())
    assert ("looks like liver" in ended.err) == asked


def test_the_same_from_python_with_volumes(swapped: Path):
    report = name_check(
        read_ct(swapped / "ct.nii.gz"),
        read_segmentation(swapped / "segmentations"),
        only=["liver"],
        device="cpu",
    )
    assert report.case == "case"
    (only,) = report.checks
    assert (only.segment, str(only.looks_like), only.confident) == ("liver", "lung lower lobe right", True)
