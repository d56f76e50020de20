"""What can go wrong with a worklist is said where the user looks, and nothing half-done stays behind."""
# pyright: reportAttributeAccessIssue=false, reportMissingImports=false

from __future__ import annotations

from dataclasses import replace

import pytest
from panel_views import in_view
from worklist_steps import erase, item, open_folder, own_nodes, press, reviews, settle

from segae.batch.store import ResultStore
from segae.results.files import read_report, write_report
from segae.results.reviews import ReviewLog, read_reviews


def test_a_case_whose_files_are_gone_is_said_and_skipped(opened, bed, results, tmp_path):
    path = ResultStore(results).report_path("one")
    report = read_report(path)
    write_report(replace(report, ct=str(tmp_path / "moved.nii.gz")), path)
    opened.ui.worklistShowButton.pressed.emit()
    press(opened, "worklistShowButton", bed)
    assert "moved.nii.gz" in opened.messages.text and "cannot be found" in opened.messages.text
    assert own_nodes("vtkMRMLSegmentationNode") == [] and in_view(opened.ui.messageLabel)
    press(opened, "worklistSkipButton", bed)
    assert item(opened) == ("two", "kidney_left") and opened.messages.text == ""
    assert [review.decision for review in reviews(results)] == ["skip"]


def test_a_mask_that_is_not_the_scored_one_any_more_is_not_judged(opened, bed, results):
    path = ResultStore(results).report_path("one")
    report = read_report(path)
    other = tuple(replace(one, n_voxels=one.n_voxels + 1) for one in report.segments)
    write_report(replace(report, segments=other), path)
    press(opened, "worklistShowButton", bed)
    assert "not the mask that was scored" in opened.messages.text
    press(opened, "worklistAcceptButton", bed)
    assert "run segae batch again" in opened.messages.text and reviews(results) == ()


def test_files_that_are_newer_than_their_report_are_told_with_the_mask(opened, bed, results):
    path = ResultStore(results).report_path("one")
    report = read_report(path)
    write_report(replace(report, options={**report.options, "inputs": {}}), path)
    press(opened, "worklistShowButton", bed)
    assert "were changed after they were scored" in opened.ui.worklistCurrent.text
    press(opened, "worklistAcceptButton", bed)
    assert [review.decision for review in reviews(results)] == ["accept"], "the mask has the same voxels"


def test_a_folder_that_cannot_be_written_to_says_so_and_keeps_the_edit(opened, bed, results):
    press(opened, "worklistShowButton", bed)
    erase("spleen")
    (results / "corrected").write_text("a file where the folder should be")
    press(opened, "worklistSaveNextButton", bed)
    assert "Cannot write" in opened.messages.text and reviews(results) == ()
    assert item(opened) == ("one", "spleen") and opened.ui.worklistSaveNextButton.enabled
    (results / "corrected").unlink()
    press(opened, "worklistSaveNextButton", bed)
    assert [review.decision for review in reviews(results)] == ["corrected"]


def test_a_save_that_is_killed_is_said_and_can_be_done_again(opened, bed, results):
    import os
    import signal

    press(opened, "worklistShowButton", bed)
    erase("spleen")
    opened.ui.worklistSaveNextButton.click()
    os.killpg(opened.worklist._calls._calls["save"].job._child.pid, signal.SIGKILL)
    settle(opened, bed)
    assert "Saving the masks was killed" in opened.messages.text and reviews(results) == ()
    assert item(opened) == ("one", "spleen") and not list(results.rglob("*.seg.nrrd"))
    press(opened, "worklistSaveNextButton", bed)
    assert [review.decision for review in reviews(results)] == ["corrected"]
    assert {path.name for path in (results / "corrected").iterdir()} == {"cases", "one.seg.nrrd"}


def test_a_damaged_list_of_another_reviewer_is_named_and_costs_no_decision(opened, bed, results):
    press(opened, "worklistShowButton", bed)
    (results / "reviews").mkdir()
    (results / "reviews" / "Bo.jsonl").write_text("[]\n")
    press(opened, "worklistAcceptButton", bed)
    assert "Bo.jsonl" in opened.ui.worklistInfo.text
    assert [row.decision for row in read_reviews([ReviewLog(results, "Ann").path])] == ["accept"]
    assert item(opened) == ("two", "kidney_left")


@pytest.mark.parametrize("what", ["empty", "missing", "no results"])
def test_a_folder_without_results_is_said(desk, bed, tmp_path, what):
    folder = tmp_path / "folder"
    if what != "missing":
        folder.mkdir()
    if what == "no results":
        (folder / "scan.nii.gz").touch()
    open_folder(desk, folder, bed)
    assert str(folder) in desk.messages.text and not desk.ui.worklistBody.visible
    assert in_view(desk.ui.messageLabel)


def test_results_in_parquet_need_pyarrow(desk, bed, results, monkeypatch):
    from SegAELib.app import dependencies

    installed = dependencies._installed
    monkeypatch.setattr(
        dependencies, "_installed", lambda name: None if name == "pyarrow" else installed(name)
    )
    asked = []
    monkeypatch.setattr(desk.packages, "ask", lambda: asked.append(desk.context.missing))
    desk.context.ask_for_packages = desk.packages.ask
    open_folder(desk, results, bed)
    assert [one.name for (one,) in asked] == ["pyarrow"] and desk.worklist.worklist is None


def test_a_reviewer_without_a_name_is_asked_for_one(opened, bed, results):
    press(opened, "worklistShowButton", bed)
    opened.ui.reviewerEdit.text = " "
    press(opened, "worklistAcceptButton", bed)
    assert "enter one" in opened.messages.text and reviews(results) == ()
