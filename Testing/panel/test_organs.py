"""Choosing the organ of a segment whose name does not say it."""
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

import pytest

ORGAN = 1  # column


@pytest.fixture
def picker(loaded, masks, bed):
    """The list that opens on a click, of a segment with a name that says nothing."""
    segment = masks.GetSegmentation().GetSegment("spleen")
    segment.SetName("Tumour 3")
    loaded.inputs.table.show(masks, loaded.inputs.table._choices)
    table = loaded.ui.organTable
    row = list(loaded.inputs.table.organs).index("spleen")
    assert table.item(row, ORGAN).text() == "choose organ"
    loaded.inputs.table._clicked(row, ORGAN)
    yield table.cellWidget(row, ORGAN)
    bed.process_events()


def test_a_tumour_is_not_taken_for_an_organ(picker, loaded):
    assert loaded.inputs.table.unclear == ["spleen"]
    assert loaded.ui.organsInfo.text == "5 of 5 checked, 1 without an organ"


def test_the_list_has_142_organs_under_headings_that_cannot_be_chosen(picker):
    assert sum(picker.itemData(n) is not None for n in range(picker.count)) == 142
    headings = [n for n in range(picker.count) if picker.itemData(n) is None]
    assert [picker.itemText(n) for n in headings][:2] == ["Digestive", "Urinary"]
    assert not any(int(picker.model().flags(picker.model().index(n, 0))) & 1 for n in headings)


def test_typing_a_part_of_a_name_finds_it(picker):
    completer = picker.completer()
    completer.setCompletionPrefix("kidn")
    assert completer.completionCount() == 2


def test_a_choice_is_taken_over_and_kept_in_the_scene(picker, loaded, bed, masks):
    picker.setCurrentIndex(picker.findText("spleen"))
    picker.activated.emit(picker.currentIndex)
    bed.process_events()
    guess = loaded.inputs.table.organs["spleen"]
    assert (guess.structure.name, guess.reason) == ("spleen", "chosen by you")
    assert list(loaded.parameters.organs) == [f"{masks.GetID()} spleen"]
    row = list(loaded.inputs.table.organs).index("spleen")
    assert loaded.ui.organTable.item(row, ORGAN).text() == "spleen"
    assert loaded.ui.organTable.cellWidget(row, ORGAN) is None, "the list closes"


def test_text_that_is_no_organ_changes_nothing(picker, loaded):
    picker.lineEdit().setText("splen")
    picker.lineEdit().editingFinished.emit()
    assert loaded.inputs.table.unclear == ["spleen"]
