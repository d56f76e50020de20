"""What can be seen of the trainer's panel: where it speaks, what folds, curves, verdicts, lists, logs."""
# pyright: reportAttributeAccessIssue=false, reportMissingImports=false

from __future__ import annotations

import csv
import json
import math
from pathlib import Path

import pytest

from segae_trainer.train.progress import EpochFigures, write_metrics


def top_in(widget, outer) -> int:
    """How far below the top of `outer` a widget begins."""
    from PySide6 import QtCore

    return widget.mapTo(outer, QtCore.QPoint(0, 0)).y()


def in_view(widget) -> bool:
    """Whether all of a widget can be seen in the panel, which scrolls."""
    area = widget.parentWidget()
    while not area.inherits("QScrollArea"):
        area = area.parentWidget()
    top = top_in(widget, area.viewport())
    return bool(widget.visible) and top >= 0 and top + widget.height <= area.viewport().height


@pytest.fixture
def low_window(bed):
    """A window of a laptop with 768 lines."""
    bed.main_window.resize(1366, 700)
    return bed.main_window


def run_with(folder: Path, *, epochs: int = 3, **config: object) -> Path:
    """The folder of a training with curves, whose second epoch is the best."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = [
        EpochFigures(n, n, 1.0 / (n + 1), 0.4, 0.1, 0.6, 0.9 if n == 1 else 0.1 * n, 0.2, 1e-3, 3.0)
        for n in range(epochs)
    ]
    write_metrics(rows, folder / "metrics.csv")
    state = {"state": "finished", "pid": 1, "epoch": epochs, "epochs": epochs}
    (folder / "state.json").write_text(json.dumps(state))
    (folder / "config.json").write_text(json.dumps({"learning": {}, "start": "random weights", **config}))
    return folder


def evaluated(folder: Path, **errors: float) -> Path:
    """Give a training a model, and an evaluation with the mean absolute errors of methods."""
    (folder / "evaluation").mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(b"")
    with (folder / "evaluation" / "metrics.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["suite", "method", "level", "metric", "value", "n", "low", "high"])
        for method, error in errors.items():
            for metric in ("lcc", "mae", "auroc_70"):
                writer.writerow(["synthetic", method.replace("_", " "), "slice", metric, error, 9, "", ""])
    return folder


# Where it speaks


def test_what_is_wrong_stands_below_the_button_and_in_view(panel, bed, low_window, tmp_path):
    (tmp_path / "empty").mkdir()
    panel.data.work.set(tmp_path / "work")
    panel.data.ct.set(tmp_path / "empty")
    panel.ui.checkButton.click()
    bed.process_events(0.3)
    assert in_view(panel.ui.jobBar)
    bed.wait_until(lambda: not panel.jobs.busy, 120)
    bed.process_events(0.3)
    assert panel.messages.text and in_view(panel.ui.messageLabel)
    button, section = panel.ui.checkButton, panel.ui.dataSection
    assert top_in(panel.ui.messageLabel, section) >= top_in(button, section) + button.height


def test_the_word_on_a_button_far_down_is_in_view_too(panel, bed, low_window, tmp_path):
    panel.training.run.set(evaluated(run_with(tmp_path / "run"), mine=0.3, mask_features=0.2))
    bed.process_events(0.3)
    assert not in_view(panel.ui.useButton), "the test needs a panel that scrolls"
    panel.ui.useButton.click()
    bed.process_events(0.3)
    assert in_view(panel.ui.messageLabel)


def test_the_word_on_missing_packages_opens_their_section(panel, bed, low_window, monkeypatch, tmp_path):
    from SegAETrainerLib.runs import commands

    needed: dict = commands.PACKAGES  # type: ignore[assignment]
    monkeypatch.setitem(needed, "check", {"no-such-package": "1.0"})
    panel.data.work.set(tmp_path / "work")
    panel.data.ct.set(tmp_path)
    panel.ui.packagesSection.collapsed = True
    panel.ui.checkButton.click()
    bed.process_events(0.3)
    assert in_view(panel.ui.messageLabel) and not panel.ui.packagesSection.collapsed


def test_what_was_said_before_goes_when_another_button_is_pressed(panel, tmp_path):
    panel.training.run.set(evaluated(run_with(tmp_path / "run"), mine=0.3, mask_features=0.2))
    panel.ui.useButton.click()
    assert panel.messages.text
    panel.data.work.set(tmp_path / "work")
    panel.data.ct.set(tmp_path)
    panel.ui.checkButton.click()
    assert panel.messages.text == ""


def test_stage_count_and_time_are_shown_while_a_command_works(panel, bed, index, tmp_path):
    panel.data.index.set(index)
    panel.pairs.set.set(tmp_path / "set")
    panel.ui.buildButton.click()
    seen = set()

    def watch() -> bool:
        panel.jobs.poll()
        seen.add(panel.ui.jobLabel.text)
        return not panel.jobs.busy

    bed.wait_until(watch, 120)
    assert any("Building the training set, bringing scans into shape: 2 of 3, about" in one for one in seen)
    assert panel.training_set is not None


# What folds


def test_a_step_folds_when_it_is_done_and_says_what_there_is(panel, training_set, tmp_path):
    ui = panel.ui
    assert ui.setSection.text == "2. Training set" and not ui.setSection.collapsed
    panel.pairs.set.set(training_set)
    pairs = panel.training_set[1].pairs
    assert ui.setSection.text == f"2. Training set: {pairs} pairs"
    assert ui.setSection.collapsed is not bool(panel.training_set[1].findings)
    panel.pairs.set.set(tmp_path)
    assert not ui.setSection.collapsed and ui.setSection.text == "2. Training set"


def test_findings_of_the_check_stay_open(panel, index):
    panel.data.index.set(index)
    assert panel.ui.dataSection.text == "1. Data: 3 scans of 3 patients"
    assert not panel.ui.dataSection.collapsed and panel.ui.findingsBox.visible


def test_the_settings_fold_when_there_is_a_training(panel, tmp_path):
    panel.training.run.set(tmp_path / "new")
    assert not panel.ui.settingsBox.collapsed
    panel.training.run.set(run_with(tmp_path / "run"))
    assert panel.ui.settingsBox.collapsed


# The training


def test_a_run_folder_chosen_by_hand_survives_another_work_folder(load_panel, tmp_path):
    panel = load_panel()
    panel.data.work.set(tmp_path / "a")
    assert panel.training.run.path == tmp_path / "a" / "training-1"
    panel.data.work.set(tmp_path / "b")
    assert panel.training.run.path == tmp_path / "b" / "training-1"
    panel.training.run.set(tmp_path / "mine")
    panel.data.work.set(tmp_path / "c")
    assert panel.training.run.path == tmp_path / "mine"
    panel.training.run.set(tmp_path / "c" / "training-1")  # by hand what would have been proposed
    panel = load_panel()
    panel.data.work.set(tmp_path / "d")
    assert panel.training.run.path == tmp_path / "c" / "training-1"
    assert panel.data.index.path == tmp_path / "d" / "index.json"


def test_the_trainings_of_the_work_folder_are_listed_and_chosen(panel, tmp_path):
    panel.data.work.set(tmp_path)
    first, second = run_with(tmp_path / "training-1"), run_with(tmp_path / "other", epochs=2)
    panel.refresh()
    combo = panel.ui.runsCombo
    listed = [combo.itemText(n) for n in range(combo.count)]
    assert listed[0] == "Trainings here: 2"
    assert set(listed[1:]) == {
        "training-1: finished, 3 epochs, LCC 0.90",
        "other: finished, 2 epochs, LCC 0.90",
    }
    assert combo.itemData(combo.currentIndex) == str(first)
    panel.training._choose_run(combo.findData(str(second)))
    assert panel.training.run.path == second
    panel.ui.newRunButton.click()
    assert panel.training.run.path == tmp_path / "training-2"


def test_what_a_training_began_with_is_said(panel, tmp_path):
    start = "random weights, as ImageNet weights could not be had"
    panel.training.run.set(run_with(tmp_path / "run", start=start))
    assert panel.ui.weightsInfo.text == f"It began with {start}." and panel.ui.weightsInfo.visible
    panel.training.run.set(tmp_path / "new")
    assert not panel.ui.weightsInfo.visible


def test_a_download_is_announced_before_it_happens(panel, tmp_path):
    ui = panel.ui
    panel.training.run.set(tmp_path / "new")
    assert not ui.downloadInfo.visible, "the recipe that ships downloads nothing"
    ui.recipeCombo.setCurrentIndex(ui.recipeCombo.findData("published"))
    assert "ImageNet weights of resnet50. It downloads them (98 MB)" in ui.downloadInfo.text
    assert ui.downloadInfo.visible
    panel.training._weights.set(tmp_path / "model.safetensors")
    assert not ui.downloadInfo.visible
    assert panel.training.choice.weights == tmp_path / "model.safetensors"


def test_the_epoch_that_becomes_the_model_is_marked_and_named(panel, bed, tmp_path):
    panel.training.run.set(run_with(tmp_path / "run"))
    said = panel.ui.chosenInfo.text
    assert said.startswith(
        "The model is that of epoch 1, counted from 0, the one with the highest LCC so far: LCC 0.900"
    )
    for chart in panel.progress.charts[1:]:
        mark = chart.series[-1]
        assert not chart.node.GetLegendVisibility(), "it would hide the mark"
        assert tuple(chart.node.GetXAxisRange()) == (0, 2)
        table = mark.GetTableNode().GetTable()
        assert table.GetValueByName(0, "epoch").ToInt() == 1
        assert mark.GetLineStyle() == mark.LineStyleNone and mark.GetMarkerStyle() != mark.MarkerStyleNone
    panel.training.run.set(run_with(tmp_path / "other", learning={"recipe": {"select": "last"}}))
    assert (
        "moving average of the weights, now after epoch 2, counted from 0: LCC 0.200"
        in panel.ui.chosenInfo.text
    )


def test_the_axis_of_the_loss_is_logarithmic_when_that_is_chosen(panel, bed, tmp_path):
    panel.training.run.set(run_with(tmp_path / "run"))
    loss, lcc, _mae = panel.progress.charts
    assert not loss.node.GetYAxisLogScale()
    panel.ui.logCheckBox.click()
    assert loss.node.GetYAxisLogScale() and not lcc.node.GetYAxisLogScale()


def test_the_log_is_shown_when_it_is_opened(panel, tmp_path):
    run = run_with(tmp_path / "run")
    (run / "panel.log").write_text("the first line\nthe last line\n")
    panel.training.run.set(run)
    assert panel.ui.logBox.visible and panel.ui.logText.plainText == ""
    panel.ui.logBox.collapsed = False
    panel.poll()
    assert panel.ui.logText.plainText == "the first line\nthe last line"


def test_an_estimate_says_device_time_and_disk(panel, bed, training_set, tmp_path):
    ui = panel.ui
    panel.pairs.set.set(training_set)
    panel.training.run.set(tmp_path / "run")
    for combo, value in (
        (ui.recipeCombo, "published"),
        (ui.networkCombo, "resnet18"),
        (ui.deviceCombo, "cpu"),
    ):
        combo.setCurrentIndex(combo.findData(value))
    ui.epochsSpinBox.value = 1
    ui.planButton.click()
    bed.wait_until(lambda: not panel.jobs.busy, 180)
    assert panel.messages.text == ""
    assert ui.planInfo.visible
    assert ui.planInfo.text.startswith("On ") and "of memory: about" in ui.planInfo.text
    assert "On disk about" in ui.planInfo.text and "are free." in ui.planInfo.text
    ui.epochsSpinBox.value = 2
    assert not ui.planInfo.visible, "an estimate of something else is not shown"


def test_some_pairs_can_be_looked_at(panel, bed, training_set):
    panel.pairs.set.set(training_set)
    panel.ui.setSection.collapsed = False
    panel.ui.pairsButton.click()
    bed.wait_until(lambda: not panel.jobs.busy, 120)
    assert panel.messages.text == "" and panel.ui.pairsPicture.visible
    assert panel.ui.pairsPicture.pixmap.width() > 300
    panel.ui.hidePairsButton.click()
    assert not panel.ui.pairsPicture.visible


# The evaluation


def verdicts(panel) -> list[str]:
    """The last column, without the rows that name a suite."""
    table = panel.ui.figuresTable
    last = [table.item(n, table.columnCount - 1) for n in range(table.rowCount)]
    return [item.text() for item in last if item is not None]


def test_the_table_says_what_a_model_is_worth_beside_the_mask_alone(panel, tmp_path):
    panel.training.run.set(evaluated(run_with(tmp_path / "run"), mine=0.1, intensity=0.2, mask_features=0.25))
    assert verdicts(panel) == ["0.150 better", "", ""]
    assert panel.ui.figuresTable.item(0, 0).text() == "synthetic, 9 masks in single slices"
    assert panel.ui.verdictInfo.text == (
        "synthetic: mine is better than mask features (mean absolute error 0.100 against 0.250, 0.150 lower)."
    )


def test_a_model_that_is_not_better_is_handed_over_only_after_a_warning(panel, bed, tmp_path):
    import slicer

    run = evaluated(run_with(tmp_path / "run"), mine=0.3, mask_features=0.2)
    panel.training.run.set(run)
    assert verdicts(panel) == ["0.100 worse", ""]
    panel.ui.useButton.click()
    assert slicer.util.selectedModule() == "SegAETrainer"
    assert "not better than a regression on mask features" in panel.messages.text
    assert "0.300 against 0.200, 0.100 higher" in panel.messages.text
    used = []
    module = __import__("SegAETrainerLib.app.evaluation_section", fromlist=["use_in_segae"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "use_in_segae", used.append)
        panel.ui.useButton.click()
    assert used == [run / "model.safetensors"] and panel.messages.text == ""


def test_a_model_that_nobody_measured_is_handed_over_only_after_a_warning(panel, tmp_path):
    run = run_with(tmp_path / "run")
    (run / "model.safetensors").write_bytes(b"")
    panel.training.run.set(run)
    panel.ui.useButton.click()
    assert "press Evaluate" in panel.messages.text


def test_a_mean_error_that_is_not_defined_is_no_better(panel, tmp_path):
    panel.training.run.set(evaluated(run_with(tmp_path / "run"), mine=math.nan, mask_features=0.2))
    panel.ui.useButton.click()
    assert "not better than" in panel.messages.text
