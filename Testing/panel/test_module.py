"""The module in the application: reload, without a window, two panels, a child process, sample data."""
# pyright: reportAttributeAccessIssue=false, reportMissingImports=false

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from flat_rows import rows_of

ROOT = Path(__file__).resolve().parents[2]
MODULE = ROOT / "SegAE" / "SegAE.py"


def test_importing_the_module_loads_neither_torch_nor_pandas():
    import subprocess

    code = (
        "import sys; sys.path[:0] = ['Testing', 'SegAE']; import slicer_standin;"
        "bed = slicer_standin.start();"
        "bed.load_module('SegAE/SegAE.py');"
        "print([n for n in ('torch', 'pandas', 'matplotlib.pyplot', 'nibabel') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.fixture
def modules_come_back() -> Iterator[None]:
    """The other tests hold classes of the modules that a reload replaces."""
    before = {
        name: module for name, module in sys.modules.items() if name.split(".")[0] in ("segae", "SegAELib")
    }
    yield
    for name in [name for name in sys.modules if name.split(".")[0] in ("segae", "SegAELib")]:
        del sys.modules[name]
    sys.modules.update(before)


def test_the_module_is_reloaded_with_new_code(modules_come_back, ranked, bed, widget):
    import slicer
    from PySide6 import QtCore

    old = sys.modules["SegAELib.app.panel"]
    rows = ranked.ui.rankingTable.rowCount
    widget.onReload()
    bed.process_events(0.2)
    fresh = slicer.modules.SegAEWidget.panel
    assert sys.modules["SegAELib.app.panel"] is not old
    assert fresh is not ranked
    assert fresh.ui.rankingTable.rowCount == rows, "the scores are in the scene"
    bed.wait_until(lambda: fresh.colours.is_shown)
    bed.press(bed.main_window, QtCore.Qt.Key.Key_N)
    assert fresh.results.current is not None, "Slicer does not enter the module again"


def test_it_works_without_main_window_and_views(bed, model, masks, finish, scoring_here):
    with bed.without_main_window():
        widget = bed.load_module(MODULE, select=False)
        panel = widget.panel
        panel.parameters.model = str(model)
        panel.parameters.segmentation = masks
        panel.scoring.rank()
        finish(panel)
        assert rows_of(panel.session.results)
        panel.results.next()
        bed.unload_module("SegAE")


def test_the_panel_survives_another_scene_as_the_generic_test_gives_it(panel, bed):
    """Slicer's generic module test swaps the module's scene for a fresh one and back."""
    import slicer

    root = panel.ui.SegAEPanel if hasattr(panel.ui, "SegAEPanel") else panel.ui.segmentationSelector
    root.setMRMLScene(slicer.vtkMRMLScene())
    bed.process_events()
    root.setMRMLScene(slicer.mrmlScene)
    bed.process_events()


def test_two_panels_on_one_scene_do_not_disturb_each_other(loaded, bed, finish, widget):
    import slicer

    second = slicer.modules.segae.createNewWidgetRepresentation()
    widget.second = second  # lives as long as the first
    other = second.self().panel
    loaded.ui.rankButton.click()
    finish(loaded)
    assert loaded.messages.text == other.messages.text == ""
    loaded.ui.thresholdSlider.value = 0.5
    bed.process_events()
    assert other.ui.thresholdSlider.value == 0.5
    other.scoring.rank()
    finish(other)
    assert rows_of(other.session.results).keys() == rows_of(loaded.session.results).keys()


@pytest.mark.parametrize("in_child", [True])
def test_a_child_process_scores_and_is_gone_afterwards(loaded, bed, finish):
    import os

    loaded.ui.rankButton.click()
    bed.wait_until(lambda: loaded.runs._job.child_pid is not None, 60)  # CT and masks are read before
    pid = loaded.runs._job.child_pid
    finish(loaded)
    assert loaded.messages.text == ""
    assert len(rows_of(loaded.session.results)) == 5
    loaded.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_the_sample_data_are_offered_and_loaded(panel, bed):
    import SampleData
    import slicer

    volume, segmentation = SampleData.SampleDataLogic().downloadSamples("SegAEDemo")
    bed.wait_until(lambda: panel.session is not None)
    assert volume.GetImageData().GetDimensions() == (122, 101, 30)
    assert segmentation.GetSegmentation().GetNumberOfSegments() == 41
    assert panel.parameters.segmentation is segmentation
    assert panel.parameters.volume is volume
    assert panel.inputs.table.unclear == []
    assert slicer.util.selectedModule() == "SegAE"


def test_other_modules_score_through_the_logic_and_find_the_scores_in_the_scene(bed, masks, model):
    import slicer

    sys.path.insert(0, str(MODULE.parent))
    from SegAE import SegAELogic
    from SegAELib.mrml.results_table import find_results, read_results
    from SegAELib.mrml.score_tags import read_score

    steps = []
    report = SegAELogic().score(
        None, masks, segment_ids=["spleen"], model=str(model), slices=10, progress=steps.append
    )
    assert report.n_slices == 10
    assert steps[-1].done == steps[-1].total == 10
    assert read_results(find_results(masks)).report == report
    kept = read_score(masks, "spleen")
    assert kept is not None and kept.mean == pytest.approx(report.segments[0].mean)
    assert slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode") == 1


def test_the_logic_takes_names_of_organs_from_the_caller(bed, masks, model):
    from SegAE import SegAELogic
    from segae.errors import InputError

    masks.GetSegmentation().GetSegment("spleen").SetName("Segment_1")
    report = SegAELogic().score(
        None, masks, segment_ids=["spleen"], organs={"spleen": "left kidney"}, model=str(model), keep=False
    )
    assert {row.segment.structure for row in report.rows()} == {"kidney left"}
    with pytest.raises(InputError, match='no segment "x"'):
        SegAELogic().score(None, masks, organs={"x": "liver"}, model=str(model))
