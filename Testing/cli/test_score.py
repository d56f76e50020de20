"""`segae score` on input that is odd but right: what is printed, and what is written."""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import SimpleITK
from flat_rows import slices

from segae.files import resource_dir
from segae.results.files import read_report

Change = Callable[[Path, Callable[[np.ndarray], np.ndarray]], None]


def test_the_ranking_fits_eighty_columns_and_the_results_are_written(score_case, tmp_path: Path):
    ended = score_case("--out", tmp_path / "out")
    assert ended.code == 0
    *ranking, written = ended.out.splitlines()
    assert "vertebrae_T11" in ended.out
    assert max(map(len, ranking)) <= 80
    names = ("report.csv", "report.json", "structures.csv", "worst_slices.png", "strips.png")
    assert written == "Written: " + ", ".join(f"{tmp_path}/out/{name}" for name in names)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(names)
    report = read_report(tmp_path / "out/report.json")
    assert report == read_report(tmp_path / "out/report.csv")
    assert (report.case, len(slices(report))) == ("case", 3)


def test_without_out_nothing_is_written(score_case, tmp_path: Path):
    before = sorted(tmp_path.rglob("*"))
    assert score_case().code == 0
    assert sorted(tmp_path.rglob("*")) == before


def test_the_published_sampling_scores_that_many_slices(score_case, tmp_path: Path):
    score_case("--slices", 2, "--out", tmp_path / "out")
    assert len(slices(read_report(tmp_path / "out/report.csv"))) == 2


def test_one_file_and_the_name_of_its_organ(score_case, mask_of: Path, tmp_path: Path):
    mask_of.rename(tmp_path / "mask.nii.gz")
    ended = score_case("--name", "T11", masks=tmp_path / "mask.nii.gz")
    assert ended.code == 0
    assert "T11 (vertebrae T11)" in ended.out


def test_resampling_is_done_when_asked_and_said(score_case, mask_of: Path):
    image = SimpleITK.ReadImage(str(mask_of))
    SimpleITK.WriteImage(image[:, :, 10:], str(mask_of))
    ended = score_case("--resample")
    assert ended.code == 0
    assert "GRID_DIFFERS" in ended.err
    assert "resampled by nearest neighbour" in ended.err


@pytest.mark.parametrize(
    ("where", "n_slices"),
    [
        pytest.param((slice(0, 2), slice(0, 9), slice(0, 9)), 2, id="in the corner of the CT"),
        pytest.param((slice(15, 16), slice(50, 51), slice(60, 63)), 1, id="three pixels"),
        pytest.param((slice(0, 30), slice(0, 101), slice(0, 122)), 30, id="all of the CT"),
    ],
)
def test_a_mask_at_the_border_or_of_three_pixels_is_scored(
    score_case, mask_of: Path, tmp_path: Path, rewrite: Change, where: tuple[slice, ...], n_slices: int
):
    def only(voxels: np.ndarray) -> np.ndarray:
        mask = np.zeros_like(voxels)
        mask[where] = 1
        return mask

    rewrite(mask_of, only)
    assert score_case("--out", tmp_path / "out").code == 0
    rows = slices(read_report(tmp_path / "out/report.csv"))
    assert [row.slice for row in rows] == list(range(30))[where[0]]
    assert len(rows) == n_slices


def test_a_volume_of_one_slice_is_scored(score_case, case: Path, mask_of: Path, tmp_path: Path):
    for path in (case / "ct.nii.gz", mask_of):
        SimpleITK.WriteImage(SimpleITK.ReadImage(str(path))[:, :, 28:29], str(path))
    ended = score_case("--out", tmp_path / "out")
    assert ended.code == 0
    assert "single axial slice" in ended.err
    assert [row.slice for row in slices(read_report(tmp_path / "out/report.csv"))] == [0]


def test_an_empty_and_an_unknown_mask_are_said_once_each(score_case, mask_of: Path, rewrite: Change):
    for name in ("liver", "spleen", "brain", "colon", "xyzzy"):
        shutil.copyfile(mask_of, mask_of.with_name(f"{name}.nii.gz"))
        if name != "xyzzy":
            rewrite(mask_of.with_name(f"{name}.nii.gz"), np.zeros_like)
    ended = score_case()
    assert ended.code == 0
    lines = ended.err.splitlines()
    assert [line.split()[0] for line in lines] == ["UNKNOWN_NAME", "EMPTY_MASK", "EMPTY_MASK"]
    assert lines[2] == "EMPTY_MASK The same of colon, liver, spleen."
    assert "5 masks without a scored slice: brain, colon, liver, spleen, xyzzy" in " ".join(ended.out.split())


def test_masks_left_out_for_different_reasons_are_each_told_with_theirs(score_case, mask_of: Path):
    contents = {
        "colon": b"",
        "spleen": b"<!DOCTYPE html><html></html>",
        "heart": b"hello",
        "aorta": b"\0" * 400,
    }
    for name, content in contents.items():
        mask_of.with_name(f"{name}.nii.gz").write_bytes(content)
    ended = score_case()
    assert ended.code == 0
    lines = [line for line in ended.err.splitlines() if line.startswith("MASK_LEFT_OUT")]
    assert len(lines) == 4 and all(f"{name}.nii.gz" in "".join(lines) for name in contents)
    assert any("0 bytes" in line for line in lines) and any("web page" in line for line in lines)


def test_brackets_in_a_path_are_printed_as_they_are(score_case, tmp_path: Path):
    assert f"{tmp_path}/[red]out/report.csv" in score_case("--out", tmp_path / "[red]out").out


def test_a_terminal_without_blocks_gets_question_marks_instead_of_a_traceback(
    case: Path, model: Path, tmp_path: Path
):
    command = ["score", str(case / "ct.nii.gz"), str(case / "segmentations"), "--model", str(model)]
    ended = subprocess.run(
        [sys.executable, "-m", "segae", *command, "--out", str(tmp_path / "out")],
        capture_output=True,
        text=True,
        env=os.environ
        | {"PYTHONPATH": str(resource_dir().parent), "PYTHONIOENCODING": "ascii", "OMP_NUM_THREADS": "1"},
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "vertebrae_T11" in ended.stdout
    with (tmp_path / "out/report.csv").open(newline="") as stream:
        assert sum(1 for line in csv.reader(stream) if not line[0].startswith("#")) == 4
