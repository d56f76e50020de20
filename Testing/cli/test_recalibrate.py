"""`segae recalibrate` as a user runs it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from site_reviews import MODEL, reviewed

from segae.files import resource_dir
from segae.results.reviews import ReviewLog


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """A folder whose masks two people reviewed."""
    folder = tmp_path / "results"
    for n, review in enumerate(reviewed()):
        ReviewLog(folder, ("Ann", "Bo")[n % 2]).append(review)
    return folder


def test_it_writes_a_model_that_scores_and_says_what_it_learned_from(
    segae, score_case, results: Path, tmp_path: Path
):
    out = tmp_path / "site.safetensors"
    ended = segae("recalibrate", results, "--out", out)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith("Learned from 96 masks of 12 cases, ")
    assert "intervals hold" in ended.out
    assert ended.out.rstrip().endswith(str(out))
    scored = score_case("--model", out)
    assert scored.code == 0, scored
    assert "site" in segae("model", "info", out).out


def test_files_of_single_reviewers_can_be_chosen(segae, results: Path, tmp_path: Path):
    ended = segae("recalibrate", results / "reviews" / "Ann.jsonl", "--out", tmp_path / "a.safetensors")
    assert ended.out.startswith("Learned from 48 masks of 12 cases, ")


def test_too_few_reviews_are_refused_and_nothing_is_written(segae, results: Path, tmp_path: Path):
    (results / "reviews" / "Bo.jsonl").unlink()
    path = results / "reviews" / "Ann.jsonl"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:20]))
    out = tmp_path / "site.safetensors"
    said = segae("recalibrate", results, "--out", out).refusal()
    assert "needs 5 patients and 40 masks beside those of each patient" in said
    assert not out.exists()


@pytest.mark.parametrize("seconds", [0.5, 3.0])
def test_killed_and_run_again_it_ends_as_if_undisturbed(segae, results: Path, tmp_path: Path, seconds: float):
    words = [sys.executable, "-m", "segae", "recalibrate", str(results), "--out"]
    environment = os.environ | {"PYTHONPATH": str(resource_dir().parent)}
    out = tmp_path / "killed" / "site.safetensors"
    out.parent.mkdir()
    half = out.with_name(f".{out.name}.{'0' * 32}.part")
    half.write_bytes(b"what a killed run left")
    killed = subprocess.Popen([*words, str(out)], env=environment, stdout=subprocess.DEVNULL)
    time.sleep(seconds)
    killed.kill()
    killed.wait()
    segae("recalibrate", results, "--out", out)
    whole = tmp_path / "site.safetensors"
    segae("recalibrate", results, "--out", whole)
    assert out.read_bytes() == whole.read_bytes()
    assert list(out.parent.iterdir()) == [out]


@pytest.mark.parametrize("name", ["site.pth", "site"])
def test_another_ending_is_refused(segae, results: Path, tmp_path: Path, name: str):
    assert "must end in .safetensors" in segae("recalibrate", results, "--out", tmp_path / name).refusal()


def test_the_model_that_was_reviewed_is_not_written_over(segae, results: Path, tmp_path: Path):
    own = tmp_path / "own.safetensors"
    shutil.copyfile(MODEL, own)
    said = segae("recalibrate", results, "--model", own, "--out", own).refusal()
    assert "is the model that was reviewed" in said
    assert own.read_bytes() == MODEL.read_bytes()


def test_a_folder_without_reviews_is_refused(segae, tmp_path: Path):
    said = segae("recalibrate", tmp_path, "--out", tmp_path / "site.safetensors").refusal()
    assert "holds no reviews" in said
