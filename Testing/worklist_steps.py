"""The worklist of the panel as a reviewer uses it: what tests press, do and read off."""
# pyright: reportAttributeAccessIssue=false, reportMissingImports=false

from __future__ import annotations

import hashlib
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from panel_views import paint_out

from segae.batch.runner import run_batch
from segae.batch.store import ResultStore
from segae.io.layouts import find_cases
from segae.results.files import read_report, write_report
from segae.results.reviews import Review, read_reviews, review_files
from segae.scoring.options import ScoringOptions
from segae.scoring.scorer import Scorer
from SegAELib.mrml.binding import nodes_of_class
from SegAELib.mrml.nodes import OVERLAY_ATTRIBUTE

CASES = {"one": ("spleen", "gallbladder"), "two": ("kidney_left",)}
# In review order; the verdicts and volumes of a network with random weights would not hold still.
WRONG = {("one", "spleen"): 30.0, ("two", "kidney_left"): 20.0, ("one", "gallbladder"): 10.0}


def score_data_set(data: Path, out: Path, sample: Path, model: Path) -> None:
    """Make two cases of the bundled one in `data`, and their results in `out`."""
    for case, organs in CASES.items():
        (data / case / "segmentations").mkdir(parents=True)
        shutil.copyfile(sample / "ct.nii.gz", data / case / "ct.nii.gz")
        for organ in organs:
            name = f"segmentations/{organ}.nii.gz"
            shutil.copyfile(sample / name, data / case / name)
    run_batch(find_cases(data), out, Scorer(model, device="cpu"), ScoringOptions(slices=3))
    for path in ResultStore(out).report_files():
        report = read_report(path)
        segments = (
            replace(one, verdict="poor", wrong_ml=WRONG[report.case, one.segment], reasons=("It looks odd.",))
            for one in report.segments
        )
        write_report(replace(report, segments=tuple(segments)), path)


def start(widget: Any, model: Path, reviewer: str = "Ann") -> Any:
    """The panel of a reviewer, with the section open."""
    panel = widget.panel
    panel.parameters.model, panel.parameters.device = str(model), "cpu"
    panel.ui.worklistSection.collapsed = False
    panel.ui.reviewerEdit.text = reviewer
    return panel


def open_folder(panel: Any, folder: Path, bed: Any) -> None:
    """Choose a folder of results and wait until its masks are listed, or a sentence says why not."""
    panel.ui.openResultsButton.pressed.emit()
    panel.worklist.open(folder)
    bed.wait_until(lambda: panel.ui.openResultsButton.enabled, 60)
    bed.process_events()


def settle(panel: Any, bed: Any) -> None:
    """Wait until the chosen mask is there and everything beside it is over."""

    def over() -> bool:
        section = panel.worklist
        return not (section.busy or section.is_scoring or section._calls._calls or panel.runs.busy)

    bed.process_events(0.05)
    bed.wait_until(over, 120)
    bed.process_events()


def press(panel: Any, name: str, bed: Any) -> None:
    """Click on a button and wait until all that follows is over."""
    getattr(panel.ui, name).click()
    settle(panel, bed)


def item(panel: Any) -> tuple[str, str] | None:
    """Case and segment of the chosen mask."""
    return None if panel.worklist.item is None else panel.worklist.item.key


def own_nodes(kind: str) -> list[Any]:
    """Nodes of a class but those that SegAE draws."""
    import slicer

    nodes = nodes_of_class(slicer.mrmlScene, kind)
    return [node for node in nodes if not node.GetAttribute(OVERLAY_ATTRIBUTE)]


def shown() -> tuple[Any, Any]:
    """Segmentation and CT, the only ones of the scene."""
    (node,) = own_nodes("vtkMRMLSegmentationNode")
    (volume,) = own_nodes("vtkMRMLScalarVolumeNode")
    return node, volume


def erase(segment: str) -> None:
    """What a user does in the Segment Editor."""
    import slicer

    node, volume = shown()
    mask = slicer.util.arrayFromSegmentBinaryLabelmap(node, segment, volume)
    paint_out(node, segment, volume, np.flatnonzero(mask.any(axis=(1, 2)))[:4])


def reviews(folder: Path) -> tuple[Review, ...]:
    """All decisions that were kept."""
    return read_reviews(review_files(folder))


def checksums(folder: Path) -> dict[str, str]:
    """Of all files in a folder."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
