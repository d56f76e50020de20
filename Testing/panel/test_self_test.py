"""The test of the module that Slicer runs, and what it says."""
# pyright: reportAttributeAccessIssue=false, reportMissingImports=false

from __future__ import annotations

import logging

import pytest


@pytest.mark.parametrize("in_child", [True])
def test_the_self_test_passes_with_the_bundled_model_and_says_what_it_checked(panel, bed, caplog):
    """In a child process, as in the application."""
    import slicer

    panel.parameters.model = "bundled"
    caplog.set_level(logging.INFO)
    slicer.modules.SegAEInstance.runTest(msec=10)
    said = [record.message for record in caplog.records if record.message.startswith("Checked: ")]
    assert len(said) == 6


def test_the_sample_belongs_together_and_opens_in_a_window_of_soft_tissue(panel, bed):
    import SampleData
    import slicer

    SampleData.SampleDataLogic().press("SegAEDemo")
    bed.wait_until(lambda: panel.session is not None)
    volume, masks = panel.parameters.volume, panel.parameters.segmentation
    assert masks.GetNodeReference(masks.GetReferenceImageGeometryReferenceRole()) is volume
    display = volume.GetDisplayNode()
    assert (display.GetWindow(), display.GetLevel()) == (400, 40) and not display.GetAutoWindowLevel()
    shown = slicer.app.layoutManager().sliceWidget("Red").sliceLogic().GetSliceCompositeNode()
    assert shown.GetBackgroundVolumeID() == volume.GetID()
