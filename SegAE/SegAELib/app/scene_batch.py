"""Scores the segmentations of scene files, each on the volume that it was drawn on. No Qt."""

from __future__ import annotations

import os
import uuid
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from segae.batch.cases import CaseFiles
from segae.batch.runner import BatchObserver, BatchResult
from segae.batch.store import Failure, ResultStore
from segae.errors import Cancelled, InputError, OutputError, SegAEError
from segae.report import QualityReport
from segae.scoring.options import ScoringOptions
from segae.scoring.scorer import Scorer
from SegAELib.app.score_nodes import keep_in_scene
from SegAELib.mrml.binding import SegmentationNode, nodes_of_class, slicer
from SegAELib.mrml.guards import OVERLAY_ATTRIBUTE, reference_volume
from SegAELib.mrml.results_table import KIND
from SegAELib.mrml.segmentation_reader import read_case

SCENES = (".mrb", ".mrml")

_Done = tuple[CaseFiles, QualityReport]


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
        observer.on_case(CaseFiles(path.stem, path, path))
        done, known, problems = _score_scene(path, store, scorer, options, observer)
        if done and write_back:
            _save_scene(path)
        for files, report in done:
            store.save(report, files, options)
            observer.on_report(report)
        for failure in problems:
            store.save_failure(failure)
            observer.on_failure(failure)
        scored += [files.case for files, _ in done]
        skipped += known
        failed += problems
    slicer.mrmlScene.Clear(0)
    return BatchResult(tuple(scored), tuple(skipped), tuple(failed))


def _score_scene(
    path: Path, store: ResultStore, scorer: Scorer, options: ScoringOptions, observer: BatchObserver
) -> tuple[list[_Done], list[str], list[Failure]]:
    """Reports of what is new, names of what was done before, and what could not be scored."""
    try:
        segmentations = _load(path)
    except InputError as error:
        return [], [], [Failure(path.stem, str(error), str(path), str(path))]
    done, known, problems = [], [], []
    for node in segmentations:
        case = path.stem if len(segmentations) == 1 else f"{path.stem} {node.GetName()}"
        files = CaseFiles(case, path, path, node.GetName())
        if store.is_done(files, scorer.model.sha256, options):
            known.append(case)
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
) -> QualityReport:
    volume = reference_volume(node)
    read = read_case(node, volume)
    report = scorer.score_case(
        read.volume, read.segmentation, case=case, options=options, watch=observer.watch
    )
    keep_in_scene(report, read, node, volume)
    return report


def _save_scene(path: Path) -> None:
    """Put the open scene in the place of its file; raises `OutputError`. The file is whole at any time."""
    # no leading dot: Slicer makes a folder of that name for the data, and finds no name for it then
    temporary = path.with_name(f"{path.stem}-{uuid.uuid4().hex}{path.suffix}")
    try:
        if path.suffix.lower() == ".mrml":
            _save_tables(path.parent)
        if not slicer.util.saveScene(str(temporary)):
            raise OutputError(f'The scene "{path}" cannot be written; check its folder.')
        os.replace(temporary, path)  # noqa: PTH105 (a plain rename over the old file)
    except OSError as error:
        raise OutputError(f'The scene "{path}" cannot be written ({error.strerror}).') from error
    finally:
        with suppress(OSError):
            temporary.unlink()


def _save_tables(folder: Path) -> None:
    """A .mrml file names its data files: the tables with the scores get theirs beside it."""
    for table in nodes_of_class(slicer.mrmlScene, "vtkMRMLTableNode"):
        if table.GetAttribute(KIND):
            name = "".join(c if c.isalnum() or c in " -_" else "_" for c in table.GetName())
            slicer.util.saveNode(table, str(folder / f"{name}.tsv"))
