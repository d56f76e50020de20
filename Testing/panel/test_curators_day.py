"""A curator's day: eight cases with planted errors, from the cluster to a corrected data set."""
# pyright: reportAttributeAccessIssue=false, reportMissingImports=false

from __future__ import annotations

import csv
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import SimpleITK
from one_machine_slurm import one_machine_slurm
from panel_views import table_text
from worklist_steps import checksums, open_folder, press, start

from segae.batch.store import ResultStore
from segae.batch.worklist import Outcome, corrected_path, review_of
from segae.files import resource_dir
from segae.io.segmentation import read_segmentation
from segae.models.checkpoint import read_spec
from segae.results.files import read_report
from segae.results.reviews import ReviewLog, read_reviews, review_files

ORGANS = ("liver", "spleen", "kidney_left", "kidney_right", "aorta", "autochthon_left")
CASES = tuple(f"case{n}" for n in range(8))
PLANTED = {("case3", "spleen"), ("case6", "liver")}  # cut off
SLICES = ("--slices", "4")


@pytest.fixture(scope="module")
def data(tmp_path_factory, sample_dir: Path) -> Path:
    folder = tmp_path_factory.mktemp("day") / "data"
    for case in CASES:
        (folder / case / "segmentations").mkdir(parents=True)
        os.link(sample_dir / "ct.nii.gz", folder / case / "ct.nii.gz")
        for organ in ORGANS:
            name = f"segmentations/{organ}.nii.gz"
            image = SimpleITK.ReadImage(str(sample_dir / name))
            if (case, organ) in PLANTED:
                image = cut_off(image)
            SimpleITK.WriteImage(image, str(folder / case / name))
    return folder


def cut_off(image: SimpleITK.Image) -> SimpleITK.Image:
    """More than half of a mask is missing."""
    mask = SimpleITK.GetArrayFromImage(image)
    rows = np.flatnonzero(mask.any(axis=(0, 2)))
    mask[:, : rows[int(0.6 * len(rows))]] = 0
    cut = SimpleITK.GetImageFromArray(mask)
    cut.CopyInformation(image)
    return cut


def segae(*words: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command, as a user runs it."""
    ended = subprocess.run(
        [sys.executable, "-m", "segae", *map(str, words)],
        capture_output=True,
        text=True,
        env=os.environ
        | {"PYTHONPATH": str(resource_dir().parent), "OMP_NUM_THREADS": "1", "COLUMNS": "100", **environment},
    )
    assert ended.returncode == 0, ended.stderr
    return ended


def mend(panel, sample_dir: Path) -> None:
    """Put the whole mask in the place of the chosen one, as a careful annotator would draw it."""
    import slicer

    organ = panel.worklist.item.segment
    node, volume = panel.parameters.segmentation, panel.parameters.volume
    image = SimpleITK.ReadImage(str(sample_dir / "segmentations" / f"{organ}.nii.gz"))
    array = np.ascontiguousarray(SimpleITK.GetArrayFromImage(image).astype(np.uint8))
    segment_id = node.GetSegmentation().GetSegmentIdBySegmentName(organ)
    slicer.util.updateSegmentBinaryLabelmapFromArray(array, node, segment_id, volume)


def test_from_the_cluster_to_a_corrected_data_set(widget, bed, data: Path, sample_dir: Path, tmp_path: Path):
    out, before = tmp_path / "scores", checksums(data)

    with one_machine_slurm(tmp_path / "slurm") as slurm:
        segae("batch", data, "--out", out, *SLICES, "--slurm", "--jobs", 3, **slurm.environment)
    with (out / "ranking_structure.csv").open(newline="") as stream:
        worst = [(row["case"], row["segment"]) for row in csv.DictReader(stream)]
    assert set(worst[:2]) == PLANTED and len(worst) == len(CASES) * len(ORGANS)

    segae("report", out)
    page = (out / "report.html").read_text(encoding="utf-8")
    assert all(case in page for case in CASES)

    panel = start(widget, Path("bundled"))
    open_folder(panel, out, bed)
    assert panel.worklist.worklist is not None, panel.messages.text
    assert {tuple(row[:2]) for row in table_text(panel.ui.worklistTable)[:2]} == PLANTED
    press(panel, "worklistShowButton", bed)
    for _ in PLANTED:
        mend(panel, sample_dir)
        press(panel, "worklistSaveNextButton", bed)
        assert panel.messages.text == "" or "All masks" in panel.messages.text
    mine = read_reviews(review_files(out))
    assert {review.key for review in mine} == PLANTED
    assert all(review.decision == "corrected" and 0.3 < (review.dice or 0.0) < 0.9 for review in mine)

    for report in ResultStore(out).reports():  # another person accepts the others
        for segment in {one.segment for one in report.scored} - {s for c, s in PLANTED if c == report.case}:
            ReviewLog(out, "Bo").append(review_of(report, segment, "Bo", Outcome("accept", 2.0)))
    model = tmp_path / "site.safetensors"
    told = segae("recalibrate", out, "--out", model)
    assert told.stdout.startswith("Learned from 48 masks of 8 cases, 46 of them accepted and 2 corrected.")
    assert read_spec(model).name == "site"

    again = segae("batch", data, "--out", out, *SLICES, "--corrected", out)
    assert "2 scored, 6 done before, 0 failed" in again.stderr
    for case, organ in PLANTED:
        report = read_report(ResultStore(out).report_path(case))
        assert report.segmentation == str(corrected_path(out, case))
        (mended,) = (one for one in report.segments if one.segment == organ)
        whole = read_segmentation(sample_dir / "segmentations" / f"{organ}.nii.gz").segments[0].full_mask()
        assert mended.n_voxels == whole.sum()
    assert "0 scored, 8 done before" in segae("batch", data, "--out", out, *SLICES, "--corrected", out).stderr
    assert checksums(data) == before
