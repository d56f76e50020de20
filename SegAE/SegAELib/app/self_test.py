"""What a self test inside Slicer does: the way of a newcomer from the sample data to the worst slice."""

from __future__ import annotations

import time
from typing import Any

from SegAELib.app.binding import slicer
from SegAELib.app.sample_data import NAME

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
    if panel.packages.refresh():
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
