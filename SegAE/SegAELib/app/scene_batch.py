"""Scoring without a panel: scene files in, reports out, and scores kept in the scene."""

from __future__ import annotations

import os
import tempfile
import uuid
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from segae.batch.runner import BatchObserver, BatchResult
from segae.batch.store import Failure, ResultStore
from segae.errors import Cancelled, InputError, OutputError, SegAEError
from segae.io.layouts import CaseFiles
from segae.labels.resolver import resolve
from segae.labels.table import LabelTable
from segae.progress import CancelToken, ProgressCallback, Watch
from segae.results.files import read_report
from segae.results.types import CaseReport
from segae.scoring.options import ScoringOptions
from segae.scoring.scorer import Scorer
from SegAELib.mrml.binding import SegmentationNode, VolumeNode, nodes_of_class, slicer
from SegAELib.mrml.edits import fingerprint
from SegAELib.mrml.nodes import OVERLAY_ATTRIBUTE, reference_volume
from SegAELib.mrml.results_table import (
    KIND,
    create_results_table,
    find_results,
    read_results,
    write_results,
)
from SegAELib.mrml.scene_reader import SceneCase, read_case
from SegAELib.mrml.score_tags import write_scores

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
) -> CaseReport:
    """Score the segments of a segmentation node on a CT node, in this process.

    `volume`: None for the reference volume of the segmentation. `segment_ids`: only these. `organs`: what
    segments are, by id, in any usual spelling; the others are guessed. `slices`: that many per segment
    instead of all. `keep`: store the scores as a table node and in the segments' tags. `scorer`: one that is
    loaded already; `model`, `device` and `batch_size` do not count then.

    Raises `InputError` for nodes or names that cannot be used, `ModelError` for the model, `Cancelled`.
    """
    from segae.scoring.scorer import Scorer

    ct: VolumeNode = volume if volume is not None else reference_volume(segmentation)
    scorer = scorer or Scorer(model, device=device, batch_size=batch_size)
    table = scorer.model.label_table
    read = read_case(segmentation, ct, segment_ids=segment_ids, table=table)
    for segment_id, name in (organs or {}).items():
        _set_organ(read, segment_id, name, table)
    report = scorer.score_case(
        read.volume, read.segmentation, case=case or ct.GetName(), options=ScoringOptions(slices),
        watch=Watch(progress, cancel),
    )  # fmt: skip
    if keep:
        keep_in_scene(report, read, segmentation, ct)
    return report


def keep_in_scene(
    report: CaseReport, read: SceneCase, segmentation: SegmentationNode, volume: VolumeNode
) -> None:
    """Store a report as a table node and in the segments' tags."""
    axis = "kji".index(report.slice_axis)
    fingerprints = {i: fingerprint(segment, axis) for i, segment in read.segments.items()}
    table = find_results(segmentation) or create_results_table(
        segmentation.GetScene(), f"{segmentation.GetName()} SegAE scores"
    )
    ids = list(read.segments)
    write_results(table, report, ids, fingerprints, segmentation=segmentation, volume=volume)
    listed = {i: one for i, one in zip(ids, report.segments, strict=True) if one.is_listed}
    write_scores(segmentation, listed, report)


def _set_organ(read: SceneCase, segment_id: str, name: str, table: LabelTable) -> None:
    if segment_id not in read.segments:
        raise InputError(
            f'There is no segment "{segment_id}" to be taken for "{name}"; give ids of segments.'
        )
    read.segments[segment_id] = replace(
        read.segments[segment_id],
        structure=resolve(name, table=table).structure,
        reason="given by the caller",
    )


SCENES = (".mrb", ".mrml")
_WITH_TAGS = (".nrrd", ".nhdr", ".vtm")  # formats of segmentations that keep the tags of segments

_Done = tuple[CaseFiles, CaseReport]
_Known = tuple[SegmentationNode, CaseFiles]


def find_scenes(data: Path) -> list[Path]:
    """A scene file, or those of a folder, by name; none when `data` is something else."""
    if data.is_dir():
        return sorted(path.absolute() for path in data.iterdir() if path.suffix.lower() in SCENES)
    return [data.absolute()] if data.is_file() and data.suffix.lower() in SCENES else []


def run_scenes(
    scenes: Sequence[Path],
    out: Path,
    scorer: Scorer,
    options: ScoringOptions,
    observer: BatchObserver,
    write_back: bool = False,
) -> BatchResult:
    """Score every segmentation that `out` has no valid report of, as `run_batch` does with files.

    `write_back`: the scores become part of the scene files. The open scene is closed. Raises `OutputError`
    when results cannot be written, and `Cancelled`.
    """
    store = ResultStore(out)
    scored: list[str] = []
    skipped: list[str] = []
    failed: list[Failure] = []
    observer.on_start(len(scenes), 0)
    for path in scenes:
        scene = CaseFiles(path.stem, path, path)
        observer.on_case(scene)
        inputs = scene.inputs(options.names)
        done, known, problems = _score_scene(path, store, scorer, options, observer)
        stored = _put_in_scene(known, store, scorer.model.label_table) if write_back else []
        if write_back and (done or stored):
            _save_scene(path)
            inputs = scene.inputs(options.names)  # the scene as it is now, with its scores
        for files, report in [*done, *stored]:
            store.save(report, files, options, inputs)
        for _files, report in done:
            observer.on_report(report)
        for failure in problems:
            store.save_failure(failure)
            observer.on_failure(failure)
        scored += [files.case for files, _ in done]
        skipped += [files.case for _node, files in known]
        failed += problems
    slicer.mrmlScene.Clear(0)
    return BatchResult(tuple(scored), tuple(skipped), tuple(failed))


def _score_scene(
    path: Path, store: ResultStore, scorer: Scorer, options: ScoringOptions, observer: BatchObserver
) -> tuple[list[_Done], list[_Known], list[Failure]]:
    """Reports of what is new, what was done before, and what could not be scored."""
    try:
        segmentations = _load(path)
    except InputError as error:
        return [], [], [Failure(path.stem, str(error), str(path), str(path))]
    done, known, problems = [], [], []
    for node in segmentations:
        case = path.stem if len(segmentations) == 1 else f"{path.stem} {node.GetName()}"
        files = CaseFiles(case, path, path, node.GetName())
        if store.is_done(files, scorer.model.sha256, options):
            known.append((node, files))
            continue
        try:
            report = _score(node, case, scorer, options, observer)
        except Cancelled:
            raise
        except SegAEError as error:
            problems.append(Failure(case, str(error), str(path), str(path)))
        else:
            done.append((files, replace(report, ct=str(path), segmentation=str(path))))
    return done, known, problems


def _load(path: Path) -> list[SegmentationNode]:
    """Open a scene in the place of the one before; raises `InputError`."""
    slicer.mrmlScene.Clear(0)
    folder = Path.cwd()
    try:
        slicer.util.loadScene(str(path))
    except RuntimeError as error:
        os.chdir(folder)  # a bundle that is damaged leaves MRML in a temporary folder that is gone
        raise InputError(f'The scene "{path}" cannot be loaded; open it in Slicer to see why.') from error
    found = nodes_of_class(slicer.mrmlScene, "vtkMRMLSegmentationNode")
    segmentations = [node for node in found if not node.GetAttribute(OVERLAY_ATTRIBUTE)]
    if not segmentations:
        raise InputError(f'The scene "{path}" holds no segmentation; leave it out.')
    return segmentations


def _score(
    node: SegmentationNode, case: str, scorer: Scorer, options: ScoringOptions, observer: BatchObserver
) -> CaseReport:
    volume = reference_volume(node)
    read = read_case(node, volume, table=scorer.model.label_table)
    report = scorer.score_case(
        read.volume, read.segmentation, case=case, options=options, watch=observer.watch
    )
    keep_in_scene(report, read, node, volume)
    return report


def _put_in_scene(known: Sequence[_Known], store: ResultStore, names: LabelTable) -> list[_Done]:
    """Give the segmentations that were scored before the scores of their reports, where they lack them."""
    put = []
    for node, files in known:
        report, table = read_report(store.report_path(files.case)), find_results(node)
        if table is None or read_results(table).report.segments != report.segments:
            volume = reference_volume(node)
            keep_in_scene(report, read_case(node, volume, table=names), node, volume)
            put.append((files, report))
    return put


def _save_scene(path: Path) -> None:
    """Put the open scene in the place of its file; raises `OutputError`. The file is whole at any time."""
    try:
        if path.suffix.lower() == ".mrml":
            _save_data(path.parent)
            _replace(path, path.with_name(f"{path.stem}-{uuid.uuid4().hex}{path.suffix}"))
        else:  # a bundle keeps the name that it is saved under
            with tempfile.TemporaryDirectory(prefix="segae-", dir=path.parent) as folder:
                _replace(path, Path(folder) / path.name)
    except OSError as error:
        raise OutputError(f'The scene "{path}" cannot be written ({error.strerror}).') from error


def _replace(path: Path, temporary: Path) -> None:
    """Save the open scene as `temporary`, then as `path`."""
    try:
        if not slicer.util.saveScene(str(temporary)):
            raise OutputError(f'The scene "{path}" cannot be written; check its folder.')
        os.replace(temporary, path)  # noqa: PTH105 (a plain rename over the old file)
    finally:
        with suppress(OSError):
            temporary.unlink()


def _save_data(folder: Path) -> None:
    """A .mrml file only names its data files: the tables with the scores get theirs beside it, and the tags
    of the segments go into the files of the segmentations, as far as their format has room for them."""
    for table in nodes_of_class(slicer.mrmlScene, "vtkMRMLTableNode"):
        if table.GetAttribute(KIND):
            name = "".join(c if c.isalnum() or c in " -_" else "_" for c in table.GetName())
            slicer.util.saveNode(table, str(folder / f"{name}.tsv"))
    for node in nodes_of_class(slicer.mrmlScene, "vtkMRMLSegmentationNode"):
        storage = node.GetStorageNode()
        if storage is None or find_results(node) is None:
            continue
        path = Path(storage.GetFullNameFromFileName() or "")
        if path.suffix.lower() in _WITH_TAGS:
            with tempfile.TemporaryDirectory(prefix="segae-", dir=path.parent) as part:
                if not slicer.util.saveNode(node, str(Path(part) / path.name)):
                    raise OutputError(f'The segmentation "{path}" cannot be written; check its folder.')
                os.replace(Path(part) / path.name, path)  # noqa: PTH105
            storage.SetFileName(str(path))
