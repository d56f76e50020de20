"""What a self test inside Slicer does: the way from folders to a model that the module SegAE uses."""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from segae.models.registry import bundled_models
from SegAELib.app.binding import slicer
from SegAETrainerLib.runs.commands import TrainingChoice, train_arguments
from SegAETrainerLib.runs.training import Training

PATIENCE = 1800.0  # seconds for one step, on a slow machine and with packages to be loaded
STRUCTURES = ("gallbladder", "kidney_left")  # small: the whole test takes less than a minute
STEPS = ("--steps", "2", "--steps", "2", "--batch", "4", "--workers", "0")
CASES = ("s0001", "s0002", "s0003")  # as many as there are splits


def main_path(test: Any, folder: Path) -> None:
    """Check, build, train some steps, evaluate, use, and say so; `test` is a unittest.TestCase,
    `folder` is empty. Without the packages the panel must say what is missing."""
    began = time.monotonic()
    slicer.util.selectModule("SegAETrainer")
    panel = slicer.modules.segaetrainer.widgetRepresentation().self().panel
    ui = panel.ui
    for field in (panel.data.work, panel.data.index, panel.pairs.set, panel.training.run):
        field.set("")
    panel.data.ct.set(write_cases(folder / "data"))
    panel.data.work.set(folder / "work")
    ui.checkButton.click()
    if panel.missing:
        test.assertTrue(panel.messages.text)
        _say(began, "what is missing is said; install it to check the rest")
        return
    _wait(test, panel, lambda: not panel.jobs.busy)
    test.assertIn("3 scans of 3 patients", ui.indexInfo.text)
    _say(began, "three scans were checked and split by patient")
    ui.buildButton.click()
    _wait(test, panel, lambda: not panel.jobs.busy)
    test.assertIsNotNone(panel.training_set)
    _say(began, "a training set was built")
    # As from a terminal: the panel offers no run of so few steps. They begin with the model that ships; the
    # scores of a new network would not be plausible yet.
    run, model = panel.training.run.path, bundled_models()[0]
    choice = TrainingChoice("segae", device="cpu", weights=model)
    Training(run).start([*train_arguments(panel.training_set[0], run, choice), *STEPS])
    _wait(test, panel, lambda: panel.state.state == "finished" or panel.state.went_wrong)
    test.assertEqual(panel.state.state, "finished", panel.state.message)
    test.assertIn(model.name, ui.weightsInfo.text)
    test.assertTrue(ui.chosenInfo.text)
    _say(began, "a training in a process of its own was found by its run folder and followed to its end")
    ui.evaluateButton.click()
    _wait(test, panel, lambda: not panel.jobs.busy)
    test.assertGreater(ui.figuresTable.rowCount, 0)
    test.assertIn("mask features", ui.verdictInfo.text)
    _say(began, "the model was compared with the true Dice and with mask features")
    ui.useButton.click()
    if slicer.util.selectedModule() != "SegAE":  # it was warned of, which depends on these few masks
        test.assertIn("not better than", panel.messages.text)
        ui.useButton.click()
    test.assertEqual(slicer.util.selectedModule(), "SegAE")
    used = slicer.modules.segae.widgetRepresentation().self().panel.parameters.model
    test.assertEqual(Path(used), panel.training.run.path / "model.safetensors")
    _say(began, "the module SegAE scores with the model")


def _say(began: float, what: str) -> None:
    """What was found to work, in the log and on the console."""
    logging.info("SegAETrainer self test, %.0f s: %s", time.monotonic() - began, what)


def write_cases(folder: Path, structures: Sequence[str] = STRUCTURES) -> Path:
    """The bundled case under the names of several patients, in TotalSegmentator's layout."""
    import SimpleITK

    sample = Path(slicer.util.modulePath("SegAE")).parent / "Resources/SampleData/totalsegmentator_s0001"
    ct = SimpleITK.ReadImage(str(sample / "ct.nii.gz"))
    masks = {name: _mask(sample / "segmentation.seg.nrrd", name, ct) for name in structures}
    for case in CASES:
        (folder / case / "segmentations").mkdir(parents=True)
        shutil.copy(sample / "ct.nii.gz", folder / case)
        for name, mask in masks.items():
            SimpleITK.WriteImage(mask, str(folder / case / "segmentations" / f"{name}.nii.gz"))
    return folder


def _mask(path: Path, name: str, ct: Any) -> Any:
    """One segment of a file whose segments share one layer, as an image of 0 and 1 on the grid of `ct`."""
    import SimpleITK

    image = SimpleITK.ReadImage(str(path))
    names = (key for key in image.GetMetaDataKeys() if key.endswith("_Name"))
    number = next(key.removesuffix("_Name") for key in names if image.GetMetaData(key) == name)
    mask = SimpleITK.Equal(image, int(image.GetMetaData(f"{number}_LabelValue")))
    return SimpleITK.Resample(mask, ct, SimpleITK.Transform(), SimpleITK.sitkNearestNeighbor)


def _wait(test: Any, panel: Any, done: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not done() and time.monotonic() < end:
        slicer.app.processEvents()
        time.sleep(0.01)
    test.assertTrue(done(), f"nothing came in {PATIENCE:.0f} s")
    test.assertEqual(panel.messages.text, "")
