"""The worklist: a folder of results is opened, masks are corrected and decided, and nothing is lost."""
# pyright: reportAttributeAccessIssue=false, reportMissingImports=false

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from panel_views import table_text
from worklist_steps import (
    CASES,
    WRONG,
    checksums,
    erase,
    item,
    open_folder,
    own_nodes,
    press,
    reviews,
    settle,
    shown,
    start,
)

from segae.batch.store import ResultStore
from segae.batch.worklist import Outcome, corrected_path, review_of
from segae.io.segmentation import read_segmentation
from segae.results.files import read_report
from segae.results.reviews import ReviewLog


def test_a_folder_lists_its_masks_in_review_order_over_all_cases(opened, dense):
    rows = table_text(opened.ui.worklistTable)
    assert [tuple(row[:2]) for row in rows] == list(WRONG)
    assert [row[5] for row in rows] == ["30.0 ml", "20.0 ml", "10.0 ml"]
    assert {row[4] for row in rows} == {"poor"} and {row[2] for row in rows} == {""}
    assert opened.ui.worklistProgress.text == "0 of 3 masks done"
    assert own_nodes("vtkMRMLSegmentationNode") == [], "nothing is loaded before it is asked for"


def test_a_mask_is_shown_with_its_scores_at_its_worst_slice_and_its_errors(opened, bed, results):
    import slicer

    press(opened, "worklistShowButton", bed)
    assert item(opened) == ("one", "spleen") and opened.messages.text == ""
    node, volume = shown()
    names = [node.GetSegmentation().GetSegment(i).GetName() for i in node.GetSegmentation().GetSegmentIDs()]
    assert sorted(names) == sorted(CASES["one"])
    assert opened.parameters.segmentation is node and opened.parameters.volume is volume
    report = read_report(ResultStore(results).report_path("one"))
    listed = opened.session.results.whole_report()
    assert [one.segment for one in listed.segments] == [one.segment for one in report.segments]
    assert listed.segments[0].slices == report.segments[0].slices, "nothing was scored again"
    assert opened.results.segment == "spleen" and opened.results.current is not None
    place = opened.session.results.place(opened.results.current)
    red = slicer.app.layoutManager().sliceWidget("Red").sliceLogic()
    assert red.GetSliceOffset() == pytest.approx(place[2], abs=1.5)
    assert "It looks odd." in opened.ui.worklistCurrent.text
    assert opened.ui.whereButton.checked and opened.errors.is_shown
    assert "missing" in opened.ui.whereLabel.text
    background = slicer.app.layoutManager().sliceWidget("Red").sliceLogic().GetSliceCompositeNode()
    assert background.GetBackgroundVolumeID() == volume.GetID()


def test_accepting_goes_on_to_the_next_mask_and_leaves_what_is_the_users(opened, bed, results, sample_dir):
    import slicer

    own = slicer.util.loadVolume(str(sample_dir / "ct.nii.gz"), {"name": "own"})
    press(opened, "worklistShowButton", bed)
    opened.ui.worklistNoteEdit.text = "fine"
    press(opened, "worklistAcceptButton", bed)
    assert item(opened) == ("two", "kidney_left")
    assert own.GetScene() is not None
    volumes = [node for node in own_nodes("vtkMRMLScalarVolumeNode") if node is not own]
    assert [node.GetName() for node in volumes] == ["two"]
    (review,) = reviews(results)
    assert (review.key, review.decision, review.reviewer) == (("one", "spleen"), "accept", "Ann")
    assert (review.note, review.dice) == ("fine", 1.0) and review.seconds > 0
    assert len(review.slices) == 3 and {one.dice for one in review.slices} == {1.0}
    assert opened.ui.worklistProgress.text == "1 of 3 masks done"
    assert [row[2] for row in table_text(opened.ui.worklistTable)] == ["accepted, Ann", "", ""]


def test_a_correction_is_saved_beside_the_original_scored_and_logged(opened, bed, results, data_set):
    data, _ = data_set
    before = checksums(data)
    press(opened, "worklistShowButton", bed)
    erase("spleen")
    node, volume = shown()
    import slicer

    edited = slicer.util.arrayFromSegmentBinaryLabelmap(node, "spleen", volume).astype(bool)
    press(opened, "worklistSaveNextButton", bed)
    assert opened.messages.text == "" and item(opened) == ("two", "kidney_left")
    saved = {one.name: one for one in read_segmentation(corrected_path(results, "one")).segments}
    assert saved.keys() == set(CASES["one"])
    assert np.array_equal(saved["spleen"].full_mask(), edited)
    (original,) = read_segmentation(data / "one" / "segmentations" / "gallbladder.nii.gz").segments
    assert np.array_equal(saved["gallbladder"].full_mask(), original.full_mask())
    assert checksums(data) == before
    (review,) = reviews(results)
    (spleen,) = read_segmentation(data / "one" / "segmentations" / "spleen.nii.gz").segments
    first = spleen.full_mask()
    assert review.decision == "corrected" and review.corrected == "corrected/one.seg.nrrd"
    assert review.dice == pytest.approx(2 * (first & edited).sum() / (first.sum() + edited.sum()))
    again = read_report(ResultStore(results / "corrected").report_path("one"))
    assert {one.segment for one in again.scored} == set(CASES["one"])
    assert again.segmentation == str(corrected_path(results, "one"))


def test_a_new_panel_goes_on_at_the_same_place_with_what_was_corrected(opened, bed, results, dense):
    press(opened, "worklistShowButton", bed)
    erase("spleen")
    press(opened, "worklistSaveNextButton", bed)
    press(opened, "worklistSkipButton", bed)
    assert item(opened) == ("one", "gallbladder")
    import slicer

    bed.unload_module("SegAE")  # as after a crash: nothing is handed on but the files
    slicer.mrmlScene.Clear()
    made = bed.load_module(Path(__file__).parents[2] / "SegAE" / "SegAE.py")
    panel = start(made, dense)
    open_folder(panel, results, bed)
    assert panel.ui.worklistProgress.text == "2 of 3 masks done"
    press(panel, "worklistShowButton", bed)
    assert item(panel) == ("one", "gallbladder")
    node, volume = shown()
    now = slicer.util.arrayFromSegmentBinaryLabelmap(node, "spleen", volume).astype(bool)
    saved = {one.name: one.full_mask() for one in read_segmentation(corrected_path(results, "one")).segments}
    assert np.array_equal(now, saved["spleen"])
    erase("gallbladder")
    press(panel, "worklistSaveNextButton", bed)
    both = {one.name: one.full_mask() for one in read_segmentation(corrected_path(results, "one")).segments}
    assert np.array_equal(both["spleen"], saved["spleen"]), "what was saved before is kept"
    assert not np.array_equal(both["gallbladder"], saved["gallbladder"])
    assert "All masks that need review are done" in panel.messages.text


def test_what_another_person_did_is_passed_over_and_named(opened, bed, results):
    press(opened, "worklistShowButton", bed)
    report = read_report(ResultStore(results).report_path("two"))
    ReviewLog(results, "Bo").append(review_of(report, "kidney_left", "Bo", Outcome("accept", 3.0)))
    press(opened, "worklistAcceptButton", bed)
    assert item(opened) == ("one", "gallbladder")
    states = {tuple(row[:2]): row[2] for row in table_text(opened.ui.worklistTable)}
    assert states["two", "kidney_left"] == "accepted, Bo"
    assert sorted(path.name for path in (results / "reviews").iterdir()) == ["Ann.jsonl", "Bo.jsonl"]
    combo = opened.ui.worklistCombo
    combo.setCurrentIndex(combo.findData("to do"))
    assert [tuple(row[:2]) for row in table_text(opened.ui.worklistTable)] == [("one", "gallbladder")]


def test_leaving_a_case_with_edits_asks(opened, bed, results):
    press(opened, "worklistShowButton", bed)
    erase("spleen")
    opened.worklist.choose(opened.worklist.worklist.items[1])
    settle(opened, bed)
    assert opened.ui.worklistQuestion.visible and "spleen" in opened.ui.worklistQuestionLabel.text
    press(opened, "worklistStayButton", bed)
    assert item(opened) == ("one", "spleen") and not opened.ui.worklistQuestion.visible
    opened.worklist.choose(opened.worklist.worklist.items[1])
    press(opened, "worklistDiscardButton", bed)
    assert item(opened) == ("two", "kidney_left") and not corrected_path(results, "one").exists()
    erase("kidney_left")
    opened.worklist.choose(opened.worklist.worklist.items[2])
    press(opened, "worklistSaveButton", bed)
    assert item(opened) == ("one", "gallbladder") and corrected_path(results, "two").exists()
    assert [review.decision for review in reviews(results)] == ["corrected"]


def test_accepting_an_edited_mask_asks(opened, bed, results):
    press(opened, "worklistShowButton", bed)
    erase("spleen")
    press(opened, "worklistAcceptButton", bed)
    assert opened.ui.worklistQuestion.visible and reviews(results) == ()
    press(opened, "worklistDiscardButton", bed)
    assert item(opened) == ("two", "kidney_left")
    assert [review.decision for review in reviews(results)] == ["accept"]


def test_a_save_without_a_change_is_refused(opened, bed, results):
    press(opened, "worklistShowButton", bed)
    opened.ui.worklistSaveNextButton.pressed.emit()
    press(opened, "worklistSaveNextButton", bed)
    assert "Nothing was changed" in opened.messages.text and reviews(results) == ()


def test_keys_open_accept_and_skip(opened, bed, results):
    from PySide6.QtCore import Qt

    for key in (Qt.Key.Key_F5, Qt.Key.Key_F7, Qt.Key.Key_F8):
        bed.press(opened.ui.worklistTable, key)
        settle(opened, bed)
    assert [review.decision for review in reviews(results)] == ["accept", "skip"]
    assert item(opened) == ("one", "gallbladder")


def test_a_key_in_the_segment_editor_saves_and_comes_back(opened, bed, results):
    import slicer
    from PySide6.QtCore import Qt

    press(opened, "worklistShowButton", bed)
    bed.press(opened.ui.worklistTable, Qt.Key.Key_F9)
    assert slicer.util.selectedModule() == "SegmentEditor"
    erase("spleen")
    bed.press(slicer.util.mainWindow(), Qt.Key.Key_F6)
    settle(opened, bed)
    assert slicer.util.selectedModule() == "SegAE"
    assert [review.key for review in reviews(results)] == [("one", "spleen")]
    assert item(opened) == ("two", "kidney_left")


def test_twenty_thousand_masks_are_shown_a_window_at_a_time(desk, bed, results, monkeypatch):
    rows = [
        [f"case {n}", "liver", "poor", 0.5, None, None, 1.0, 1.0, True, "cases/x.parquet"]
        for n in range(20000)
    ]

    def many(folder, out):
        decided = [[f"case {n}", "liver", "accept", "Bo", "2026-12-01", 1000.0] for n in range(1000)]
        lines = [json.dumps({"offsets": {}, "done": decided}), *map(json.dumps, rows)]
        Path(out).write_text("\n".join(lines) + "\n")
        return []

    class Here:
        """A call without a child."""

        def __init__(self, function, arguments, messages):
            self.folder, self.out = arguments["folder"], arguments["out"]

        def start(self):
            many(self.folder, self.out)

        def poll(self):
            from segae.jobs.events import Returned

            return [Returned([])]

        def close(self):
            """Nothing runs."""

    monkeypatch.setattr("SegAELib.app.calls.CallJob", Here)
    open_folder(desk, results, bed)
    bed.wait_until(lambda: desk.ui.worklistProgress.text == "1000 of 20000 masks done", 60)
    table = desk.ui.worklistTable
    assert table.rowCount == 300 and "Rows 981 to 1280 of 20000" in desk.ui.worklistInfo.text
    assert table.item(20, 0).text() == "case 1000", "the first that is not done"
    desk.ui.worklistFilterEdit.text = "19999"
    assert table.rowCount == 1
    desk.ui.worklistFilterEdit.text = ""
    assert table.rowCount == 300


def test_closing_the_scene_leaves_the_list_and_the_case_can_be_opened_again(opened, bed):
    import slicer

    press(opened, "worklistShowButton", bed)
    slicer.mrmlScene.Clear()
    bed.process_events(0.1)
    assert not opened.ui.worklistSaveNextButton.enabled
    press(opened, "worklistShowButton", bed)
    assert item(opened) == ("one", "spleen") and len(own_nodes("vtkMRMLSegmentationNode")) == 1
