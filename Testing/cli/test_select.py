"""`segae select` as a user runs it."""

from __future__ import annotations

import csv
from pathlib import Path


def test_it_writes_both_files_beside_the_results_and_says_how_many(segae, score_case, tmp_path: Path):
    out = tmp_path / "out"
    score_case("--out", out)
    ended = segae("select", out, "--budget", 5, "--threshold", "0.99")
    assert ended.out.split() == [f"{out}/selection.csv", f"{out}/selection.json"]
    assert ended.err.strip() == "1 of 1 masks that need review are chosen."
    with (out / "selection.csv").open(newline="") as stream:
        (row,) = csv.DictReader(stream)
    assert row["mask"].endswith("segmentations/vertebrae_T11.nii.gz")


def test_a_folder_without_results_is_refused(segae, tmp_path: Path):
    assert "holds no results of a batch" in segae("select", tmp_path).refusal()
    assert list(tmp_path.iterdir()) == []
