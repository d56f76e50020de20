"""The bundled case in the module Sample Data, and the test of the module that runs on it."""

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
WINDOW_LEVEL = (400, 40)  # HU; soft tissue of the abdomen


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
        customDownloader=load_sample,
    )


def load_sample(*_source: object) -> tuple[Any, Any]:
    """Load CT and masks, as belonging to each other and in a window of soft tissue; returns both nodes."""
    import SampleData  # type: ignore[import-not-found]

    logic = SampleData.SampleDataLogic()
    volume, segmentation = logic.downloadFromSource(logic.sourceForSampleName(NAME))
    segmentation.SetReferenceImageGeometryParameterFromVolumeNode(volume)
    display = volume.GetDisplayNode()
    display.SetAutoWindowLevel(False)
    display.SetWindowLevel(*WINDOW_LEVEL)
    return volume, segmentation


ORGANS = ("spleen", "kidney_left", "gallbladder", "aorta")  # few, so that it ends within a minute
PATIENCE = 240.0  # seconds for scoring, on a busy machine and with torch to be loaded
_AFTER_EDIT = 20.0  # seconds in which an edit must be noticed


def main_path(test: Any) -> None:
    """Load, rank, look, edit, score again, mark, leave, and say what was checked; `test` is a
    unittest.TestCase. Needs the bundled model, and torch for scores: without it the panel must say what is
    missing."""
    volume, segmentation = load_sample()
    test.assertEqual(segmentation.GetSegmentation().GetNumberOfSegments(), 41)
    _say(_("Checked: the sample has a CT with 41 segments that belong to it."))

    slicer.util.selectModule("SegAE")
    panel = slicer.modules.segae.widgetRepresentation().self().panel
    panel.parameters.segmentation = segmentation
    slicer.app.processEvents()
    test.assertIs(panel.parameters.volume, volume)
    test.assertEqual(panel.inputs.table.unclear, [])
    _say(_("Checked: the panel found the CT and the organ of each segment."))

    panel.inputs.table.check(ORGANS)
    panel.ui.rankButton.click()
    if panel.missing:
        test.assertTrue(panel.messages.text)
        _say(_("Checked: the panel says what has to be installed. Nothing was scored."))
        return
    display = segmentation.GetDisplayNode()
    before = display.GetMTime()
    _wait_for(test, panel)
    results = panel.session.results
    for segment_id in ORGANS:
        mask = panel.session.masks[segment_id].full_mask()
        test.assertEqual(results.segments[segment_id].n_slices, int(mask.any(axis=(1, 2)).sum()))
    test.assertEqual({row.segment_id for row in results.ranking()}, set(ORGANS))
    _say(_("Checked: each slice of four segments has a score, and the segments are ranked."))

    test.assertTrue(panel.colours.is_shown)
    test.assertEqual(display.GetMTime(), before)
    panel.results.next()
    segment_id, index = panel.results.current
    test.assertEqual((segment_id, index), results.all_slices(panel.parameters.order)[0])
    _say(_("Checked: colours are shown, the display of the segments is unchanged."))

    mask = slicer.util.arrayFromSegmentBinaryLabelmap(segmentation, segment_id, volume)
    rows = mask[index].any(axis=1).nonzero()[0]
    mask[index, rows[len(rows) // 2 :]] = 0
    slicer.util.updateSegmentBinaryLabelmapFromArray(mask, segmentation, segment_id, volume)
    end = time.monotonic() + _AFTER_EDIT
    while not results.changes and time.monotonic() < end:
        slicer.app.processEvents()
    test.assertEqual({i: change.rescore for i, change in results.changes.items()}, {segment_id: (index,)})
    score = results.slice((segment_id, index)).raw_score
    panel.ui.rescoreButton.click()
    _wait_for(test, panel)
    test.assertNotEqual(panel.session.results.slice((segment_id, index)).raw_score, score)
    test.assertFalse(panel.session.results.changes)
    _say(_("Checked: an edited slice is noticed, and it alone is scored again."))

    panel.ui.advanceCheckBox.checked = False
    panel.ui.needsWorkButton.click()
    test.assertEqual(panel.reviews.of(segment_id, index).mark, "needs work")
    slicer.util.selectModule("Data" if hasattr(slicer.modules, "data") else "SegmentEditor")
    test.assertFalse(panel.colours.is_shown)
    _say(_("Checked: a mark is kept, and the colours go when the module is left."))


def _say(sentence: str) -> None:
    slicer.util.delayDisplay(sentence, 100)  # which logs it, too


def _wait_for(test: Any, panel: Any) -> None:
    """Until scoring and what follows it are over."""
    end = time.monotonic() + PATIENCE
    while (panel.scoring.running or panel.runs.busy) and time.monotonic() < end:
        slicer.app.processEvents()
        time.sleep(0.01)
    test.assertFalse(panel.scoring.running, "scoring did not end")
    test.assertEqual(panel.messages.text, "")
