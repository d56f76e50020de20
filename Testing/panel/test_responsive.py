"""The panel with 120 segments. How long it keeps the application waiting is measured in benchmarks; here it
is counted how much it does at a time."""
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

from itertools import pairwise

import pytest
from flat_rows import rows_of

COPIES = 3  # of 41 segments


@pytest.fixture
def many(ct, sample_dir):
    """The sample's 41 segments three times: 123, in three layers as they overlap."""
    import slicer

    node = slicer.util.loadSegmentation(str(sample_dir / "segmentation.seg.nrrd"))
    node.SetReferenceImageGeometryParameterFromVolumeNode(ct)
    segmentation = node.GetSegmentation()
    for segment_id in list(segmentation.GetSegmentIDs()):
        for copy in range(1, COPIES):
            segment = slicer.vtkSegment()
            segment.DeepCopy(segmentation.GetSegment(segment_id))
            segmentation.AddSegment(segment, f"copy {copy} of {segment_id}")
    assert segmentation.GetNumberOfSegments() == 41 * COPIES
    return node


@pytest.mark.parametrize("in_child", [True])
def test_120_segments_are_ranked_and_the_table_fills_while_it_goes_on(panel, many, bed):
    """In a child process, ten slices of each."""
    panel.parameters.tenSlices = True
    panel.parameters.segmentation = many
    assert panel.ui.organsInfo.text == "123 of 123 checked"
    panel.ui.rankButton.click()
    filled = set()

    def over():
        filled.add(panel.ui.rankingTable.rowCount)
        return not panel.scoring.running and not panel.runs.busy

    bed.wait_until(over, 300)
    assert panel.messages.text == ""
    assert len(rows_of(panel.session.results)) == 41 * COPIES
    assert filled - {0, 41 * COPIES}, "rows appeared before all were there"  # how many: the machine decides


@pytest.fixture
def part_by_part(monkeypatch):
    """Each turn of the event loop does a single step of reading."""
    monkeypatch.setattr("SegAELib.app.runs.READING", 0.0)


def turns_until_read(panel):
    """What the bar shows at each turn of the event loop, until everything is read."""
    seen = []
    while panel.scoring.running and panel.ui.statusLabel.text.startswith("Reading segments"):
        seen.append(panel.ui.progressBar.value)
        panel.runs.tick()
    return seen


def test_ranking_reads_one_segment_at_a_turn_and_shows_how_far_it_is(panel, many, bed, part_by_part):
    panel.parameters.segmentation = many
    bed.process_events()
    panel.ui.rankButton.click()
    assert panel.ui.statusLabel.text == "Reading segments: 0 of 123"
    assert panel.ui.cancelButton.visible and not panel.ui.rankButton.enabled
    seen = turns_until_read(panel)
    steps = [after - before for before, after in pairwise(seen)]
    assert seen[-1] == 123 and set(steps) <= {0, 1}, "more than one segment was read in one turn"
    assert panel.session.attempt is not None
    panel.ui.cancelButton.click()


def test_cancel_while_segments_are_read_keeps_the_scores_that_are_there(ranked, bed, part_by_part, finish):
    before = rows_of(ranked.session.results)
    ranked.ui.rankButton.click()
    ranked.runs.tick()
    ranked.runs.tick()
    assert ranked.scoring.running and ranked.session.attempt is None
    ranked.ui.cancelButton.click()
    assert not ranked.scoring.running and ranked.ui.statusLabel.text == "Stopped."
    assert ranked.ui.rankButton.enabled and not ranked.ui.progressBar.visible
    finish(ranked)
    assert rows_of(ranked.session.results) == before and not ranked.session.results.changes


def test_what_is_edited_while_it_is_read_is_scored_again(loaded, masks, ct, bed, part_by_part, finish):
    """In the middle of reading: whatever was read of the segment is not what is there now."""
    import slicer

    loaded.ui.rankButton.click()
    while loaded.ui.progressBar.value < 3:
        loaded.runs.tick()
    edited = masks.GetSegmentation().GetNthSegmentID(0)
    voxels = slicer.util.arrayFromSegmentBinaryLabelmap(masks, edited, ct)
    index = int(voxels.any(axis=(1, 2)).argmax())
    voxels[index, voxels[index].any(axis=1).nonzero()[0][0]] = 0
    slicer.util.updateSegmentBinaryLabelmapFromArray(voxels, masks, edited, ct)
    finish(loaded)
    assert {i: change.rescore for i, change in loaded.session.results.changes.items()} == {edited: (index,)}


def test_a_segmentation_deleted_while_it_is_read_ends_the_run(loaded, masks, bed, part_by_part):
    import slicer

    loaded.ui.rankButton.click()
    loaded.runs.tick()
    slicer.mrmlScene.RemoveNode(masks)
    bed.process_events(0.2)
    assert not loaded.scoring.running and loaded.session is None


def test_a_segment_that_cannot_be_read_is_said_below_the_button(loaded, masks, bed, part_by_part):
    """It was deleted between the press and its turn."""
    loaded.ui.rankButton.click()
    masks.GetSegmentation().RemoveSegment("aorta")
    bed.wait_until(lambda: not loaded.scoring.running)
    assert "has no segment aorta" in loaded.messages.text
    assert loaded.ui.rankButton.enabled


def test_an_edit_is_looked_at_one_part_at_a_turn(ranked, masks, ct, bed):
    """All segments of the file share one labelmap, so that an edit of one may have changed each of them."""
    import slicer

    voxels = slicer.util.arrayFromSegmentBinaryLabelmap(masks, "spleen", ct)
    index = int(voxels.any(axis=(1, 2)).argmax())
    voxels[index, voxels[index].any(axis=1).nonzero()[0][0]] = 0
    slicer.util.updateSegmentBinaryLabelmapFromArray(voxels, masks, "spleen", ct)
    touched = ranked.session._watch.touched(ranked.session.results.fingerprints)
    ranked.context.check_edits_soon()
    turns = 0
    while "edits" in ranked.tasks:
        assert not ranked.session.results.changes
        ranked.tasks.run(0.0)
        turns += 1
    assert turns > 2 * len(touched), "each segment is read in one turn and compared in another"
    assert {i: change.rescore for i, change in ranked.session.results.changes.items()} == {"spleen": (index,)}
