"""Milliseconds that the panel keeps the application waiting, with 84 segments and 26,000 scored slices.

    QT_QPA_PLATFORM=offscreen VTK_DEFAULT_OPENGL_WINDOW=vtkOSOpenGLRenderWindow \
        python benchmarks/panel_sections.py [--limit 30]

On the test bed in Testing/slicer_standin. Printed is the time of the thread itself, so that other programs
change nothing; the goal is 30 ms for each call.
"""
# pyright: reportMissingImports=false, reportAttributeAccessIssue=false

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
SEGMENTS, SLICES = 84, 310
SAMPLE = ROOT / "SegAE" / "Resources" / "SampleData" / "totalsegmentator_s0001"


def load_case() -> Any:
    """The sample's segments, copied until there are enough, on its CT."""
    import slicer

    ct = slicer.util.loadVolume(str(SAMPLE / "ct.nii.gz"))
    node = slicer.util.loadSegmentation(str(SAMPLE / "segmentation.seg.nrrd"))
    node.SetReferenceImageGeometryParameterFromVolumeNode(ct)
    segmentation = node.GetSegmentation()
    own = list(segmentation.GetSegmentIDs())
    for n in range(SEGMENTS - len(own)):
        segment = slicer.vtkSegment()
        segment.DeepCopy(segmentation.GetSegment(own[n % len(own)]))
        segmentation.AddSegment(segment, f"copy {n}")
    return node


def made_up_results(panel: Any) -> Any:
    """Results with as many slices as a large CT has, of numbers that differ from slice to slice."""
    from segae.results.types import CaseReport, ModelIdentity, SegmentResult, SliceResult
    from SegAELib.app.results import Results

    def slices(n: int) -> tuple[SliceResult, ...]:
        return tuple(
            SliceResult(k, 1.0, 2.0, 1.5 * k, 1.5, 400.0 + k, dice, dice, dice - 0.1, dice, 380.0, 420.0)
            for k in range(SLICES)
            for dice in [((n * 37 + k * 11) % 100) / 100]
        )

    segments = tuple(
        SegmentResult(
            organ.structure.name, organ.structure.index, organ.structure.name, 9000, 40.0, slices(n),
            raw_dice=0.6, predicted_dice=0.6, verdict="poor", reasons=("made up",), n_below=200, wrong_ml=n,
        )
        for n, organ in enumerate(panel.context.organs.values())
    )  # fmt: skip
    model = ModelIdentity("made up", "0" * 64, "segae-dense")
    report = CaseReport("case", "ct", "masks", model, segments)
    return Results.of(report, list(panel.context.organs))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--limit", type=float, default=30.0, help="milliseconds; a longer call is marked")
    limit = parser.parse_args().limit
    sys.path[:0] = [str(ROOT / "Testing"), str(ROOT / "SegAE")]
    import slicer_standin

    bed = slicer_standin.start()
    panel = bed.load_module(ROOT / "SegAE" / "SegAE.py").panel
    node = load_case()
    panel.parameters.segmentation = node
    bed.process_events()

    def spent(name: str, action: Callable[[], object]) -> None:
        start = time.thread_time()
        action()
        took = 1000 * (time.thread_time() - start)
        print(f"{name:45} {took:7.1f} ms{'  over the limit' if took > limit else ''}")

    def idle(name: str) -> None:
        longest, tasks = 0.0, panel.tasks
        end = time.monotonic() + 120
        while tasks and time.monotonic() < end:
            start = time.thread_time()
            tasks.run()
            longest = max(longest, time.thread_time() - start)
            time.sleep(0.02)
        print(f"{name:45} {1000 * longest:7.1f} ms{'  over the limit' if 1000 * longest > limit else ''}")

    from segae.results.types import SegmentResult
    from SegAELib.mrml.scene_reader import read_masks

    session, ui = panel.session, panel.ui
    session.results = made_up_results(panel)
    session.masks = read_masks(node, panel.parameters.volume, session.results.scored_ids)
    print(f"{len(session.results.segments)} segments, {session.results.count_below()[1]} slices")
    spent("first refresh", panel.refresh)
    idle("longest idle task after it")
    spent("refresh, nothing changed", panel.refresh)
    for name, section in panel._sections.items():
        spent(f"  refresh of {name} alone", section.refresh)
    spent("next slice", ui.nextButton.click)
    spent("next slice again", ui.nextButton.click)
    spent("another segment", lambda: panel.results.choose_segment(list(session.results.segments)[40]))
    spent("mark and go on", ui.acceptButton.click)
    spent("only what is poor", lambda: setattr(ui.onlyPoorCheckBox, "checked", True))
    spent("the other order", lambda: setattr(panel.parameters, "order", "dice"))
    spent("another threshold", lambda: setattr(panel.parameters, "threshold", 0.6))
    idle("longest idle task after it")
    first = next(iter(session.results.segments))
    one: SegmentResult = session.results.segments[first]
    spent("slices of one segment come in", lambda: (session.results._set(first, one), panel.refresh()))
    idle("longest idle task after it")
    bed.unload_module("SegAE")


if __name__ == "__main__":
    main()
