"""`segae report` as a user runs it."""

from __future__ import annotations

from pathlib import Path

import pytest


def test_the_page_of_one_case_has_pictures_of_what_needs_review(
    segae, score_case, model: Path, case: Path, tmp_path: Path
):
    score_case("--out", tmp_path / "out")
    ended = segae(
        "report",
        tmp_path / "out",
        "--model",
        model,
        "--device",
        "cpu",
        "--threshold",
        "0.99",
        "--thumbnails",
        5,
    )
    assert (ended.code, ended.out.strip()) == (0, f"{tmp_path}/out/report.html")
    text = (tmp_path / "out/report.html").read_text("utf-8")
    assert "<h1>case</h1>" in text
    assert text.count("data:image/webp;base64,") == 1
    assert f"{case}/segmentations" in text


def test_a_mask_that_was_named_on_the_command_line_has_its_picture(
    segae, score_case, model: Path, mask_of: Path, tmp_path: Path
):
    renamed = mask_of.rename(mask_of.with_name("mask.nii.gz"))
    score_case("--name", "vertebrae T11", "--out", tmp_path / "out", masks=renamed)
    arguments = ("--model", model, "--device", "cpu", "--threshold", "0.99")
    assert segae("report", tmp_path / "out", *arguments).code == 0
    assert (tmp_path / "out/report.html").read_text("utf-8").count("data:image/webp;base64,") == 1


def test_the_page_of_a_data_set_counts_cases_and_lists_those_that_failed(
    segae, model: Path, case: Path, tmp_path: Path
):
    (tmp_path / "data").mkdir()
    case.rename(tmp_path / "data/a")
    broken = tmp_path / "data/b/segmentations"
    broken.mkdir(parents=True)
    (broken.parent / "ct.nii.gz").write_bytes(b"")
    out = tmp_path / "out"
    segae("batch", tmp_path / "data", "--out", out, "--model", model, "--device", "cpu")
    ended = segae("report", out, "--thumbnails", 0, "--out", tmp_path / "pages/mine.html")
    assert (ended.code, ended.err) == (0, "")
    text = (tmp_path / "pages/mine.html").read_text("utf-8")
    assert "<h1>out</h1>" in text
    assert '<dd id="n-cases">1</dd>' in text
    assert "Cases without scores" in text
    assert not (out / "report.html").exists()


def test_a_report_file_alone_has_its_page_beside_it(segae, score_case, tmp_path: Path):
    score_case("--out", tmp_path / "out")
    (tmp_path / "out/report.csv").rename(tmp_path / "mine.csv")
    assert segae("report", tmp_path / "mine.csv", "--thumbnails", 0).out.strip() == f"{tmp_path}/mine.html"


@pytest.mark.parametrize(
    ("name", "match"),
    [
        ("nowhere", 'There is no "'),
        ("empty", "holds no results of a batch"),
        ("t.txt", "is no report by its name"),
    ],
)
def test_what_holds_no_report_is_refused_and_nothing_is_written(segae, tmp_path: Path, name: str, match: str):
    (tmp_path / "empty").mkdir()
    (tmp_path / "t.txt").touch()
    assert match in segae("report", tmp_path / name).refusal()
    assert not list(tmp_path.rglob("*.html"))
