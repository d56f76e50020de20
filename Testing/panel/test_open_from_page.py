"""The command that the page of `segae report` copies, run by Slicer's own functions."""
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

import shlex
from pathlib import Path

import numpy as np
from dicom_files import described, write_ct_of, write_seg

from segae.io.ct import read_ct
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


def test_masks_in_dicom_are_loaded_by_the_module(panel, bed, tmp_path: Path, sample_dir: Path):
    import slicer

    volume = read_ct(sample_dir / "ct.nii.gz")
    dicom = write_ct_of(tmp_path / "ct", volume)
    mask = np.zeros(volume.voxels.shape, np.uint8)
    mask[9:12, 20:40, 30:60] = 1
    path = write_seg(tmp_path / "IM7", dicom, mask, [described(1, "Segment 1")])
    command = slicer_command(str(sample_dir / "ct.nii.gz"), str(path), (40.0, 180.0, 120.0))
    exec(shlex.split(command)[2], {})
    bed.wait_until(lambda: panel.load._job is None, 60)
    (node,) = slicer.util.getNodesByClass("vtkMRMLSegmentationNode")
    assert [str(one.structure) for one in panel.organs.values()] == ["liver"]
    assert node.GetSegmentation().GetNthSegment(0).GetName() == "Segment 1"
