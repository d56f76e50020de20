"""Two segmentations of one CT side by side."""
# pyright: reportAttributeAccessIssue=false, reportMissingImports=false

from __future__ import annotations

from dataclasses import replace

import numpy as np
from panel_views import table_text

from segae.results.types import SegmentResult, SliceResult


def result(organ, dice, name=""):
    slices = () if dice is None else (SliceResult(1, 0, 0, 0, 3.0, 100.0, dice, dice),)
    return SegmentResult(name or organ, 5, organ, 100, 1.0, slices, predicted_dice=dice)


def test_organs_are_matched_by_what_they_are_and_the_largest_difference_comes_first(bed):
    from SegAELib.app.compare_section import paired

    first = [
        result("liver", 0.9, "Liver"),
        result("spleen", 0.8),
        result("aorta", 0.7),
        result("brain", None),
    ]
    second = [result("liver", 0.5, "hepar"), result("spleen", 0.82), result("pancreas", 0.6)]
    pairs = paired(first, second)
    assert [pair.organ for pair in pairs] == ["aorta", "pancreas", "liver", "spleen"]
    assert [round(pair.gain, 2) for pair in pairs] == [0.7, -0.6, 0.4, -0.02]
    assert pairs[0].second is None and pairs[1].first is None


def test_of_several_segments_of_one_organ_the_better_one_counts(bed):
    from SegAELib.app.compare_section import paired

    pairs = paired([result("liver", 0.4, "a"), result("liver", 0.8, "b")], [result("liver", 0.6)])
    assert len(pairs) == 1 and round(pairs[0].gain, 2) == 0.2


def copy_of(masks, ct):
    """Another segmentation: the spleen is cut in half."""
    import slicer

    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "second reader")
    node.GetSegmentation().DeepCopy(masks.GetSegmentation())
    node.CreateDefaultDisplayNodes()
    node.SetReferenceImageGeometryParameterFromVolumeNode(ct)
    mask = slicer.util.arrayFromSegmentBinaryLabelmap(node, "spleen", ct)
    mask[:, :, int(np.argwhere(mask)[:, 2].mean()) :] = 0
    slicer.util.updateSegmentBinaryLabelmapFromArray(mask, node, "spleen", ct)
    return node


def test_a_table_says_which_organ_is_better_in_which(ranked, masks, ct, bed, finish):
    ui = ranked.ui
    first = ranked.session.results.whole_report()
    other = copy_of(masks, ct)
    ui.compareSection.collapsed = False
    assert "Choose another segmentation" in ui.compareInfo.text and not ui.compareTable.visible
    ui.otherSelector.setCurrentNode(other)
    bed.process_events()
    assert "has no scores yet" in ui.compareInfo.text
    ranked.parameters.segmentation = other
    bed.process_events()
    ui.rankButton.click()
    finish(ranked)
    ui.otherSelector.setCurrentNode(masks)
    bed.process_events()
    assert ui.compareTable.visible
    second = ranked.session.results.whole_report()
    rows = {row[0]: row[1:] for row in table_text(ui.compareTable)}
    assert set(rows) == {segment.structure for segment in first.segments}
    for segment, before in zip(second.segments, first.segments, strict=True):
        dice = (segment.predicted_dice, before.predicted_dice)
        assert rows[segment.structure][:2] == [f"{value:.2f}" for value in dice]
    assert rows["aorta"][2] == "about the same"
    spleen = next(one for one in second.segments if one.structure == "spleen").predicted_dice
    gain = spleen - next(one for one in first.segments if one.structure == "spleen").predicted_dice
    expected = "second reader" if gain > 0 else masks.GetName()
    assert rows["spleen"][2] == ("about the same" if abs(gain) < 0.02 else f"{expected} (by {abs(gain):.2f})")
    header = [ui.compareTable.horizontalHeaderItem(n).text() for n in (1, 2)]
    assert header == ["second reader", masks.GetName()]
    assert "5 organs are in both" in ui.compareInfo.text


def test_scores_of_another_model_are_not_compared(ranked, masks, ct, bed, finish):
    from SegAELib.mrml.results_table import find_results, read_results, write_results

    other = copy_of(masks, ct)
    ranked.parameters.segmentation = other
    bed.process_events()
    ranked.ui.rankButton.click()
    finish(ranked)
    table = find_results(masks)
    stored = read_results(table)
    report = replace(stored.report, model=replace(stored.report.model, sha256="another"))
    write_results(table, report, stored.segment_ids, segmentation=masks, volume=ct)
    ranked.ui.compareSection.collapsed = False
    ranked.ui.otherSelector.setCurrentNode(masks)
    bed.process_events()
    assert "other model" in ranked.ui.compareInfo.text and not ranked.ui.compareTable.visible
