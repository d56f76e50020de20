"""Scoring without a panel: nodes in, a report out, and the scores kept in the scene. No Qt."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from segae.errors import InputError
from segae.labels import resolve
from segae.progress import CancelToken, ProgressCallback, Watch
from segae.report import POOR, QualityReport
from segae.scoring.options import ScoringOptions
from segae.verdict import judge
from SegAELib.mrml.binding import SegmentationNode, VolumeNode
from SegAELib.mrml.fingerprint import fingerprint
from SegAELib.mrml.guards import reference_volume
from SegAELib.mrml.organ_guess import OrganGuess
from SegAELib.mrml.results_table import create_results_table, find_results, write_results
from SegAELib.mrml.score_tags import write_scores
from SegAELib.mrml.segmentation_reader import SceneCase, read_case

if TYPE_CHECKING:
    from segae.scoring.scorer import Scorer


def score_nodes(
    segmentation: SegmentationNode,
    volume: VolumeNode | None = None,
    *,
    segment_ids: Collection[str] | None = None,
    organs: Mapping[str, str] | None = None,
    model: str = "bundled",
    slices: int | None = None,
    device: str = "auto",
    batch_size: int = 32,
    case: str | None = None,
    keep: bool = True,
    scorer: Scorer | None = None,
    progress: ProgressCallback | None = None,
    cancel: CancelToken | None = None,
) -> QualityReport:
    """Score the segments of a segmentation node on a CT node, in this process.

    `volume`: None for the reference volume of the segmentation. `segment_ids`: only these. `organs`: what
    segments are, by id, in any usual spelling; the others are guessed. `slices`: that many per segment
    instead of all. `keep`: store the scores as a table node and in the segments' tags. `scorer`: one that is
    loaded already; `model`, `device` and `batch_size` do not count then.

    Raises `InputError` for nodes or names that cannot be used, `ModelError` for the model, `Cancelled`.
    """
    from segae.scoring.scorer import Scorer

    ct: VolumeNode = volume if volume is not None else reference_volume(segmentation)
    read = read_case(segmentation, ct, segment_ids=segment_ids)
    for segment_id, name in (organs or {}).items():
        _set_organ(read, segment_id, name)
    scorer = scorer or Scorer(model, device=device, batch_size=batch_size)
    report = scorer.score_case(
        read.volume, read.segmentation, case=case or ct.GetName(), options=ScoringOptions(slices),
        watch=Watch(progress, cancel),
    )  # fmt: skip
    if keep:
        keep_in_scene(report, read, segmentation, ct)
    return report


def keep_in_scene(
    report: QualityReport, read: SceneCase, segmentation: SegmentationNode, volume: VolumeNode
) -> None:
    """Store a report as a table node and in the segments' tags."""
    axis = "kji".index(report.slice_axis)
    fingerprints = {i: fingerprint(segment, axis) for i, segment in read.segments.items()}
    table = find_results(segmentation) or create_results_table(
        segmentation.GetScene(), f"{segmentation.GetName()} SegAE scores"
    )
    write_results(table, report, read.segment_ids, fingerprints, segmentation=segmentation, volume=volume)
    verdicts = {read.segment_ids[one.segment]: one for one in judge(report, POOR) if one.is_ranked}
    write_scores(segmentation, verdicts, report.model)


def _set_organ(read: SceneCase, segment_id: str, name: str) -> None:
    if segment_id not in read.segments:
        raise InputError(
            f'There is no segment "{segment_id}" to be taken for "{name}"; give ids of segments.'
        )
    guess = OrganGuess(resolve(name).structure, "given by the caller", 1.0)
    read.segments[segment_id] = replace(
        read.segments[segment_id], structure=guess.structure, reason=guess.reason
    )
