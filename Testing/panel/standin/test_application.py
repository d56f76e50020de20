"""slicer.app, files, settings, child processes, sample data, Segment Editor: guide 2.5, 7, 16, 17.4, 17.7."""
# pyright: reportAttributeAccessIssue=false, reportMissingImports=false, reportMissingModuleSource=false

import sys
import time
from pathlib import Path

import numpy as np
import pytest

SAMPLE = Path(__file__).parents[3] / "SegAE" / "Resources" / "SampleData" / "totalsegmentator_s0001"


def test_version_numbers_are_properties(bed):
    import slicer

    assert (slicer.app.majorVersion, slicer.app.minorVersion) == (5, 12)


def test_files_go_through_slicer_util_and_a_scene_comes_back(bed, segmentation, tmp_path):
    import slicer

    name = segmentation.GetSegmentation().GetNthSegment(0).GetName()
    assert slicer.util.saveNode(segmentation, str(tmp_path / "s.seg.nrrd"))
    table = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTableNode", "scores")
    slicer.util.updateTableFromArray(table, [np.array([1.0, 2.0]), np.array([0.5, 0.25])], ["slice", "score"])
    assert slicer.util.saveNode(table, str(tmp_path / "t.csv")) and slicer.util.saveScene(
        str(tmp_path / "x.mrb")
    )
    slicer.mrmlScene.Clear(0)
    again = slicer.util.loadSegmentation(str(tmp_path / "s.seg.nrrd"))
    assert again.GetSegmentation().GetNthSegment(0).GetName() == name
    assert slicer.util.loadTable(str(tmp_path / "t.csv")).GetNumberOfRows() == 2
    slicer.mrmlScene.Clear(0)
    slicer.util.loadScene(str(tmp_path / "x.mrb"))
    assert slicer.util.getNode("scores").GetNumberOfRows() == 2
    assert len(slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")) == 1


def test_a_loaded_volume_becomes_the_background_and_a_missing_file_raises(bed, ct):
    import slicer

    composite = slicer.app.layoutManager().sliceWidget("Green").mrmlSliceCompositeNode()
    assert composite.GetBackgroundVolumeID() == ct.GetID()
    with pytest.raises(RuntimeError, match="no such file"):
        slicer.util.loadVolume("/no/such/ct.nii.gz")


def test_message_boxes_do_not_block_and_questions_answer_as_under_testing(bed):
    import slicer

    slicer.util.errorDisplay("x")
    slicer.util.infoDisplay("x")
    assert not slicer.util.confirmYesNoDisplay("sure?")


def test_settings_are_private_and_emptied_by_reset(bed):
    import qt
    import slicer

    qt.QSettings().setValue("SegAE/Device", "cpu")
    assert slicer.util.settingsValue("SegAE/Device", "auto") == "cpu"
    assert slicer.app.temporaryPath in qt.QSettings().fileName()
    bed.reset()
    assert slicer.util.settingsValue("SegAE/Device", "auto") == "auto"


def test_console_process_without_blocking(bed):
    """Guide 17.4: lines without newline, then the exit code."""
    import slicer

    lines, codes = [], []
    code = "print('a'); print('b'); raise SystemExit(3)"
    slicer.util.launchConsoleProcess(
        [sys.executable, "-c", code], blocking=False, logCallback=lines.append, completedCallback=codes.append
    )
    bed.wait_until(lambda: codes)
    assert lines == ["a", "b"] and codes == [3]


def test_package_checks_never_install(bed, tmp_path):
    """Guide 3.2: pip_ensure returns silently under testing."""
    import slicer

    assert slicer.packaging.pip_check(["numpy>=1.0", "vtk"]) and not slicer.packaging.pip_check("numpy>=99")
    assert not slicer.packaging.pip_check("no-such-package-anywhere")
    slicer.packaging.pip_ensure(["no-such-package-anywhere"], requester="SegAE")
    with pytest.raises(RuntimeError, match="installs nothing"):
        slicer.packaging.pip_install("numpy")
    (tmp_path / "requirements.txt").write_text(
        "--no-binary x\n# note\ntorch>=2.1  # model\n", encoding="utf-8"
    )
    assert [str(r) for r in slicer.packaging.load_requirements(tmp_path / "requirements.txt")] == [
        "torch>=2.1"
    ]


def test_status_messages_and_progress_dialogs_work(bed):
    import slicer

    slicer.util.showStatusMessage("scoring")
    assert bed.main_window.statusBar().currentMessage() == "scoring"
    dialog = slicer.util.createProgressDialog(maximum=3, labelText="a")
    dialog.value = 2
    assert dialog.value == 2 and dialog.wasCanceled is False
    dialog.close()


def test_extension_manager_has_no_server(bed):
    import slicer

    model = slicer.app.extensionsManagerModel()
    model.interactive = False
    assert not model.isExtensionInstalled("PyTorch") and not model.installExtensionFromServer("PyTorch")
    assert "PyTorch" in model.requested()


def test_segment_editor_is_steered_through_its_widget(bed, ct, segmentation):
    import slicer

    editor = slicer.modules.segmenteditor.widgetRepresentation().self().editor
    ids = segmentation.GetSegmentation().GetSegmentIDs()
    editor.setSegmentationNode(segmentation)
    editor.setSourceVolumeNode(ct)
    editor.setCurrentSegmentID(ids[3])
    slicer.util.selectModule("SegmentEditor")
    assert slicer.util.selectedModule() == "SegmentEditor"
    assert editor.segmentationNode() is segmentation and editor.sourceVolumeNode() is ct
    assert editor.currentSegmentID() == ids[3] == editor.mrmlSegmentEditorNode().GetSelectedSegmentID()
    editor.setActiveEffectByName("Paint")
    assert editor.activeEffect().name == "Paint"
    editor.setActiveEffect(None)
    assert editor.activeEffect() is None
    editor.setCurrentSegmentID("nonsense")
    assert editor.currentSegmentID() == ""
    with pytest.raises(ValueError, match="no segment editor effect"):
        editor.setActiveEffectByName("Pain")


def test_sample_data_is_registered_and_loaded_from_files(bed):
    import SampleData
    import slicer

    files = ["ct.nii.gz", "segmentation_multilabel.nii.gz"]
    logic = SampleData.SampleDataLogic
    register = logic.registerCustomSampleDataSource
    uris = [(SAMPLE / f).as_uri() for f in files]
    kinds = ["VolumeFile", "SegmentationFile"]
    register("SegAE", "demo", uris, files, ["CT", "Organs"], loadFileTypes=kinds)
    nodes = logic().downloadSamples("demo")
    assert [n.GetName() for n in nodes] == ["CT", "Organs"]
    assert slicer.modules.sampleDataSources["SegAE"][0].sampleName == "demo"
    with pytest.raises(ValueError, match="differ in length"):
        register("SegAE", "bad", uris, files[:1], ["a", "b"])


def test_translation_takes_plain_texts(bed):
    from slicer.i18n import tr, translate

    assert tr("Ranked {count} slices").format(count=3) == "Ranked 3 slices"
    assert translate("qSlicerAbstractCoreModule", "Segmentation") == "Segmentation"
    with pytest.raises(TypeError):
        tr(3)


def test_heartbeat_measures_the_longest_pause_of_the_event_loop(bed):
    with bed.heartbeat() as blocked:
        bed.process_events(0.02)
        time.sleep(0.6)
        bed.process_events(0.02)
    assert blocked.longest > 0.59


def test_waiting_ends_with_an_error_that_says_so(bed):
    with pytest.raises(AssertionError, match=r"not met within 0\.05 s"):
        bed.wait_until(lambda: False, seconds=0.05)


def test_an_undeclared_panel_of_a_built_in_module_is_refused(bed):
    import slicer

    with pytest.raises(NotImplementedError, match="no panel of the module Volumes"):
        slicer.util.getModuleWidget("Volumes")
