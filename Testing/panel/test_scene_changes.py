"""What happens to the scene while the panel works, and scenes that are not as they should be."""
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

import pytest
import vtk
from flat_rows import rows_of


@pytest.fixture
def scoring(loaded, bed):
    """The panel in the middle of a run."""
    loaded.ui.rankButton.click()
    bed.wait_until(lambda: loaded.session.attempt and loaded.session.attempt.results)
    assert loaded.scoring.running
    return loaded


def transform(node, *, rotation=0.0, shift=(0.0, 0.0, 0.0)):
    """Put a node under a new linear transform."""
    import slicer

    made = vtk.vtkTransform()
    made.Translate(*shift)
    made.RotateZ(rotation)
    parent = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    parent.SetMatrixTransformToParent(made.GetMatrix())
    node.SetAndObserveTransformNodeID(parent.GetID())


def test_results_fill_the_table_while_the_rest_is_scored(scoring, bed):
    bed.process_events(0.1)
    assert 0 < scoring.ui.rankingTable.rowCount <= 5
    assert "slices/s" in scoring.ui.statusLabel.text
    assert scoring.ui.cancelButton.visible and not scoring.ui.rankButton.enabled
    assert scoring.colours.is_shown


def test_cancel_stops_at_once_and_keeps_what_came(scoring, bed, finish):
    came = {i: dict(rows) for i, rows in rows_of(scoring.session.attempt.results).items()}
    scoring.ui.cancelButton.click()
    assert not scoring.scoring.running
    assert scoring.ui.statusLabel.text == "Stopped."
    finish(scoring)
    assert rows_of(scoring.session.results) == came
    assert scoring.ui.rankButton.enabled


def test_cancel_brings_earlier_scores_back(ranked, bed, finish):
    report = ranked.session.results.whole_report()
    ranked.ui.rankButton.click()
    bed.wait_until(lambda: ranked.session.attempt and ranked.session.attempt.results)
    ranked.ui.cancelButton.click()
    finish(ranked)
    assert ranked.session.results.whole_report() == report
    assert not ranked.session.results.changes
    assert ranked.colours.is_shown


def test_the_scene_is_closed_while_scoring(scoring, bed):
    import slicer

    slicer.mrmlScene.Clear(0)
    bed.process_events(0.2)
    assert not scoring.scoring.running
    assert scoring.session is None
    assert not scoring.ui.resultsBody.visible
    assert not scoring.ui.rankButton.enabled
    assert scoring.messages.text == ""


@pytest.mark.parametrize("which", ["masks", "ct"])
def test_a_node_is_deleted_while_scoring(scoring, bed, which, request):
    import slicer

    slicer.mrmlScene.RemoveNode(request.getfixturevalue(which))
    bed.process_events(0.2)
    assert not scoring.scoring.running
    assert scoring.session is None
    assert not scoring.colours.is_shown
    assert not scoring.ui.rankButton.enabled


def test_a_segment_is_deleted_after_scoring(ranked, bed, masks):
    masks.GetSegmentation().RemoveSegment("spleen")
    bed.wait_until(lambda: "spleen" not in rows_of(ranked.session.results))
    assert ranked.ui.rankingTable.rowCount == 4
    assert "spleen" not in ranked.inputs.table.organs


def test_the_overlay_is_deleted_by_the_user(ranked, bed):
    import slicer

    slicer.mrmlScene.RemoveNode(ranked.colours._overlay.node)
    ranked.ui.thresholdSlider.value = 0.5
    ranked.ui.opacitySlider.value = 0.4
    bed.process_events()
    ranked.ui.showColoursCheckBox.checked = False
    ranked.ui.showColoursCheckBox.checked = True
    bed.wait_until(lambda: ranked.colours.is_shown)


def test_a_segmentation_without_reference_volume_takes_the_ct_of_the_scene(
    panel, bed, ct, sample_dir, finish
):
    import slicer

    node = slicer.util.loadSegmentation(str(sample_dir / "segmentation.seg.nrrd"))
    node.SetNodeReferenceID(node.GetReferenceImageGeometryReferenceRole(), None)
    panel.parameters.segmentation = node
    bed.process_events()
    assert panel.parameters.volume is ct
    assert panel.session is not None


def test_without_a_ct_the_panel_asks_for_one(panel, bed, sample_dir):
    import slicer

    panel.parameters.segmentation = slicer.util.loadSegmentation(str(sample_dir / "segmentation.seg.nrrd"))
    bed.process_events()
    assert "Choose the CT" in panel.ui.inputsInfo.text
    assert not panel.ui.rankButton.enabled
    assert panel.messages.text == ""


def test_an_empty_segmentation_is_said_to_be_empty(panel, bed, ct):
    import slicer

    panel.parameters.segmentation = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    bed.process_events()
    assert "no segments" in panel.ui.inputsInfo.text
    assert not panel.ui.rankButton.enabled


def test_transformed_together_the_scores_stay_the_same(ranked, bed, finish, masks, ct):
    before = {
        i: {n: r.raw_score for n, r in rows.items()} for i, rows in rows_of(ranked.session.results).items()
    }
    for node in (masks, ct):
        transform(node, shift=(30, -20, 12))
    ranked.ui.rankButton.click()
    finish(ranked)
    assert ranked.messages.text == ""
    rows = rows_of(ranked.session.results)
    assert {i: {n: r.raw_score for n, r in of.items()} for i, of in rows.items()} == before
    ranked.ui.nextButton.click()
    key = ranked.results.current
    shown = bed.app.layoutManager().sliceWidget("Red").sliceLogic().GetSliceOffset()
    assert shown == pytest.approx(ranked.session.results.slice(key).z, abs=1e-3)


def test_a_segmentation_moved_out_of_the_ct_is_refused_with_a_sentence(loaded, bed, masks):
    transform(masks, shift=(3000, 0, 0))
    loaded.ui.rankButton.click()
    bed.wait_until(lambda: not loaded.scoring.running)
    assert "lies inside the volume" in loaded.messages.text
    assert loaded.ui.messageLabel.visible
    assert not loaded.scoring.running


def test_a_bent_volume_is_refused_with_a_sentence(loaded, bed, ct):
    import slicer

    grid = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLBSplineTransformNode")
    spline = vtk.vtkThinPlateSplineTransform()
    points, moved = vtk.vtkPoints(), vtk.vtkPoints()
    for n, place in enumerate(((0, 0, 0), (100, 0, 0), (0, 100, 0), (0, 0, 100), (50, 60, 70))):
        points.InsertNextPoint(place)
        moved.InsertNextPoint(place[0] + 3 * n, place[1] - 2 * n, place[2])
    spline.SetSourceLandmarks(points)
    spline.SetTargetLandmarks(moved)
    spline.SetBasisToR()
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTransformNode")
    node.SetAndObserveTransformToParent(spline)
    ct.SetAndObserveTransformNodeID(node.GetID())
    slicer.mrmlScene.RemoveNode(grid)
    loaded.ui.rankButton.click()
    bed.wait_until(lambda: not loaded.scoring.running)
    assert "non-linear transform" in loaded.messages.text


def test_a_segmentation_on_a_coarser_grid_is_scored_on_the_ct(panel, bed, ct, masks, finish):
    """As if it had been drawn on another reconstruction of the same scan."""
    import numpy as np
    import slicer

    coarse = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode")
    image = vtk.vtkImageData()
    image.SetDimensions(61, 50, 30)
    image.AllocateScalars(vtk.VTK_SHORT, 1)
    coarse.SetAndObserveImageData(image)
    matrix = vtk.vtkMatrix4x4()
    ct.GetIJKToRASMatrix(matrix)
    for column in (0, 1):
        for row in range(3):
            matrix.SetElement(row, column, 2 * matrix.GetElement(row, column))
    coarse.SetIJKToRASMatrix(matrix)
    mask = slicer.util.arrayFromSegmentBinaryLabelmap(masks, "spleen", coarse)
    other = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    other.CreateDefaultDisplayNodes()
    other.GetSegmentation().AddEmptySegment("spleen", "spleen")
    slicer.util.updateSegmentBinaryLabelmapFromArray(mask.astype(np.uint8), other, "spleen", coarse)
    slicer.mrmlScene.RemoveNode(coarse)
    panel.parameters.segmentation, panel.parameters.volume = other, ct
    panel.ui.rankButton.click()
    finish(panel)
    assert panel.messages.text == ""
    assert len(rows_of(panel.session.results)["spleen"]) > 20


def test_a_pet_is_refused_with_the_sentence_of_the_preflight(loaded, finish, ct):
    import slicer

    voxels = slicer.util.arrayFromVolume(ct)
    voxels[:] = (voxels > 0) * 7
    slicer.util.arrayFromVolumeModified(ct)
    loaded.ui.rankButton.click()
    finish(loaded)
    assert loaded.messages.text
    assert loaded.session.results is None
    assert loaded.ui.rankButton.enabled


def test_a_model_that_is_gone_is_said_so(loaded, bed):
    loaded.parameters.model = "/nowhere/model.safetensors"
    loaded.ui.rankButton.click()
    bed.wait_until(lambda: not loaded.scoring.running)
    assert 'There is no model "/nowhere/model.safetensors"' in loaded.messages.text


def test_scores_of_two_models_are_not_mixed(ranked, bed, finish, masks, ct, tmp_path):
    from segae.models.checkpoint import load_checkpoint, save_checkpoint
    from segae.models.registry import find_model

    checkpoint = load_checkpoint(find_model(ranked.parameters.model))
    checkpoint.weights["fc2.bias"] += 0.1
    save_checkpoint(checkpoint, tmp_path / "other.safetensors")
    report = ranked.session.results.whole_report()
    masks.GetSegmentation().GetSegment("spleen")
    mask = __import__("slicer").util.arrayFromSegmentBinaryLabelmap(masks, "spleen", ct)
    mask[ranked.session.results.slices("spleen")[0].slice] = 0
    __import__("slicer").util.updateSegmentBinaryLabelmapFromArray(mask, masks, "spleen", ct)
    mask[ranked.session.results.slices("spleen")[4].slice, :50] = 0
    __import__("slicer").util.updateSegmentBinaryLabelmapFromArray(mask, masks, "spleen", ct)
    bed.wait_until(lambda: ranked.session.results.changes)
    ranked.parameters.model = str(tmp_path / "other.safetensors")
    ranked.ui.rescoreButton.click()
    finish(ranked)
    assert "rank all segments again" in ranked.messages.text
    assert ranked.session.results.whole_report() == report


def test_the_segment_editors_choice_comes_first(bed, masks, ct, sample_dir):
    import slicer

    from SegAELib.mrml.nodes import default_segmentation, default_volume

    other = slicer.util.loadSegmentation(str(sample_dir / "segmentation.seg.nrrd"))
    assert default_segmentation(slicer.mrmlScene) is masks
    editor = slicer.modules.segmenteditor.widgetRepresentation().self().editor
    editor.setSegmentationNode(other)
    assert default_segmentation(slicer.mrmlScene) is other
    assert default_volume(slicer.mrmlScene, other) is ct


def test_the_overlay_is_never_offered_as_a_segmentation(ranked):
    ranked.ui.segmentationSelector.sortFilterProxyModel().invalidate()
    assert ranked.ui.segmentationSelector.nodeCount() == 1
