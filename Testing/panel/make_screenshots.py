"""Pictures of the panels and the slice views, of the real modules on the bundled sample.

    python Testing/panel/make_screenshots.py [MODEL]

Writes Resources/Screenshots/*.png, and one of each module into the documentation. MODEL: a checkpoint for
SegAE, else the bundled one; "trainer" makes the picture of SegAETrainer only. The picture of errors
is made only with a model that has an error map. Runs on the test bed, so the
frame round the panel is that of the stand-in and not of Slicer.
"""
# pyright: reportAttributeAccessIssue=false, reportMissingImports=false

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ.setdefault("VTK_DEFAULT_OPENGL_WINDOW", "vtkOSOpenGLRenderWindow")
os.environ.setdefault("OMP_NUM_THREADS", "1")

ROOT = Path(__file__).resolve().parents[2]
OUT = ROOT / "Resources" / "Screenshots"
SAMPLE = ROOT / "SegAE" / "Resources" / "SampleData" / "totalsegmentator_s0001"
PICTURES = ROOT / "docs" / "pictures"
sys.path[:0] = [str(ROOT / "Testing"), str(ROOT / "SegAE"), str(ROOT / "SegAETrainer")]

import slicer_standin  # noqa: E402

PATIENCE = 600.0


def main(argument: str) -> None:
    bed = slicer_standin.start()
    OUT.mkdir(parents=True, exist_ok=True)
    if argument != "trainer":
        picture_scoring(bed, argument)
        picture_worklist(bed, argument)
    picture_training(bed)


def picture_scoring(bed: slicer_standin.TestBed, model: str) -> None:
    """The module SegAE, from the loaded CT to a mark."""
    import slicer
    from PySide6.QtCore import Qt

    ct = slicer.util.loadVolume(str(SAMPLE / "ct.nii.gz"), {"name": "s0001 CT"})
    ct.GetDisplayNode().SetAutoWindowLevel(False)
    ct.GetDisplayNode().SetWindowLevelMinMax(-160, 240)
    masks = slicer.util.loadSegmentation(str(SAMPLE / "segmentation.seg.nrrd"), {"name": "s0001 masks"})
    masks.SetReferenceImageGeometryParameterFromVolumeNode(ct)
    slicer.util.setSliceViewerLayers(background=ct, fit=True)
    bed.main_window.resize(1500, 1060)
    dock = bed.main_window.findChildren("QDockWidget")[0]
    bed.main_window.resizeDocks([dock], [500], Qt.Orientation.Horizontal)
    panel = bed.load_module(ROOT / "SegAE" / "SegAE.py").panel
    from SegAELib.app.model_facts import ModelFacts

    panel.parameters.model, panel.parameters.device = model, "cpu"
    panel.parameters.segmentation = masks
    bed.process_events(0.3)
    bed.screenshot(bed.main_window, OUT / "1-loaded.png")

    panel.ui.rankButton.click()
    bed.wait_until(lambda: panel.session.attempt, PATIENCE)
    attempt = panel.session.attempt
    bed.wait_until(lambda: len(attempt.results.segments) > 12, PATIENCE)
    panel.ui.inputsSection.collapsed = True
    bed.process_events(0.2)
    bed.screenshot(bed.main_window, OUT / "2-scoring.png")

    bed.wait_until(lambda: not panel.scoring.running and not panel.runs.busy, PATIENCE)
    for _ in range(3):
        panel.ui.nextButton.click()
    bed.app.layoutManager().resetSliceViews()
    panel.context.go(panel.results.current)
    bed.process_events(0.5)
    bed.screenshot(bed.main_window, OUT / "3-ranked.png")

    if ModelFacts.of(model).spec.predicts_areas:
        panel.ui.whereButton.click()
        bed.wait_until(lambda: not panel.scoring.running, PATIENCE)
        bed.process_events(0.5)
        bed.screenshot(bed.main_window, OUT / "6-where.png")
        shutil.copy(OUT / "6-where.png", PICTURES / "slicer-where.png")
        panel.ui.whereButton.click()

    panel.ui.noteEdit.text = "leaks into the colon"
    panel.ui.advanceCheckBox.checked = False
    panel.ui.needsWorkButton.click()
    panel.ui.resultsSection.collapsed = True
    panel.ui.chartSection.collapsed = False
    panel.ui.advancedSection.collapsed = False
    bed.process_events(0.5)
    bed.screenshot(bed.main_window, OUT / "4-review-and-chart.png")
    bed.unload_module("SegAE")
    shutil.copy(OUT / "3-ranked.png", PICTURES / "slicer-ranked.png")


# Cases of a small data set; half of each mask is taken away.
DATA_SET = {
    "s0011": ("spleen", "gallbladder", "liver"),
    "s0044": ("kidney_left", "stomach"),
    "s0301": ("colon",),
}


def picture_worklist(bed: slicer_standin.TestBed, model: str) -> None:
    """The module SegAE with a worklist, at the second mask; on a small screen."""
    from PySide6.QtCore import Qt

    from segae.batch.runner import run_batch
    from segae.io.layouts import find_cases
    from segae.scoring.scorer import Scorer

    with tempfile.TemporaryDirectory(prefix="segae-") as folder:
        data, results = Path(folder) / "data", Path(folder) / "results"
        for case, organs in DATA_SET.items():
            (data / case / "segmentations").mkdir(parents=True)
            shutil.copyfile(SAMPLE / "ct.nii.gz", data / case / "ct.nii.gz")
            for organ in organs:
                _write_half(SAMPLE / f"segmentations/{organ}.nii.gz", data / case / "segmentations")
        run_batch(find_cases(data), results, Scorer(model, device="cpu"))
        bed.main_window.resize(1366, 768)
        dock = bed.main_window.findChildren("QDockWidget")[0]
        bed.main_window.resizeDocks([dock], [500], Qt.Orientation.Horizontal)
        panel = bed.load_module(ROOT / "SegAE" / "SegAE.py").panel
        panel.parameters.model, panel.parameters.device = model, "cpu"
        panel.ui.worklistSection.collapsed = False
        panel.ui.reviewerEdit.text = "Ann Example"
        panel.worklist.open(results)
        bed.wait_until(lambda: panel.worklist.worklist is not None, PATIENCE)
        for name in ("worklistShowButton", "worklistAcceptButton"):
            getattr(panel.ui, name).click()
            bed.process_events(0.1)
            bed.wait_until(lambda: not panel.worklist.busy and not panel.runs.busy, PATIENCE)
        panel.ui.worklistTitle.text = "/data/results"  # not that of this machine
        bed.process_events(0.5)
        bed.screenshot(bed.main_window, PICTURES / "slicer-worklist.png")
        bed.unload_module("SegAE")


def _write_half(mask: Path, folder: Path) -> None:
    """A mask without its upper half."""
    import numpy as np
    import SimpleITK

    image = SimpleITK.ReadImage(str(mask))
    voxels = SimpleITK.GetArrayFromImage(image)
    slices = np.flatnonzero(voxels.any(axis=(1, 2)))
    voxels[slices[len(slices) // 2 :]] = 0
    half = SimpleITK.GetImageFromArray(voxels)
    half.CopyInformation(image)
    SimpleITK.WriteImage(half, str(folder / mask.name))


ORGANS = ("liver", "spleen", "kidney_left", "kidney_right", "stomach", "gallbladder", "aorta")
QUICK = ("--recipe", "published", "--backbone", "resnet18", "--no-imagenet", "--device", "cpu")
SMALL = ("--input-size", "64", "--batch", "12")
SLOW = ("--learning-rate", "0.0003", "--workers", "0")
EPOCHS, SHOWN = 30, 18


def picture_training(bed: slicer_standin.TestBed) -> None:
    """The module SegAETrainer while a small training runs; it is stopped afterwards."""
    bed.load_module(ROOT / "SegAE" / "SegAE.py", select=False)
    widget = bed.load_module(ROOT / "SegAETrainer" / "SegAETrainer.py")
    from segae_trainer.data.build_set import build_training_set
    from segae_trainer.data.draw_samples import Sampling
    from segae_trainer.data.find_scans import build_index
    from segae_trainer.data.index import write_index
    from SegAETrainerLib.app.self_test import write_cases
    from SegAETrainerLib.runs.training import Training

    panel = widget.panel
    with tempfile.TemporaryDirectory(prefix="segae-") as folder:
        data, work = write_cases(Path(folder) / "data", ORGANS), Path(folder) / "work"
        index = build_index(data)
        write_index(index, work / "index.json")
        build_training_set(index, work / "training-set", Sampling())
        panel.data.ct.set(data)
        panel.data.work.set(work)
        run = panel.training.run.path
        words = ["train", str(work / "training-set"), str(run), "--epochs", str(EPOCHS)]
        # as from a terminal: smaller than what the panel starts
        Training(run).start([*words, *QUICK, *SMALL, *SLOW])
        bed.wait_until(lambda: panel.state is not None and panel.state.epoch >= SHOWN, PATIENCE)
        widget.parent.resize(560, widget.parent.sizeHint.height())
        bed.process_events(1.5)
        bed.screenshot(widget.parent, OUT / "5-training.png")
        panel.ui.stopButton.click()
        bed.wait_until(lambda: not panel.state.is_busy, PATIENCE)
        bed.unload_module("SegAETrainer")
    bed.unload_module("SegAE")
    shutil.copy(OUT / "5-training.png", PICTURES / "slicer-training.png")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "bundled")
