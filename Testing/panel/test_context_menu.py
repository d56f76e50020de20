"""Right click on a segmentation in the module Data."""
# pyright: reportAttributeAccessIssue=false, reportMissingImports=false

from __future__ import annotations

from SegAELib.mrml.nodes import OVERLAY_ATTRIBUTE

ACTION = "Score with SegAE"


def test_a_segmentation_is_scored_by_a_right_click(panel, masks, ct, bed, finish):
    import slicer

    bed.select_module("")
    bed.context_menu(masks)[ACTION].trigger()
    bed.process_events()
    assert slicer.util.selectedModule() == "SegAE"
    assert panel.parameters.segmentation is masks and panel.scoring.running
    finish(panel)
    assert panel.session.results.segments


def test_other_nodes_and_colours_of_segae_are_not_offered(panel, ct, masks, bed):
    assert ACTION not in bed.context_menu(ct)
    masks.SetAttribute(OVERLAY_ATTRIBUTE, "another")
    assert ACTION not in bed.context_menu(masks)
    masks.RemoveAttribute(OVERLAY_ATTRIBUTE)
    assert ACTION in bed.context_menu(masks)
