"""The application stays usable with 120 segments: no single piece of work of ours on its thread is long.

Measured is the time that the thread itself works (`time.thread_time`), so a busy machine changes nothing.
"""
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

import time

import pytest
from flat_rows import rows_of

LONGEST = 0.2  # seconds
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


@pytest.fixture
def spent(panel, monkeypatch):
    """Thread times of all calls of the timer, and of what the test adds."""
    times = []
    timer, tick = panel.runs._timer, panel.runs.tick

    def measured():
        start = time.thread_time()
        tick()
        times.append(time.thread_time() - start)

    timer.disconnect("timeout()", tick)
    timer.connect("timeout()", measured)
    return times


def test_ranking_120_segments_never_holds_up_the_application(panel, many, bed, spent):
    """In a child process, ten slices of each; the table fills while it goes on."""
    panel.parameters.inProcess = False
    panel.parameters.tenSlices = True

    def timed(action):
        start = time.thread_time()
        action()
        spent.append(time.thread_time() - start)

    timed(lambda: setattr(panel.parameters, "segmentation", many))
    assert panel.ui.organsInfo.text == "123 of 123 checked"
    timed(panel.ui.rankButton.click)
    filled = set()

    def over():
        filled.add(panel.ui.rankingTable.rowCount)
        return not panel.scoring.running and not panel.runs.busy

    bed.wait_until(over, 300)
    assert panel.messages.text == ""
    assert len(rows_of(panel.session.results)) == 41 * COPIES
    assert len(filled) > 5, f"rows appeared one after the other: {sorted(filled)}"
    timed(panel.ui.nextButton.click)
    timed(lambda: setattr(panel.ui.thresholdSlider, "value", 0.6))
    timed(panel.check_edits)
    assert max(spent) < LONGEST, f"longest {sorted(spent)[-5:]}"
