"""The command that the page of `segae report` copies, run by Slicer's own functions."""
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

import shlex
from pathlib import Path

from segae.report.opening import slicer_command


def test_the_command_loads_ct_and_mask_and_goes_to_the_place(bed, sample_dir: Path):
    import slicer

    mask = str(sample_dir / "segmentations" / "spleen.nii.gz")
    command = slicer_command(str(sample_dir / "ct.nii.gz"), mask, (40.0, 180.0, 120.0))
    exec(shlex.split(command)[2], {})
    assert len(slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")) == 1
    (segmentation,) = slicer.util.getNodesByClass("vtkMRMLSegmentationNode")
    assert segmentation.GetSegmentation().GetNumberOfSegments() == 1
    red = slicer.app.layoutManager().sliceWidget("Red").sliceLogic()
    assert abs(red.GetSliceOffset() - 120.0) <= 1.5  # half a slice
