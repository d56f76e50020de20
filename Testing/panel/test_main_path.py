"""From the loaded CT to the worst slice, its edit, its mark, and back after reloading."""
# pyright: reportAttributeAccessIssue=false, reportMissingImports=false

from __future__ import annotations

import pytest
from flat_rows import rows_of, slices
from panel_views import paint_out, table_text

from segae import score

ORGANS = ("spleen", "kidney_left", "aorta", "vertebrae_L1", "gallbladder")  # those of the fixture `masks`


def test_the_panel_says_what_to_do_before_anything_is_loaded(panel):
    assert not panel.ui.rankButton.enabled
    assert "Choose a segmentation" in panel.ui.rankButton.toolTip
    assert "Sample Data" in panel.ui.inputsInfo.text
    assert not panel.ui.resultsBody.visible


def test_what_is_loaded_is_chosen_with_organs_guessed_by_name(loaded, ct):
    assert loaded.parameters.volume is ct
    assert loaded.ui.inputsInfo.text == "122 x 101 x 30 voxels of 3.00 x 3.00 x 3.00 mm"
    assert {i: guess.structure.name for i, guess in loaded.inputs.table.organs.items()} == {
        "spleen": "spleen",
        "kidney_left": "kidney left",
        "aorta": "aorta",
        "vertebrae_L1": "vertebrae L1",
        "gallbladder": "gallbladder",
    }
    assert loaded.ui.rankButton.enabled
    assert loaded.ui.organsInfo.text == "5 of 5 checked"


def test_ranking_shows_the_lowest_dice_first_or_what_is_to_be_reviewed(ranked, bed):
    results = ranked.session.results
    rows = table_text(ranked.ui.rankingTable)
    assert [row[0] for row in rows] == [one.result.segment for one in results.ranking("review")]
    ranked.ui.orderCombo.setCurrentIndex(1)
    bed.process_events()
    assert ranked.parameters.order == "dice"
    rows = table_text(ranked.ui.rankingTable)
    dice = [float(row[2]) for row in rows]
    assert dice == sorted(dice)
    assert {row[0] for row in rows} == set(ORGANS)
    poor, total = results.count_below()
    assert ranked.ui.summaryLabel.text.startswith(f"{poor} of {total} slices are below 0.70")
    assert "tiny" in ranked.ui.summaryLabel.text
    assert 0 < poor < total


def test_the_panel_the_command_line_and_the_module_logic_give_the_same_scores(
    ranked, masks, ct, model, sample_dir
):
    from_panel = {
        (i, n): row.raw_score
        for i, rows in rows_of(ranked.session.results).items()
        for n, row in rows.items()
    }
    report = score(
        sample_dir / "ct.nii.gz", sample_dir / "segmentation_multilabel.nii.gz", model=model, device="cpu"
    )
    from_files = {(r.segment, r.slice): r.raw_score for r in slices(report) if r.segment in ORGANS}
    assert from_panel == pytest.approx(from_files, abs=1e-6)

    from SegAE import SegAELogic

    report = SegAELogic().score(ct, masks, model=str(model), device="cpu", keep=False)
    assert {(r.segment, r.slice): r.raw_score for r in slices(report)} == pytest.approx(from_panel, abs=1e-6)


def test_a_click_on_a_slice_moves_all_views_there(ranked, bed):
    import slicer

    ranked.ui.rankingTable.setCurrentCell(1, 0)
    bed.process_events()
    segment_id, index = ranked.results.current
    row = ranked.session.results.slice((segment_id, index))
    assert row == ranked.session.results.slices_in_order(segment_id)[0]
    assert ranked.ui.sliceTable.item(0, 0).text() == str(index)
    ranked.ui.sliceTable.setCurrentCell(2, 0)
    bed.process_events()
    row = ranked.session.results.slice(ranked.results.current)
    views = slicer.app.layoutManager()
    offsets = [views.sliceWidget(n).sliceLogic().GetSliceOffset() for n in ("Red", "Yellow", "Green")]
    assert offsets == pytest.approx([row.z, -row.x, row.y], abs=1e-3), "sagittal slices count to the left"


def test_the_next_worst_slice_goes_over_all_segments(ranked):
    order = ranked.session.results.all_slices()
    walked = []
    for _ in range(4):
        ranked.ui.nextButton.click()
        walked.append(ranked.results.current)
    assert walked == order[:4]
    assert len({segment for segment, _ in order}) == len(ORGANS)
    ranked.ui.previousButton.click()
    assert ranked.results.current == order[2]


def test_the_keys_n_and_p_walk_while_the_module_is_shown(ranked, bed):
    from PySide6 import QtCore

    order = ranked.session.results.all_slices()
    bed.press(bed.main_window, QtCore.Qt.Key.Key_N)
    bed.press(bed.main_window, QtCore.Qt.Key.Key_N)
    assert ranked.results.current == order[1]
    bed.press(bed.main_window, QtCore.Qt.Key.Key_P)
    assert ranked.results.current == order[0]
    bed.select_module("SegmentEditor")
    bed.press(bed.main_window, QtCore.Qt.Key.Key_N)
    assert ranked.results.current == order[0]


def test_a_click_on_the_strip_goes_to_that_slice(ranked, bed):
    ranked.results.choose_segment("spleen")
    indices = [row.slice for row in ranked.session.results.slices("spleen")]
    strip = ranked.ui.heatStrip
    bed.click(strip, strip.width - 2, 10)
    assert ranked.results.current == ("spleen", max(indices))
    bed.click(strip, 2, 10)
    assert ranked.results.current == ("spleen", min(indices))


def test_the_strip_marks_the_slice_that_the_views_show(ranked, bed, ct):
    import slicer

    ranked.results.choose_segment("spleen")
    before = ranked.ui.heatStrip.grab().toImage()
    logic = slicer.app.layoutManager().sliceWidget("Red").sliceLogic()
    logic.SetSliceOffset(logic.GetSliceOffset() - 9)
    bed.process_events()
    assert ranked.ui.heatStrip.grab().toImage() != before


def test_a_segment_is_opened_in_the_segment_editor(ranked, bed, ct, masks):
    import slicer

    ranked.results.choose_segment("aorta")
    ranked.ui.editButton.click()
    bed.process_events()
    editor = slicer.modules.segmenteditor.widgetRepresentation().self().editor
    assert slicer.util.selectedModule() == "SegmentEditor"
    assert editor.segmentationNode() is masks
    assert editor.sourceVolumeNode() is ct
    assert editor.currentSegmentID() == "aorta"


def test_an_edit_turns_the_row_stale_and_only_its_slices_are_scored_again(ranked, bed, finish, masks, ct):
    old = ranked.session.results
    before = {i: dict(rows) for i, rows in rows_of(old).items()}
    edited = [row.slice for row in old.slices("spleen")][3:5]
    paint_out(masks, "spleen", ct, edited)
    bed.wait_until(lambda: ranked.session.results.changes)
    assert set(ranked.session.results.changes) == {"spleen"}
    row = next(row for row in table_text(ranked.ui.rankingTable) if row[0].startswith("spleen"))
    assert row[0] == "spleen (edited)"
    assert ranked.ui.rescoreButton.text == "Re-score 2 changed slices"
    ranked.ui.rescoreButton.click()
    bed.wait_until(lambda: ranked.session.attempt)
    assert ranked.session.attempt.only == {"spleen": tuple(edited)}
    finish(ranked)
    assert ranked.messages.text == ""
    after = rows_of(ranked.session.results)
    changed = {
        (i, n)
        for i, rows in after.items()
        for n, row in rows.items()
        if before[i][n].raw_score != row.raw_score
    }
    assert changed == {("spleen", n) for n in edited}
    assert not ranked.session.results.changes
    assert not ranked.ui.rescoreButton.visible


def test_a_slice_that_was_emptied_leaves_the_ranking(ranked, bed, finish, masks, ct):
    emptied = ranked.session.results.slices("spleen")[0].slice
    paint_out(masks, "spleen", ct, [emptied], keep=0)
    bed.wait_until(lambda: ranked.session.results.changes)
    ranked.ui.rescoreButton.click()
    finish(ranked)
    assert emptied not in rows_of(ranked.session.results)["spleen"]
    assert not ranked.session.results.changes


def test_one_segment_can_be_scored_alone(ranked, finish, bed):
    ranked.results.choose_segment("aorta")
    before = {i: dict(rows) for i, rows in rows_of(ranked.session.results).items()}
    ranked.ui.rankOneButton.click()
    bed.wait_until(lambda: ranked.session.attempt)
    assert list(ranked.session.attempt.case.segments) == ["aorta"]
    finish(ranked)
    assert rows_of(ranked.session.results) == before


def test_only_checked_segments_are_ranked(loaded, finish, bed):
    from PySide6.QtCore import Qt

    loaded.ui.checkNoneButton.click()
    assert not loaded.ui.rankButton.enabled
    assert "Check at least one" in loaded.ui.rankButton.toolTip
    for row in range(loaded.ui.organTable.rowCount):
        item = loaded.ui.organTable.item(row, 0)
        if item.text() in ("aorta", "spleen"):
            item.setCheckState(Qt.CheckState.Checked)
    loaded.ui.rankButton.click()
    finish(loaded)
    assert set(rows_of(loaded.session.results)) == {"aorta", "spleen"}


def test_the_threshold_moves_without_scoring_again(ranked, bed):
    dice = [
        one.predicted_dice or 0 for rows in rows_of(ranked.session.results).values() for one in rows.values()
    ]
    poor, total = sum(one < 0.5 for one in dice), len(dice)
    ranked.ui.thresholdSlider.value = 0.5
    bed.process_events()
    assert ranked.ui.summaryLabel.text.startswith(f"{poor} of {total} slices")
    assert not ranked.scoring.running
    ranked.ui.onlyPoorCheckBox.checked = True
    bed.process_events()
    listed = [
        row.slice for row in ranked.session.results.slices(ranked.results.segment) if row.raw_score < 0.5
    ]
    assert ranked.ui.sliceTable.rowCount == len(listed)


def test_marks_and_scores_come_back_with_the_scene(ranked, bed, tmp_path, widget):
    import slicer

    ranked.ui.nextButton.click()
    key = ranked.results.current
    ranked.ui.noteEdit.text = 'leaks into the colon, 100 % "sure"'
    ranked.ui.needsWorkButton.click()
    ranked.ui.nextButton.click()
    done = ranked.results.current
    ranked.ui.skipButton.click()
    assert ranked.results.current not in (key, done)
    tables = table_text(ranked.ui.rankingTable)
    report = ranked.session.results.whole_report()
    path = tmp_path / "scene.mrb"
    assert slicer.util.saveScene(str(path))
    slicer.mrmlScene.Clear(0)
    bed.process_events()
    assert ranked.session is None
    slicer.util.loadScene(str(path))
    bed.wait_until(lambda: ranked.session is not None and ranked.session.results is not None)
    bed.process_events(0.2)
    assert table_text(ranked.ui.rankingTable) == tables
    assert ranked.session.results.whole_report() == report
    assert not ranked.session.results.changes
    mark = ranked.reviews.of(*key)
    assert (mark.mark, mark.note) == ("needs work", 'leaks into the colon, 100 % "sure"')
    assert mark.dice == ranked.session.results.slice(key).predicted_dice
    ranked.ui.nextButton.click()
    ranked.ui.nextButton.click()
    assert ranked.results.current != done, "a slice that was skipped is not shown again"


def test_scores_and_marks_are_exported_as_csv(ranked, monkeypatch, tmp_path):
    import qt

    from segae.results.files import read_report

    ranked.ui.nextButton.click()
    ranked.ui.acceptButton.click()
    for button, name in (
        (ranked.ui.exportScoresButton, "scores.csv"),
        (ranked.ui.exportReviewButton, "review"),
    ):
        monkeypatch.setattr(qt.QFileDialog, "getSaveFileName", lambda *_, name=name: str(tmp_path / name))
        button.click()
    assert read_report(tmp_path / "scores.csv") == ranked.session.results.whole_report()
    header, mark = (tmp_path / "review.csv").read_text().splitlines()
    assert header.startswith("segment_id,segment,slice,mark")
    assert ",accept," in mark
