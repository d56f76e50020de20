"""From folders to a model that the module SegAE uses, by the buttons and with the real programs."""
# pyright: reportAttributeAccessIssue=false, reportMissingImports=false

from __future__ import annotations

import shutil
import unittest

import pytest


def test_from_folders_to_a_model_that_segae_uses(panel, bed, tmp_path, monkeypatch, caplog):
    """The way that the self test goes inside Slicer."""
    import qt

    from SegAETrainerLib.app.self_test import main_path

    with caplog.at_level("INFO"):
        main_path(unittest.TestCase(), tmp_path)
    said = [record.getMessage() for record in caplog.records if "self test" in record.getMessage()]
    assert len(said) == 5 and said[-1].endswith("the module SegAE scores with the model")

    import slicer

    opened = []
    monkeypatch.setattr(qt.QDesktopServices, "openUrl", lambda url: opened.append(url.toLocalFile()))
    panel.ui.openPageButton.click()
    run = tmp_path / "work" / "training-1"
    assert opened == [str(run / "evaluation" / "evaluation.html")]
    rows = panel.ui.figuresTable
    assert {rows.item(n, 0).text() for n in range(rows.rowCount)} >= {"training-1", "intensity"}
    assert panel.ui.runInfo.text.startswith("Finished: 1 of 1 epoch.")
    assert not panel.ui.startButton.enabled
    assert "Press New for another one" in panel.ui.startInfo.text
    segae = slicer.modules.segae.widgetRepresentation().self().panel
    segae.ui.advancedSection.collapsed = False
    bed.process_events()
    assert segae.ui.modelCombo.itemData(segae.ui.modelCombo.currentIndex) == str(run / "model.safetensors")
    assert "No such" not in segae.ui.modelInfo.text and "SHA-256 begins with" in segae.ui.modelInfo.text


@pytest.fixture
def wait(bed):
    """Runs the event loop until something is so; asks the panel now and then, as its timer does."""

    def until(condition, seconds=300.0):
        bed.wait_until(condition, seconds)

    return until


def test_a_training_outlives_the_panel_and_is_stopped_found_interrupted_and_resumed(
    load_panel, bed, wait, tmp_path, train_quickly
):
    import os
    import signal

    import slicer

    from SegAETrainerLib.runs.training import Training, write_orders

    run = tmp_path / "run"
    orders = train_quickly(run, epochs=400)
    started = Training(run)
    write_orders(started.run, orders)
    started.start(orders)

    panel = load_panel()
    panel.training.run.set(run)
    wait(lambda: panel.state.state == "running" and panel.state.epoch >= 2)
    assert "You may close Slicer" in panel.ui.runInfo.text
    assert "left." in panel.ui.runInfo.text
    assert panel.ui.epochBar.maximum == 400
    wait(lambda: slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLPlotChartNode") == 3)
    loss, lcc, mae = panel.progress.charts
    assert [series.GetYColumnName() for series in loss.series] == ["training", "validation"]
    assert loss.series[0].GetTableNode().GetNumberOfRows() >= 2
    assert [series.GetYColumnName() for series in lcc.series] == ["LCC", "LCC"], "the curve and the mark"
    assert [series.GetYColumnName() for series in mae.series] == ["MAE", "MAE"]

    panel = load_panel()  # as after a restart: the run folder is remembered, the training goes on
    assert panel.state.state == "running"
    panel.ui.stopButton.click()
    wait(lambda: panel.state.state == "stopped")
    done = panel.state.epoch
    assert 2 <= done < 400
    assert panel.ui.runInfo.text.startswith(f"Stopped after {done} of 400 epochs.")
    assert not panel.ui.stopButton.visible

    panel.ui.resumeButton.click()
    assert panel.state.state == "starting"
    wait(lambda: panel.state.state == "running" and panel.state.epoch > done)
    os.kill(read_pid(run), signal.SIGKILL)
    wait(lambda: panel.state.state == "interrupted")
    assert "killed from outside" in panel.messages.text
    panel = load_panel()
    assert panel.state.state == "interrupted"
    assert "its process is gone" in panel.ui.runInfo.text
    assert panel.messages.text == ""
    panel.ui.resumeButton.click()
    wait(lambda: panel.state.state == "running")
    assert panel.state.epoch >= done
    panel.ui.stopButton.click()
    wait(lambda: not panel.state.is_busy)
    assert panel.state.state == "stopped"


def test_a_finished_training_is_shown_whoever_ran_it(load_panel, bed, wait, tmp_path, train_quickly):
    from SegAETrainerLib.runs.commands import start_detached

    run = tmp_path / "run"
    process = start_detached(train_quickly(run, epochs=2), tmp_path / "log")
    wait(lambda: process.exit_code == 0)
    panel = load_panel()
    panel.training.run.set(run)
    assert panel.state.state == "finished"
    assert panel.ui.useButton.enabled
    assert not panel.ui.resumeButton.visible
    assert "Choose the training set above" in panel.ui.evaluationInfo.text


def test_a_training_that_cannot_begin_says_why_and_can_be_started_again(
    load_panel, wait, tmp_path, training_set
):
    broken = shutil.copytree(training_set, tmp_path / "set")
    panel = load_panel()
    panel.pairs.set.set(broken)
    panel.training.run.set(tmp_path / "run")
    (broken / "masks.bin").unlink()
    assert panel.ui.startButton.enabled
    panel.ui.startButton.click()
    wait(lambda: not panel.state.is_busy)
    assert "damaged or only partly copied" in panel.messages.text
    assert "damaged or only partly copied" in panel.ui.setInfo.text
    shutil.copy(training_set / "masks.bin", broken)
    panel.refresh()
    assert panel.ui.startButton.enabled


def read_pid(run):
    import json

    return json.loads((run / "state.json").read_text())["pid"]
