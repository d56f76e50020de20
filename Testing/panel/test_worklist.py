"""The worklist: a folder of results is opened, masks are corrected and decided, and nothing is ever lost."""
# pyright: reportAttributeAccessIssue=false, reportMissingImports=false

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from panel_views import in_view, paint_out, table_text

from segae.batch.runner import run_batch
from segae.batch.store import ResultStore
from segae.batch.worklist import corrected_path
from segae.io.layouts import find_cases
from segae.io.segmentation import read_segmentation
from segae.results.files import read_report, write_report
from segae.results.reviews import ReviewLog, read_reviews, review_files
from segae.scoring.options import ScoringOptions
from segae.scoring.scorer import Scorer
from SegAELib.mrml.binding import nodes_of_class
from SegAELib.mrml.nodes import OVERLAY_ATTRIBUTE

CASES = {"one": ("spleen", "gallbladder"), "two": ("kidney_left",)}
# In review order; the verdicts and volumes of a network with random weights would not hold still.
WRONG = {("one", "spleen"): 30.0, ("two", "kidney_left"): 20.0, ("one", "gallbladder"): 10.0}


@pytest.fixture(scope="session")
def scored(tmp_path_factory, sample_dir, dense):
    """Two cases of the sample and their results, of a model that says where an organ is."""
    data, out = tmp_path_factory.mktemp("data"), tmp_path_factory.mktemp("results")
    for case, organs in CASES.items():
        (data / case / "segmentations").mkdir(parents=True)
        shutil.copyfile(sample_dir / "ct.nii.gz", data / case / "ct.nii.gz")
        for organ in organs:
            name = f"segmentations/{organ}.nii.gz"
            shutil.copyfile(sample_dir / name, data / case / name)
    run_batch(find_cases(data), out, Scorer(dense, device="cpu"), ScoringOptions(slices=3))
    for path in ResultStore(out).report_files():
        report = read_report(path)
        segments = (
            replace(one, verdict="poor", wrong_ml=WRONG[report.case, one.segment], reasons=("It looks odd.",))
            for one in report.segments
        )
        write_report(replace(report, segments=tuple(segments)), path)
    return data, out


@pytest.fixture
def data(scored, tmp_path):
    return scored[0]


@pytest.fixture
def results(scored, tmp_path):
    """A copy of the results that a test may write to."""
    return Path(shutil.copytree(scored[1], tmp_path / "results"))


def start(widget, dense, reviewer="Ann"):
    panel = widget.panel
    panel.parameters.model, panel.parameters.device = str(dense), "cpu"
    panel.ui.worklistSection.collapsed = False
    panel.ui.reviewerEdit.text = reviewer
    return panel


@pytest.fixture
def desk(widget, dense, bed):
    """The panel of a reviewer."""
    return start(widget, dense)


@pytest.fixture
def opened(desk, results, bed):
    open_folder(desk, results, bed)
    return desk


def open_folder(panel, folder, bed):
    panel.ui.openResultsButton.pressed.emit()
    panel.worklist.open(folder)
    bed.wait_until(lambda: panel.ui.openResultsButton.enabled, 60)
    bed.process_events()


def settle(panel, bed):
    """Wait until the chosen mask is there and everything beside it is over."""

    def over():
        section = panel.worklist
        return not (section.busy or section.is_scoring or section._calls._calls or panel.runs.busy)

    bed.process_events(0.05)
    bed.wait_until(over, 120)
    bed.process_events()


def press(panel, name, bed):
    getattr(panel.ui, name).click()
    settle(panel, bed)


def item(panel):
    return None if panel.worklist.item is None else panel.worklist.item.key


def own_nodes(kind):
    import slicer

    nodes = nodes_of_class(slicer.mrmlScene, kind)
    return [node for node in nodes if not node.GetAttribute(OVERLAY_ATTRIBUTE)]


def loaded():
    (node,) = own_nodes("vtkMRMLSegmentationNode")
    (volume,) = own_nodes("vtkMRMLScalarVolumeNode")
    return node, volume


def erase(segment):
    """What a user does in the Segment Editor."""
    node, volume = loaded()
    import slicer

    mask = slicer.util.arrayFromSegmentBinaryLabelmap(node, segment, volume)
    paint_out(node, segment, volume, np.flatnonzero(mask.any(axis=(1, 2)))[:4])


def reviews(folder):
    return read_reviews(review_files(folder))


def checksums(folder):
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


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
    node, volume = loaded()
    names = [node.GetSegmentation().GetSegment(i).GetName() for i in node.GetSegmentation().GetSegmentIDs()]
    assert sorted(names) == sorted(CASES["one"])
    assert opened.parameters.segmentation is node and opened.parameters.volume is volume
    report = read_report(ResultStore(results).report_path("one"))
    shown = opened.session.results.whole_report()
    assert [one.segment for one in shown.segments] == [one.segment for one in report.segments]
    assert shown.segments[0].slices == report.segments[0].slices, "nothing was scored again"
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


def test_a_correction_is_saved_beside_the_original_scored_and_logged(opened, bed, results, data):
    before = checksums(data)
    press(opened, "worklistShowButton", bed)
    erase("spleen")
    node, volume = loaded()
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


def test_a_new_panel_goes_on_at_the_same_place_with_what_was_corrected(
    opened, bed, results, dense, scored, widget
):
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
    node, volume = loaded()
    shown = slicer.util.arrayFromSegmentBinaryLabelmap(node, "spleen", volume).astype(bool)
    saved = {one.name: one.full_mask() for one in read_segmentation(corrected_path(results, "one")).segments}
    assert np.array_equal(shown, saved["spleen"])
    erase("gallbladder")
    press(panel, "worklistSaveNextButton", bed)
    both = {one.name: one.full_mask() for one in read_segmentation(corrected_path(results, "one")).segments}
    assert np.array_equal(both["spleen"], saved["spleen"]), "what was saved before is kept"
    assert not np.array_equal(both["gallbladder"], saved["gallbladder"])
    assert "All masks that need review are done" in panel.messages.text


def test_what_another_person_did_is_passed_over_and_named(opened, bed, results):
    press(opened, "worklistShowButton", bed)
    report = read_report(ResultStore(results).report_path("two"))
    from segae.batch.worklist import Outcome, review_of

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


def test_twenty_thousand_masks_are_shown_a_window_at_a_time(desk, bed, results, monkeypatch):
    rows = [
        [f"case {n}", "liver", "poor", 0.5, None, None, 1.0, 1.0, True, "cases/x.parquet"]
        for n in range(20000)
    ]

    def many(folder, out):
        lines = [json.dumps({"offsets": {}, "done": []}), *map(json.dumps, rows)]
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
    bed.wait_until(lambda: desk.ui.worklistProgress.text == "0 of 20000 masks done", 60)
    table = desk.ui.worklistTable
    assert table.rowCount == 300 and "Rows 1 to 300 of 20000" in desk.ui.worklistInfo.text
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
