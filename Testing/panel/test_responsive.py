"""The panel with 120 segments; how long it keeps the application waiting is measured in benchmarks."""
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

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
    assert len(filled) > 5, f"rows appeared one after the other: {sorted(filled)}"
