"""What the panel says and offers, before, between and after."""
# pyright: reportAttributeAccessIssue=false, reportMissingImports=false

from __future__ import annotations

import math
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from segae.jobs.detached import is_alive
from segae_trainer.data.index import read_index
from segae_trainer.train.progress import EpochFigures, write_metrics

ROOT = Path(__file__).resolve().parents[3]


def test_opening_loads_nothing_heavy_and_starts_no_process():
    code = (
        "import sys, subprocess; sys.path[:0] = ['Testing', 'SegAE', 'SegAETrainer']; import slicer_standin;"
        "bed = slicer_standin.start();"
        "started = []; subprocess.Popen.__init__ = lambda *a, **k: started.append(a);"
        "bed.load_module('SegAE/SegAE.py', select=False);"
        "bed.load_module('SegAETrainer/SegAETrainer.py');"
        "names = ('torch', 'pandas', 'lightning', 'matplotlib.pyplot', 'nibabel', 'typer');"
        "print([n for n in names if n in sys.modules], started)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[] []"


def test_an_empty_panel_says_what_to_do(panel):
    ui = panel.ui
    assert "Choose a work folder" in ui.indexInfo.text
    assert "Press Build training set" in ui.setInfo.text
    assert ui.startInfo.text == "Build or choose a training set above."
    assert ui.runInfo.text == "No training here yet. Press Start training."
    assert "no model yet" in ui.evaluationInfo.text
    for name in ("checkButton", "buildButton", "startButton", "evaluateButton", "useButton"):
        assert not getattr(ui, name).enabled, name
    for name in (
        "jobBody",
        "findingsBox",
        "epochBar",
        "stopButton",
        "resumeButton",
        "curvesBody",
        "openPageButton",
        "logBox",
        "pairsPicture",
        "planInfo",
    ):
        assert not getattr(ui, name).visible, name
    assert ui.epochsSpinBox.text == "as in the recipe"
    assert panel.messages.text == ""


def test_the_work_folder_proposes_where_things_go(panel, tmp_path):
    panel.pairs.set.set("/my/set")
    panel.data.work.set(tmp_path)
    assert panel.data.index.path == tmp_path / "index.json"
    assert panel.pairs.set.path == Path("/my/set")
    assert panel.training.run.path == tmp_path / "training-1"


def test_a_list_of_scans_and_a_training_set_that_are_there_are_described(panel, index, training_set):
    panel.data.index.set(index)
    assert panel.ui.indexInfo.text.startswith("3 scans of 3 patients: 1 for training, 1 for validation")
    assert panel.ui.findingsBox.visible
    assert "s0004" in panel.ui.findingsText.plainText
    panel.pairs.set.set(training_set)
    assert "pairs of mask and truth from 3 scans" in panel.ui.setInfo.text
    assert panel.ui.startInfo.text == "Choose a run folder."
    assert panel.ui.buildButton.enabled


def test_a_file_of_another_kind_is_refused_beside_its_field(panel, tmp_path, training_set):
    (tmp_path / "index.json").write_text("{}")
    panel.data.index.set(tmp_path / "index.json")
    assert "is no index of scans" in panel.ui.indexInfo.text
    assert not panel.ui.buildButton.enabled
    panel.pairs.set.set(tmp_path)
    assert "is no training set" in panel.ui.setInfo.text
    (tmp_path / "state.json").write_text("{}")
    panel.pairs.set.set(training_set)
    panel.training.run.set(tmp_path)
    assert "does not tell the state of a training" in panel.ui.runInfo.text
    assert not panel.ui.startButton.enabled
    panel.training.run.set(tmp_path / "another")
    assert "does not tell" not in panel.ui.runInfo.text
    assert panel.ui.startButton.enabled


def test_what_is_wrong_with_the_data_is_said_in_the_panel(panel, bed, tmp_path):
    (tmp_path / "empty").mkdir()
    panel.data.work.set(tmp_path / "work")
    panel.data.ct.set(tmp_path / "empty")
    panel.ui.checkButton.click()
    assert panel.ui.jobBody.visible
    assert panel.ui.jobLabel.text.startswith("Checking CTs and masks (")
    assert not panel.ui.checkButton.enabled
    bed.wait_until(lambda: not panel.jobs.busy, 120)
    assert "holds neither cases of TotalSegmentator" in panel.messages.text
    assert panel.ui.checkButton.enabled
    assert not panel.ui.jobBody.visible


def test_the_check_shows_what_does_not_match(panel, bed, tmp_path, cases):
    panel.data.work.set(tmp_path)
    panel.data.ct.set(cases)
    panel.ui.checkButton.click()
    bed.wait_until(lambda: not panel.jobs.busy, 120)
    assert panel.messages.text == ""
    assert panel.ui.indexInfo.text.startswith("3 scans of 3 patients")
    assert "s0004" in panel.ui.findingsText.plainText
    assert not panel.ui.findingsBox.collapsed


def test_structures_of_ones_own_are_named_by_a_table_and_kept_in_the_list_of_scans(
    panel, bed, tmp_path, sample_dir
):
    """A mask called after a structure beyond the 145 counts for nothing until the table is chosen."""
    for case in ("s1", "s2", "s3"):
        (tmp_path / "data" / case / "segmentations").mkdir(parents=True)
        shutil.copy(sample_dir / "ct.nii.gz", tmp_path / "data" / case)
        for name, mask in (("spleen", "spleen"), ("parotid_left", "kidney_left")):
            masks = tmp_path / "data" / case / "segmentations"
            shutil.copy(sample_dir / "segmentations" / f"{mask}.nii.gz", masks / f"{name}.nii.gz")
    (tmp_path / "own.csv").write_text("name,laterality\nparotid left,left\n")
    panel.data.work.set(tmp_path / "work")
    panel.data.ct.set(tmp_path / "data")
    panel.ui.checkButton.click()
    bed.wait_until(lambda: not panel.jobs.busy, 120)
    assert "parotid_left" in panel.ui.findingsText.plainText
    panel.data.labels.set(tmp_path / "own.csv")
    panel.ui.checkButton.click()
    bed.wait_until(lambda: not panel.jobs.busy, 120)
    assert panel.messages.text == "" and "parotid_left" not in panel.ui.findingsText.plainText
    (own,) = read_index(tmp_path / "work" / "index.json").label_table.own
    assert own.name == "parotid left"


def test_what_to_do_is_said_in_the_words_of_the_panel(panel, bed, tmp_path, index):
    """A list of scans without predicted masks, and the rule that draws no errors of its own."""
    panel.data.index.set(index)
    panel.pairs.set.set(tmp_path / "set")
    panel.pairs._rule.set("published")
    panel.ui.buildButton.click()
    bed.wait_until(lambda: not panel.jobs.busy, 120)
    assert "choose the slices in which" in panel.messages.text and "--" not in panel.messages.text


def test_a_job_is_cancelled_at_once(panel, tmp_path, index):
    panel.data.index.set(index)
    panel.pairs.set.set(tmp_path / "set")
    panel.ui.buildButton.click()
    child = panel.jobs._job._child
    panel.ui.cancelJobButton.click()
    assert not is_alive(child.pid)
    assert not panel.jobs.busy
    assert panel.messages.text.startswith("Stopped.")
    assert panel.ui.buildButton.enabled


def test_a_job_ends_with_the_panel(load_panel, bed, tmp_path, index):
    panel = load_panel()
    panel.data.index.set(index)
    panel.pairs.set.set(tmp_path / "set")
    panel.ui.buildButton.click()
    child = panel.jobs._job._child
    bed.unload_module("SegAETrainer")
    assert not is_alive(child.pid)


def test_choices_come_back_after_a_restart(load_panel, tmp_path):
    panel = load_panel()
    panel.data.ct.set(tmp_path)
    panel.training.run.set(tmp_path / "run")
    panel.ui.networkCombo.setCurrentIndex(panel.ui.networkCombo.findData("resnet34"))
    panel.ui.epochsSpinBox.value = 7
    choice = panel.training.choice
    again = load_panel()
    assert again is not panel
    assert again.training.choice == choice
    assert choice.network == "resnet34" and choice.epochs == 7
    assert again.data.ct.path == tmp_path
    assert again.training.run.path == tmp_path / "run"
    again.training.run.set("")
    assert load_panel().training.run.path is None


def test_packages_that_are_missing_are_explained_and_nothing_begins(load_panel, monkeypatch, tmp_path):
    from SegAETrainerLib.runs import commands

    needed: dict = commands.PACKAGES  # type: ignore[assignment]
    monkeypatch.setitem(needed, "check", {**needed["check"], "no-such-package": "1.0"})
    panel = load_panel()
    assert not panel.ui.packagesSection.collapsed
    assert panel.ui.packagesLabel.text.startswith("Checking data needs no-such-package.")
    assert panel.ui.installButton.visible
    panel.data.work.set(tmp_path / "work")
    panel.data.ct.set(tmp_path)
    panel.ui.checkButton.click()
    assert not panel.jobs.busy
    assert "Install what is missing first" in panel.messages.text
    assert not (tmp_path / "work").exists()


def test_only_what_the_pressed_button_needs_is_asked_for(panel, monkeypatch, training_set, tmp_path):
    from SegAETrainerLib.runs import commands

    needed: dict = commands.PACKAGES  # type: ignore[assignment]
    monkeypatch.setitem(needed, "train", {**needed["train"], "no-such-package": "1.0"})
    panel.pairs.set.set(training_set)
    panel.training.run.set(tmp_path / "run")
    assert panel.ui.packagesSection.collapsed
    panel.ui.startButton.click()
    assert panel.ui.packagesLabel.text.startswith("Training needs no-such-package.")
    assert panel.state.state == "none" and not (tmp_path / "run").exists()


def epoch_figures(epoch, lcc):
    return EpochFigures(epoch, 10 * epoch, 0.5, 0.4, 0.1, 0.6, lcc, 0.2, 1e-3, 3.0)


def test_the_charts_come_back_after_the_scene_was_closed_and_are_not_saved(panel, bed, tmp_path):
    import slicer

    write_metrics([epoch_figures(0, 0.1), epoch_figures(1, 0.3)], tmp_path / "metrics.csv")
    panel.training.run.set(tmp_path)

    def charts():
        return slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLPlotChartNode")

    assert charts() == 3
    assert panel.ui.curvesBody.visible
    slicer.mrmlScene.Clear(0)
    assert charts() == 0
    panel.poll()
    assert charts() == 3
    table = panel.progress.charts[1].series[0].GetTableNode().GetTable()
    assert [table.GetValueByName(row, "LCC").ToDouble() for row in range(2)] == [0.1, 0.3]
    chart = slicer.util.getNodesByClass("vtkMRMLPlotChartNode")[0]
    assert not chart.GetSaveWithScene() and chart.GetHideFromEditors()
    panel.training.run.set(tmp_path / "another")
    assert not panel.ui.curvesBody.visible


def test_the_first_epoch_is_a_point(panel, bed, tmp_path):
    """VTK complains about lines of one point, which the guard of the test bed would see."""
    write_metrics([epoch_figures(0, math.nan)], tmp_path / "metrics.csv")
    panel.training.run.set(tmp_path)
    bed.process_events(0.1)
    assert panel.ui.curvesBody.visible


def test_it_works_without_main_window(bed, load_panel):
    with bed.without_main_window():
        bed.load_module(ROOT / "SegAE" / "SegAE.py", select=False)
        panel = bed.load_module(ROOT / "SegAETrainer" / "SegAETrainer.py", select=False).panel
        panel.poll()
        for name in ("SegAETrainer", "SegAE"):
            bed.unload_module(name)


@pytest.fixture
def modules_come_back():
    """The other tests hold classes of the modules that a reload replaces."""
    names = ("SegAETrainerLib", "segae_trainer")
    before = {name: module for name, module in sys.modules.items() if name.split(".")[0] in names}
    yield
    for name in [name for name in sys.modules if name.split(".")[0] in names]:
        del sys.modules[name]
    sys.modules.update(before)


def test_the_module_is_reloaded_with_new_code(modules_come_back, panel, bed):
    import slicer

    old = sys.modules["SegAETrainerLib.app.panel"]
    slicer.modules.SegAETrainerWidget.onReload()
    bed.process_events()
    assert sys.modules["SegAETrainerLib.app.panel"] is not old
    assert slicer.modules.SegAETrainerWidget.panel is not panel
