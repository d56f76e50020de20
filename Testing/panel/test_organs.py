"""Choosing the organ of a segment whose name does not say it."""
# pyright: reportAttributeAccessIssue=false, reportMissingImports=false

from __future__ import annotations

import pytest

ORGAN = 1  # column


@pytest.fixture
def picker(loaded, masks, bed):
    """The list that opens on a click, of a segment with a name that says nothing."""
    segment = masks.GetSegmentation().GetSegment("spleen")
    segment.SetName("Tumour 3")
    bed.wait_until(lambda: not loaded.runs.busy)
    table = loaded.ui.organTable
    row = list(loaded.inputs.table.organs).index("spleen")
    assert table.item(row, ORGAN).text() == "choose organ"
    loaded.inputs.table._clicked(row, ORGAN)
    yield table.cellWidget(row, ORGAN)
    bed.process_events()


def test_a_tumour_is_not_taken_for_an_organ(picker, loaded):
    assert loaded.inputs.table.unclear == ["spleen"]
    assert loaded.ui.organsInfo.text == "5 of 5 checked, 1 without an organ"


def entries(picker):
    model = picker.completer().completionModel()
    return [model.data(model.index(n, 0)) for n in range(model.rowCount())]


def write(picker, text):
    """Key by key, as a user does."""
    from PySide6 import QtTest

    QtTest.QTest.keyClicks(picker, text)


def test_the_list_offers_all_142_organs_when_it_opens(picker):
    picker.completer().setCompletionPrefix("")
    assert len(entries(picker)) == len(set(entries(picker))) == 142


def test_typing_any_part_of_a_name_finds_it(picker, bed):
    write(picker, "ney")
    bed.process_events()
    assert entries(picker) == ["kidney left", "kidney right"]


def test_an_entry_of_the_list_is_taken_over_and_kept_in_the_scene(picker, loaded, bed, masks):
    write(picker, "sple")
    picker.completer().activated.emit("spleen")
    bed.process_events()
    guess = loaded.inputs.table.organs["spleen"]
    assert (guess.structure.name, guess.reason) == ("spleen", "chosen by you")
    assert list(loaded.parameters.organs) == [f"{masks.GetID()} spleen"]
    row = list(loaded.inputs.table.organs).index("spleen")
    assert loaded.ui.organTable.item(row, ORGAN).text() == "spleen"
    assert loaded.ui.organTable.cellWidget(row, ORGAN) is None, "the list closes"


@pytest.mark.parametrize("text", ["Liver", "gallb"])
def test_enter_takes_a_whole_name_or_the_only_one_that_fits(picker, loaded, bed, text):
    from PySide6.QtCore import Qt

    write(picker, text)
    bed.press(picker, Qt.Key.Key_Return)
    assert loaded.inputs.table.organs["spleen"].structure.name.startswith(text.casefold())


def test_text_that_is_no_organ_changes_nothing(picker, loaded, bed):
    from PySide6.QtCore import Qt

    write(picker, "kid")
    bed.press(picker, Qt.Key.Key_Return)
    assert loaded.inputs.table.unclear == ["spleen"]


def test_the_organ_of_a_segment_that_has_one_can_be_changed(loaded, bed):
    """To open the list is no choice of what stands there."""
    table = loaded.ui.organTable
    row = list(loaded.inputs.table.organs).index("aorta")
    place = table.visualItemRect(table.item(row, ORGAN)).center()
    bed.click(table.viewport(), place.x(), place.y())
    picker = table.cellWidget(row, ORGAN)
    assert picker is not None, "the list stays open"
    write(picker, "inferior vena")
    picker.completer().activated.emit(entries(picker)[0])
    bed.process_events()
    assert "vena" in loaded.inputs.table.organs["aorta"].structure.name


def test_a_combo_box_of_this_version_of_qt_is_left_when_its_list_opens(bed):
    """What the panel had before: a line edit that says it was finished as soon as the list opens."""
    import qt

    finished = []
    combo = qt.QComboBox()
    combo.setEditable(True)
    combo.lineEdit().connect("editingFinished()", lambda: finished.append(combo.currentText))
    combo.addItem("spleen")
    combo.showPopup()
    combo.hidePopup()
    assert finished == ["spleen"]
