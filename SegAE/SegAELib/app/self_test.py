"""The bundled case in the module Sample Data."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path
from typing import Any

from SegAELib.app.binding import _, slicer

CATEGORY, NAME = "SegAE", "SegAEDemo"
CASE = "totalsegmentator_s0001"
FILES = {"ct.nii.gz": "VolumeFile", "segmentation.seg.nrrd": "SegmentationFile"}
NODES = ("s0001 CT", "s0001 masks")
THUMBNAIL = "SegAESample.png"


def register_sample_data(samples: Path, icons: Path) -> None:
    """Offer the CT and its masks; `samples` and `icons` are folders of the module's resources."""
    import SampleData  # type: ignore[import-not-found]  (a module of the application, loaded after start-up)

    logic, paths = SampleData.SampleDataLogic, [samples / CASE / name for name in FILES]
    if hasattr(logic, "registerCustomSampleDataCategory"):  # from Slicer 5.12 on
        logic.registerCustomSampleDataCategory(CATEGORY, _("SegAE"))
    logic.registerCustomSampleDataSource(
        category=CATEGORY,
        sampleName=NAME,
        uris=[path.as_uri() for path in paths],
        fileNames=[f"SegAE-{path.name}" for path in paths],
        nodeNames=list(NODES),
        checksums=[f"SHA256:{hashlib.sha256(path.read_bytes()).hexdigest()}" for path in paths],
        loadFileTypes=list(FILES.values()),
        thumbnailFileName=str(icons / THUMBNAIL),
    )


PATIENCE = 300.0  # seconds for scoring, on a slow machine and with torch to be loaded


def main_path(test: Any) -> None:
    """Load, rank, look; `test` is a unittest.TestCase. Needs the bundled model, and torch for scores: without
    it the panel must say what is missing."""
    import SampleData  # type: ignore[import-not-found]

    volume, segmentation = SampleData.SampleDataLogic().downloadSamples(NAME)
    segmentation.SetReferenceImageGeometryParameterFromVolumeNode(volume)
    slicer.util.selectModule("SegAE")
    panel = slicer.modules.segae.widgetRepresentation().self().panel
    panel.parameters.segmentation, panel.parameters.volume = segmentation, volume
    test.assertGreater(len(panel.inputs.table.organs), 20)
    panel.ui.rankButton.click()
    if panel.missing:
        test.assertTrue(panel.messages.text)
        return
    end = time.monotonic() + PATIENCE
    while panel.scoring.running and time.monotonic() < end:
        slicer.app.processEvents()
        time.sleep(0.01)
    test.assertFalse(panel.scoring.running, "scoring did not end")
    test.assertEqual(panel.messages.text, "")
    ranked = panel.session.results.ranking(panel.parameters.threshold)
    test.assertGreater(len(ranked), 10)
    test.assertLessEqual(ranked[0].verdict.urgency, ranked[-1].verdict.urgency)
    panel.results.next()
    test.assertIsNotNone(panel.results.current)
    slicer.app.processEvents()
    test.assertEqual(panel.colours.is_shown, bool(panel.parameters.showColours))
