"""A whole module on the test bed: guide section 2."""
# pyright: reportAttributeAccessIssue=false, reportMissingImports=false, reportMissingModuleSource=false

import sys
from pathlib import Path

import numpy as np
import pytest

DEMO = Path(__file__).parent / "StandinDemo" / "StandinDemo.py"


@pytest.fixture
def panel(bed, segmentation):
    return bed.load_module(DEMO)


def test_the_module_is_loaded_as_slicer_does(bed, panel):
    import slicer

    assert slicer.util.getModule("StandinDemo").title == "Stand-in demo"
    assert slicer.modules.StandinDemoInstance.started is True
    assert slicer.modules.StandinDemoWidget is panel
    assert slicer.util.getModuleWidget("StandinDemo") is panel
    assert slicer.util.getModuleLogic("StandinDemo") is panel.logic
    assert slicer.modules.standindemo.logic().IsA("vtkSlicerScriptedLoadableModuleLogic")
    assert slicer.util.modulePath("StandinDemo") == str(DEMO)
    assert panel.life == ["setup", "enter"] and panel.parent.isEntered is True


def test_gui_and_parameter_node_follow_each_other(panel, ct):
    assert panel.ui.volumeSelector.currentNode() is ct and panel.parameters.inputVolume is ct
    assert panel.ui.thresholdSlider.value == 0.5
    panel.ui.thresholdSlider.value = 0.8
    assert panel.parameters.threshold == 0.8
    panel.parameters.threshold = 0.25
    assert panel.ui.thresholdSlider.value == 0.25


def test_the_button_fills_the_table_and_a_row_jumps_all_slice_views(panel, segmentation):
    import slicer

    assert panel.ui.applyButton.enabled is False
    panel.ui.segmentationSelector.setCurrentNode(segmentation)
    panel.ui.applyButton.click()
    table = panel.ui.segmentTable
    assert table.rowCount == 41 and panel.ui.statusLabel.text == "41 segments"
    voxels = [float(table.item(r, 1).text()) for r in range(table.rowCount)]
    assert voxels == sorted(voxels, reverse=True)
    layout = slicer.app.layoutManager()
    before = [layout.sliceWidget(n).sliceLogic().GetSliceOffset() for n in layout.sliceViewNames()]
    table.cellClicked.emit(0, 0)
    after = [layout.sliceWidget(n).sliceLogic().GetSliceOffset() for n in layout.sliceViewNames()]
    assert all(a != b for a, b in zip(before, after, strict=True))


def test_the_screenshot_of_a_panel_shows_it(bed, panel, tmp_path):
    import qt

    path = bed.screenshot(panel.parent, tmp_path / "panel.png")
    image = qt.QImage(str(path))
    colours = {image.pixel(x, y) for x in range(0, image.width(), 3) for y in range(0, image.height(), 3)}
    assert image.width() > 300 and image.height() > 400 and len(colours) > 20


def test_the_screenshot_of_the_main_window_contains_the_slice_views(bed, panel, tmp_path):
    import qt
    import slicer

    path = bed.screenshot(bed.main_window, tmp_path / "main.png")
    image, view = qt.QImage(str(path)), slicer.app.layoutManager().sliceWidget("Red").sliceView()
    corner = view.mapTo(bed.main_window, qt.QPoint(0, 0))
    pixels = bed.slice_pixels("Red")
    rows, columns = (np.linspace(10, n - 10, 12).astype(int) for n in pixels.shape[:2])
    shown = [[qt.QColor(image.pixel(corner.x() + c, corner.y() + r)).red() for c in columns] for r in rows]
    assert np.abs(np.array(shown) - pixels[np.ix_(rows, columns)][..., 0]).max() <= 1


def test_entering_and_leaving(bed, panel):
    import slicer

    slicer.util.selectModule("SegmentEditor")
    assert slicer.util.selectedModule() == "SegmentEditor" and panel.life[-1] == "exit"
    slicer.util.selectModule("StandinDemo")
    assert panel.life[-1] == "enter"


def test_closing_the_scene_reaches_the_panel_and_empties_selectors(panel):
    import slicer

    slicer.mrmlScene.Clear(0)
    assert "close" in panel.life and panel.ui.volumeSelector.currentNode() is None


def test_reload_cleans_up_and_builds_a_new_panel(bed, panel):
    import slicer

    panel.onReload()
    again = slicer.modules.StandinDemoWidget
    assert again is not panel and panel.life[-1] == "cleanup" and again.life == ["setup"]
    assert panel.parent.layout().count() == 2
    again.ui.thresholdSlider.value = 0.1
    assert again.parameters.threshold == 0.1


def test_unloading_cleans_up_and_leaves_nothing_connected(bed, panel):
    import slicer

    bed.unload_module("StandinDemo")
    assert panel.life[-2:] == ["exit", "cleanup"] and bed.leftovers() == ()
    assert not hasattr(slicer.modules, "standindemo") and "StandinDemo" not in sys.modules


def test_leftover_connections_are_named(bed):
    import slicer

    slicer.app.layoutManager().connect("layoutChanged(int)", print)
    assert "layoutChanged(int)" in bed.leftovers()[0]


def test_setup_without_main_window(bed, segmentation):
    """Guide 1.2: the generic test builds the panel with no main window and no layout manager."""
    import slicer

    with bed.without_main_window():
        assert slicer.util.mainWindow() is None and slicer.app.layoutManager() is None
        panel = bed.load_module(DEMO)
        assert panel.life == ["setup"]
    assert slicer.util.mainWindow() is not None


def test_the_self_test_runs(bed, panel):
    import slicer

    slicer.modules.StandinDemoInstance.runTest(msec=10)
    assert sys.modules["StandinDemo"].StandinDemo.tested is True


def write_module(folder: Path, name: str, body: str) -> Path:
    path = folder / f"{name}.py"
    path.write_text(
        "from slicer.ScriptedLoadableModule import *\n"
        f"class {name}(ScriptedLoadableModule):\n"
        "    def __init__(self, parent):\n        ScriptedLoadableModule.__init__(self, parent)\n"
        f"{body}\nclass {name}Widget(ScriptedLoadableModuleWidget): pass\n"
    )
    return path


def test_a_module_that_depends_on_an_absent_module_is_refused(bed, tmp_path):
    path = write_module(tmp_path, "StandinNeeds", "        parent.dependencies = ['PyTorchUtils']")
    with pytest.raises(ImportError, match="PyTorchUtils"):
        bed.load_module(path)


def test_a_module_of_category_testing_cannot_be_selected(bed, tmp_path):
    path = write_module(tmp_path, "StandinHidden", "        parent.categories = ['Testing']")
    bed.load_module(path, select=False)
    with pytest.raises(ValueError, match="Testing"):
        bed.select_module("StandinHidden")


def test_a_misspelt_field_of_the_module_is_refused(bed, tmp_path):
    path = write_module(tmp_path, "StandinTypo", "        parent.titel = 'x'")
    with pytest.raises(AttributeError, match="titel"):
        bed.load_module(path)


def test_a_file_without_a_class_of_its_name_is_refused(bed, tmp_path):
    (tmp_path / "standin_helper.py").write_text("x = 1\n")
    with pytest.raises(ImportError, match="has no class standin_helper"):
        bed.load_module(tmp_path / "standin_helper.py")


def test_an_unknown_module_cannot_be_selected(bed):
    import slicer

    with pytest.raises(ValueError, match="no module 'Nonsense'"):
        slicer.util.selectModule("Nonsense")
    with pytest.raises(RuntimeError, match="Nonsense"):
        slicer.util.getModule("Nonsense")
