"""Pictures of the panel and the slice views, of the real module on the bundled sample.

    python Testing/panel/make_screenshots.py [MODEL]

Writes Resources/Screenshots/*.png, and one of them into the documentation. MODEL: a checkpoint, else the
bundled one. Runs on the test bed, so the frame round the panel is that of the stand-in and not of Slicer.
"""
# pyright: reportAttributeAccessIssue=false, reportMissingImports=false

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ.setdefault("VTK_DEFAULT_OPENGL_WINDOW", "vtkOSOpenGLRenderWindow")
os.environ.setdefault("OMP_NUM_THREADS", "1")

ROOT = Path(__file__).resolve().parents[2]
OUT = ROOT / "Resources" / "Screenshots"
SAMPLE = ROOT / "SegAE" / "Resources" / "SampleData" / "totalsegmentator_s0001"
sys.path[:0] = [str(ROOT / "Testing"), str(ROOT / "SegAE")]

import slicer_standin  # noqa: E402

PATIENCE = 600.0


def main(model: str) -> None:
    bed = slicer_standin.start()
    import slicer
    from PySide6.QtCore import Qt

    OUT.mkdir(parents=True, exist_ok=True)
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
    panel.parameters.model, panel.parameters.device = model, "cpu"
    panel.parameters.segmentation = masks
    bed.process_events(0.3)
    bed.screenshot(bed.main_window, OUT / "1-loaded.png")

    panel.ui.rankButton.click()
    attempt = panel.session.attempt
    bed.wait_until(lambda: len(attempt.results.rows) > 12, PATIENCE)
    panel.ui.inputsSection.collapsed = True
    bed.process_events(0.2)
    bed.screenshot(bed.main_window, OUT / "2-scoring.png")

    bed.wait_until(lambda: not panel.scoring.running and not panel.scoring.controller.busy, PATIENCE)
    for _ in range(3):
        panel.ui.nextButton.click()
    bed.app.layoutManager().resetSliceViews()
    panel.results.go(panel.results.current)
    bed.process_events(0.5)
    bed.screenshot(bed.main_window, OUT / "3-ranked.png")

    panel.ui.noteEdit.text = "leaks into the colon"
    panel.ui.advanceCheckBox.checked = False
    panel.ui.needsWorkButton.click()
    panel.ui.resultsSection.collapsed = True
    panel.ui.chartSection.collapsed = False
    panel.ui.advancedSection.collapsed = False
    bed.process_events(0.5)
    bed.screenshot(bed.main_window, OUT / "4-review-and-chart.png")
    bed.unload_module("SegAE")
    shutil.copy(OUT / "3-ranked.png", ROOT / "docs" / "pictures" / "slicer-ranked.png")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "bundled")
