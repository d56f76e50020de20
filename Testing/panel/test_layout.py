"""How the panel looks on a small screen: rows, columns, titles, and where a message stands."""
# pyright: reportAttributeAccessIssue=false, reportMissingImports=false

from __future__ import annotations

from dataclasses import replace

import pytest
from panel_views import in_view, table_text

from segae.labels import resolve

LONG = "portal_vein_and_splenic_vein"


@pytest.fixture
def small_screen(bed):
    """A main window of 1366 x 768 pixels."""
    before = bed.main_window.size
    bed.main_window.resize(1366, 768)
    bed.process_events()
    yield
    bed.main_window.resize(before)


def test_after_ranking_the_inputs_fold_away_and_six_rows_are_seen(small_screen, ranked, bed):
    bed.process_events(0.1)
    assert ranked.ui.inputsSection.collapsed
    table = ranked.ui.rankingTable
    assert in_view(table)
    rows = table.viewport().height / table.verticalHeader().defaultSectionSize
    assert rows >= 6


def test_scoring_one_segment_leaves_the_inputs_as_they_are(ranked, finish):
    ranked.ui.inputsSection.collapsed = False
    ranked.results.choose_segment("aorta")
    ranked.ui.rankOneButton.click()
    finish(ranked)
    assert not ranked.ui.inputsSection.collapsed


def test_a_click_on_a_title_sorts_and_a_third_one_gives_the_review_order_back(ranked):
    table, header = ranked.ui.rankingTable, ranked.ui.rankingTable.horizontalHeader()
    given = [row[0] for row in table_text(table)]
    header.sectionClicked.emit(0)
    assert [row[0] for row in table_text(table)] == sorted(given)
    header.sectionClicked.emit(0)
    assert [row[0] for row in table_text(table)] == sorted(given, reverse=True)
    header.sectionClicked.emit(2)
    dice = [float(row[2]) for row in table_text(table)]
    assert dice == sorted(dice)
    chosen = table_text(table)[1][0]
    table.setCurrentCell(1, 0)
    assert ranked.results.segment == chosen, "rows and segments stay together"
    header.sectionClicked.emit(2)
    header.sectionClicked.emit(2)
    assert [row[0] for row in table_text(table)] == given


def test_numbers_sort_as_numbers_and_empty_cells_come_last():
    from SegAELib.app.table_widgets import Row, _sorted

    rows = [Row(text, (text,), ("",), (0, 0.0, "#000000")) for text in ("12 ml", "", "3.5 ml", "100 ml")]
    assert [row.key for row in _sorted(rows, (0, False))] == ["3.5 ml", "12 ml", "100 ml", ""]
    assert [row.key for row in _sorted(rows, (0, True))] == ["100 ml", "12 ml", "3.5 ml", ""]


def test_a_width_that_the_user_gave_to_a_column_comes_back(ranked, bed, widget):
    table = ranked.ui.rankingTable
    table.setColumnWidth(1, 77)
    table.setColumnWidth(4, 91)
    ranked.parameters.threshold = 0.5
    bed.process_events()
    assert (table.columnWidth(1), table.columnWidth(4)) == (77, 91)
    from SegAELib.app.ranking_tables import RankingTable

    another = RankingTable(table, lambda _key: None, ranked.context.later)
    another.show(ranked.session.results.ranking(), ranked.context.style, lambda _key: None)
    assert (table.columnWidth(1), table.columnWidth(4)) == (77, 91)


def test_usual_names_are_not_cut(loaded, bed, masks, finish):
    masks.GetSegmentation().GetSegment("spleen").SetName(LONG)
    loaded.context.reread += 1
    loaded.refresh()
    loaded.inputs.table.choose("spleen", resolve(LONG).structure)
    loaded.ui.rankButton.click()
    finish(loaded)
    for table in (loaded.ui.organTable, loaded.ui.rankingTable):
        texts = [row[0] for row in table_text(table)]
        assert LONG in texts
        assert table.columnWidth(0) >= table.fontMetrics().horizontalAdvance(LONG)


def test_a_message_stands_below_the_button_that_was_pressed_and_in_view(small_screen, ranked, bed, tmp_path):
    import qt

    before = qt.QFileDialog.getSaveFileName
    qt.QFileDialog.getSaveFileName = lambda *_: str(tmp_path / "scores.csv")
    try:
        ranked.ui.exportScoresButton.click()
    finally:
        qt.QFileDialog.getSaveFileName = before
    bed.process_events(0.1)
    label, button = ranked.ui.messageLabel, ranked.ui.exportScoresButton
    assert "scores.csv" in label.text
    assert label.parentWidget() == button.parentWidget()
    assert 0 <= label.y - (button.y + button.height) < 30
    assert in_view(label)


def test_an_old_message_goes_with_the_next_click(ranked):
    ranked.messages.info("done")
    ranked.ui.nextButton.click()
    assert ranked.messages.text == ""
    ranked.messages.info("done")
    ranked.ui.rankingTable.setCurrentCell(2, 0)
    assert ranked.messages.text == ""


def test_no_text_of_the_results_makes_the_panel_wider(ranked, bed, widget):
    needed = widget.parent.minimumSizeHint.width()
    ranked.session.results.segments["spleen"] = replace(
        ranked.session.results.segments["spleen"], segment=f"{LONG}_{LONG}"
    )
    ranked.session.results._changed()
    ranked.refresh()
    ranked.results.choose_segment("spleen")
    bed.process_events(0.1)
    assert LONG in ranked.ui.stripLabel.text
    assert widget.parent.minimumSizeHint.width() <= max(needed, 420)


def test_how_a_run_ended_is_not_said_of_another_segmentation(ranked, bed, ct, sample_dir):
    import slicer

    assert "slices scored in" in ranked.ui.statusLabel.text
    ranked.parameters.segmentation = slicer.util.loadSegmentation(str(sample_dir / "segmentation.seg.nrrd"))
    bed.process_events()
    assert ranked.ui.statusLabel.text == ""


def test_segments_and_organs_fit_side_by_side_into_the_panel_whatever_their_names(
    small_screen, loaded, masks, bed
):
    masks.GetSegmentation().GetSegment("spleen").SetName("the spleen of the patient as it was seen last year")
    bed.wait_until(lambda: loaded.ui.organTable.item(0, 0).text().startswith("the spleen"))
    bed.process_events(0.1)
    table = loaded.ui.organTable
    assert not table.horizontalScrollBar().visible
    assert table.columnWidth(1) >= 120, "room for an organ"
    assert "the spleen of the patient" in table.item(0, 0).toolTip(), "a name that is cut is in the tool tip"
    assert "Click to choose another organ" in table.item(0, 1).toolTip()
    info = loaded.ui.organsInfo
    assert info.height < 2 * info.fontMetrics().height(), "the count stands in one line"


def test_counts_of_one_are_said_in_the_singular():
    from SegAELib.app.results_section import summary

    assert summary(1, 30, 0.7, 1, 5, "m") == (
        "1 of 30 slices is below 0.70, 1 of 5 segments needs review. Model: m."
    )
    assert summary(0, 30, 0.7, 2, 5, "m") == (
        "0 of 30 slices are below 0.70, 2 of 5 segments need review. Model: m."
    )


def test_the_chosen_segment_stays_in_sight_when_only_bad_ones_are_shown(
    small_screen, panel, masks, bed, ct, finish
):
    """It is the first of a long list in another order."""
    import slicer

    segmentation = masks.GetSegmentation()
    for number in range(30):
        segment = slicer.vtkSegment()
        segment.DeepCopy(segmentation.GetSegment("aorta"))
        segment.SetName(f"aorta {number}")
        segmentation.AddSegment(segment, f"aorta_{number}")
    panel.parameters.segmentation = masks
    panel.parameters.tenSlices = True
    bed.process_events()
    panel.ui.rankButton.click()
    finish(panel)
    panel.parameters.threshold = 0.95
    panel.results.choose_segment(panel.session.results.ranking(panel.parameters.order)[-1].segment_id)
    bed.process_events(0.1)
    panel.ui.rankingTable.scrollToTop()
    panel.ui.onlyPoorCheckBox.checked = True
    bed.wait_until(lambda: not panel.runs.busy)
    table = panel.ui.rankingTable
    shown = table.visualItemRect(table.currentItem())
    assert table.viewport().rect.contains(shown)
