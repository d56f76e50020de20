"""Show me where, verdicts in the tables, and names: with a model that says where the organ is."""
# pyright: reportAttributeAccessIssue=false, reportMissingImports=false

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from segae.checks.names import NameCheck
from segae.jobs.events import NamesChecked
from segae.labels import resolve
from segae.results.types import SegmentResult, SliceResult
from segae.results.verdicts import Doubts
from segae.results.verdicts import judged as with_verdict
from segae.scoring.error_map import locate_errors
from segae.scoring.scorer import Scorer
from SegAELib.app.results import Results
from SegAELib.mrml.binding import nodes_of_class
from SegAELib.mrml.nodes import OVERLAY_ATTRIBUTE
from SegAELib.mrml.scene_reader import read_case

VERDICT, DICE, INTERVAL = 1, 2, 3  # columns


@pytest.fixture
def small(loaded, dense, finish):
    """The panel after ranking the spleen alone with the dense model."""
    loaded.parameters.model = str(dense)
    loaded.inputs.table.check_all(False)
    loaded.inputs.table._unchecked.discard("spleen")
    loaded.inputs._changed()
    loaded.ui.rankButton.click()
    finish(loaded)
    assert loaded.messages.text == ""
    loaded.results.choose_segment("spleen")
    return loaded


def overlays():
    import slicer

    nodes = nodes_of_class(slicer.mrmlScene, "vtkMRMLSegmentationNode")
    return [node for node in nodes if node.GetAttribute(OVERLAY_ATTRIBUTE) and "errors" in node.GetName()]


def test_show_me_where_draws_what_the_model_locates_and_takes_it_away(small, dense, finish, masks, ct):
    import slicer

    small.ui.whereButton.click()
    finish(small)
    assert small.errors.is_shown and small.ui.whereButton.checked
    (node,) = overlays()
    assert not node.GetSaveWithScene() and node.GetHideFromEditors()
    case = read_case(masks, ct, segment_ids=["spleen"])
    scorer = Scorer(dense, device="cpu")
    expected = locate_errors(scorer, scorer.orient(case.volume), case.segments["spleen"])
    for key, mask in (("missing", expected.missing), ("extra", expected.extra)):
        drawn = slicer.util.arrayFromSegmentBinaryLabelmap(node, f"segae_{key}", ct)
        assert np.array_equal(drawn.astype(bool), mask.full_mask()), key
        assert f"{key} " in small.ui.whereLabel.text
    small.ui.keepColoursCheckBox.checked = True
    (node,) = overlays()
    assert node.GetSaveWithScene() and not node.GetHideFromEditors()
    small.ui.keepColoursCheckBox.checked = False
    small.ui.whereButton.click()
    assert overlays() == [] and small.ui.whereLabel.text == ""


def test_an_edit_and_another_module_take_the_errors_away(small, finish, bed, masks, ct):
    import slicer

    small.ui.whereButton.click()
    finish(small)
    mask = slicer.util.arrayFromSegmentBinaryLabelmap(masks, "spleen", ct)
    mask[np.flatnonzero(mask.any(axis=(1, 2)))[2], :, :60] = 0
    slicer.util.updateSegmentBinaryLabelmapFromArray(mask, masks, "spleen", ct)
    small.check_edits()
    assert overlays() == [] and not small.ui.whereButton.checked
    small.ui.whereButton.click()
    finish(small)
    assert len(overlays()) == 1
    bed.select_module("")
    assert overlays() == []
    bed.select_module("SegAE")


def test_a_model_without_error_map_is_explained(small, model):
    small.parameters.model = str(model)
    small.ui.whereButton.click()
    assert "not where it is wrong" in small.ui.whereLabel.text
    assert not small.ui.whereButton.checked and not small.scoring.running


@pytest.fixture
def judged(small):
    """The scores with an empty gallbladder that is there, and a spleen that goes on beyond its mask."""
    results = small.session.results
    slices = results.slices("spleen")
    sure = [replace(row, organ_mm2=row.area_mm2, overlap_mm2=row.area_mm2 * 0.9) for row in slices]
    end, largest = slices[-1], 3 * max(row.area_mm2 for row in slices)

    def searched(index):
        return SliceResult(index, end.x, end.y, end.z + 3, 3.0, 0.0, organ_mm2=largest, presence=0.98)

    bladder = resolve("gallbladder").structure
    spleen = replace(
        results.segments["spleen"], slices=tuple(sure), searched=(searched(end.slice + 1),),
        predicted_dice=0.8, interval_low=0.6, interval_high=0.9,
    )  # fmt: skip
    empty = SegmentResult(
        "gallbladder", bladder.index, bladder.name, 0, 0.0, searched=tuple(map(searched, (12, 13, 14)))
    )
    segments = tuple(with_verdict(one, Doubts()) for one in (spleen, empty))
    report = replace(results.report, segments=segments, findings=())
    small.session.results = Results.of(report, ["spleen", "gallbladder"])
    small.refresh()
    return small


def test_verdicts_and_intervals_stand_in_the_tables_and_missing_slices_are_jumped_to(judged, bed, tmp_path):
    import slicer

    table = judged.ui.rankingTable
    cells = [[table.item(n, c).text() for c in (0, VERDICT, DICE, INTERVAL)] for n in range(table.rowCount)]
    assert cells == [
        ["gallbladder", "empty but present", "0.00", ""],
        ["spleen", "missing parts", "0.80", "0.60\u20130.90"],
    ]
    assert "go on" in table.item(1, VERDICT).toolTip()
    assert not table.isColumnHidden(INTERVAL)
    missing = judged.session.results.missing("spleen")[0]
    judged.results.choose_segment("spleen")
    assert judged.results.current == ("spleen", missing.slice)
    red = slicer.app.layoutManager().sliceWidget("Red").sliceLogic()
    assert red.GetSliceOffset() == pytest.approx(missing.z, abs=1.5)
    slices = judged.ui.sliceTable
    assert [slices.item(0, c).text() for c in range(3)] == [str(missing.slice), "missing", "0.00"]
    judged.ui.needsWorkButton.click()
    assert judged.reviews.of("spleen", missing.slice).mark == "needs work"
    judged.results.choose_segment("gallbladder")
    assert judged.results.current == ("gallbladder", 12)


@pytest.fixture
def doubtful(small, finish):
    """The panel after a check, with an answer in which the spleen looks like the left kidney."""
    small.ui.checkNamesButton.click()
    finish(small)
    assert small.messages.text == ""
    assert "in doubt" in small.ui.namesInfo.text
    named, other = resolve("spleen").structure, resolve("kidney_left").structure
    check = NameCheck("spleen", named, other, 0.2, 0.8, "fits better under that name", True)
    small.names._answered(NamesChecked((check,)))
    return small


def test_a_name_is_corrected_by_a_click_only_and_can_be_put_back(doubtful, masks):
    table = doubtful.ui.namesTable
    cells = [table.item(0, column).text() for column in range(4)]
    assert cells == ["spleen", "kidney_left", "0.20 / 0.80", "fits better under that name"]
    segment = masks.GetSegmentation().GetSegment("spleen")
    before = (segment.GetName(), segment.GetTerminology())
    assert before[0] == "spleen", "nothing is renamed by a check"
    doubtful.ui.correctNameButton.click()
    assert segment.GetName() == "kidney_left", "spelt as the other names of the file are"
    assert "64033007" in segment.GetTerminology()
    assert doubtful.inputs.table.organs["spleen"].structure == resolve("kidney_left").structure
    assert table.rowCount == 0 and not doubtful.ui.correctNameButton.enabled
    doubtful.ui.undoNameButton.click()
    assert (segment.GetName(), segment.GetTerminology()) == before
    assert doubtful.inputs.table.organs["spleen"].structure == resolve("spleen").structure
    assert not doubtful.ui.undoNameButton.enabled


def test_a_swapped_pair_gets_one_button_and_one_undo(small, masks):
    spleen, kidney = resolve("spleen").structure, resolve("kidney_left").structure
    small.inputs.table.check_all(True)
    small.ui.checkNamesButton.enabled = True
    small.names._session, small.names._node = small.session, masks
    from SegAELib.app.segment_table import OrganChoices

    small.names._choices = OrganChoices(small.parameters.organs)
    small.names._ids = {"spleen": "spleen", "kidney_left": "kidney_left"}
    checks = (
        NameCheck("spleen", spleen, kidney, 0.1, 0.9, "fits better under that name", True),
        NameCheck("kidney_left", kidney, spleen, 0.2, 0.8, "fits better under that name", True),
    )
    small.names._answered(NamesChecked(checks))
    assert small.ui.namesInfo.text.startswith("2 of 2 names are in doubt.")
    assert small.ui.correctNameButton.text == "Swap spleen and kidney_left"
    small.ui.correctNameButton.click()
    segments = masks.GetSegmentation()
    called = [segments.GetSegment(i).GetName() for i in ("spleen", "kidney_left")]
    assert called == ["kidney_left", "spleen"]
    assert "64033007" in segments.GetSegment("spleen").GetTerminology(), "SNOMED CT: kidney"
    assert small.ui.namesTable.rowCount == 0
    assert "are swapped" in small.messages.text
    small.ui.undoNameButton.click()
    assert [segments.GetSegment(i).GetName() for i in ("spleen", "kidney_left")] == ["spleen", "kidney_left"]
    assert not small.ui.undoNameButton.enabled


def test_a_doubt_is_over_when_the_segment_is_renamed_elsewhere(doubtful, bed, masks):
    table = doubtful.ui.namesTable
    count, first = table.rowCount, table.item(0, 0).text()
    node = masks.GetSegmentation()
    segment = next(node.GetSegment(i) for i in node.GetSegmentIDs() if node.GetSegment(i).GetName() == first)
    segment.SetName("something else")
    bed.wait_until(lambda: not doubtful.runs.busy)
    assert table.rowCount == count - 1
    assert first not in [table.item(n, 0).text() for n in range(table.rowCount)]
