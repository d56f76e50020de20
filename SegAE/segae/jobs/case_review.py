"""A case on its way to a reviewer and back: read with its report, and saved with what was corrected.

The functions that a child calls (`read_for_review`, `save_corrected`) leave big things in folders:

    FOLDER/case/         CT and masks as they were scored, on the grid of the CT (`segae.jobs.payload`)
    FOLDER/corrected/    masks of the corrected file, where there is one
    FOLDER/report.json   the report
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from segae.checks.placement import bring_to_grid
from segae.data import Segment, Segmentation, Volume
from segae.errors import InputError, OutputError
from segae.files import reason, remove_leftovers, whole_file
from segae.geometry.box import Box
from segae.geometry.grid import Grid
from segae.io.case_files import CaseFiles, read_case
from segae.io.seg_nrrd import write_seg_nrrd
from segae.io.segmentation import read_segmentation
from segae.jobs.payload import Payload, read_masks, read_payload, write_masks, write_payload
from segae.jobs.settings import JobSettings
from segae.labels.table import LabelTable
from segae.models.checkpoint import read_spec
from segae.models.registry import find_model
from segae.progress import Watch
from segae.results.files import read_report, write_report
from segae.results.types import CaseReport
from segae.scoring.options import ScoringOptions

_AGAIN = "run segae batch again"


@dataclass(frozen=True, eq=False)
class ReviewCase:
    """A case as a reviewer works on it, all masks on the grid of `ct`.

    `before`: the masks that were scored, by name; `now`: the same with what was corrected already, which may
    be more or fewer.
    """

    report: CaseReport
    ct: Volume
    before: dict[str, Segment]
    now: dict[str, Segment]


def read_for_review(
    watch: Watch, report: str, model: str, corrected: str, folder: str
) -> dict[str, list[str]]:
    """Read a case for `read_review_case`; `corrected`: the file that corrections go to, there or not.

    `model`: whose structures names can mean. Returns "notes", sentences for the reviewer, and "changed", the
    names of masks that are not those that were scored. Raises what the readers raise, and `InputError` for
    masks that do not lie on the CT any more.
    """
    judged = read_report(report)
    asked: dict[str, Any] = dict(judged.options)
    options = ScoringOptions.of_report(asked)
    files = CaseFiles.of_report(judged.case, judged.ct, judged.segmentation, asked)
    table = _table(model)
    for path, what in ((files.ct, "CT"), (files.masks, "masks")):
        if not path.exists():
            raise InputError(
                f'The {what} of {judged.case}, "{path}", cannot be found; move it back, or {_AGAIN} where it '
                "is now."
            )
    ct, read = read_case(files, options.names, table)
    placed, findings = bring_to_grid(read, ct, options.resample, ct_grid=options.ct_grid)
    for finding in findings:
        if finding.severity == "error":
            raise InputError(finding.message)
    into = Path(folder)
    write_report(judged, into / "report.json")
    payload = Payload(ct, "", replace(read, segments=tuple(placed)), JobSettings())
    write_payload(into / "case", payload, with_ct=True, go_on=lambda: None)
    notes = [finding.message for finding in findings if finding.severity == "warning"]
    if state_of(Path(corrected)) is not None:
        (into / "corrected").mkdir()
        before = {one.name: one for one in placed}
        now = tuple(_corrected(Path(corrected), before, ct.grid, table).values())
        write_masks(into / "corrected", Segmentation(now, corrected))
    if asked.get("inputs") not in (None, files.inputs(options.names)):
        notes.append(f"The files of {judged.case} were changed after they were scored; {_AGAIN}.")
    return {"notes": notes, "changed": _changed(judged, read.segments)}


def _changed(report: CaseReport, masks: Sequence[Segment]) -> list[str]:
    """Names of masks that have another number of voxels than the mask that was scored, or are new or gone."""
    scored = {one.segment: one.n_voxels for one in report.segments}
    found = {one.name: int(np.count_nonzero(one.voxels())) for one in masks}
    return [name for name in {**scored, **found} if scored.get(name) != found.get(name)]


def read_review_case(folder: Path) -> ReviewCase:
    """What `read_for_review` left there. Raises OSError, ValueError or KeyError for a folder that is not
    whole."""
    payload = read_payload(folder / "case")
    before = {one.name: one for one in payload.segmentation.segments}
    now = before
    if (folder / "corrected").is_dir():
        now = {one.name: one for one in read_masks(folder / "corrected").segments}
    return ReviewCase(read_report(folder / "report.json"), payload.ct, before, now)


_TRIES = 20  # others that save the same case at the same time; each takes seconds


class _SavedMeanwhile(Exception):
    """Another one has saved the same case."""


def save_corrected(
    watch: Watch, folder: str, edits: str, removed: list[str], path: str, segment: str, model: str
) -> dict[str, Any]:
    """Save what a reviewer changed of a case that `read_for_review` left in `folder`.

    `edits`: a folder with the changed and the new masks (`payload.write_masks`); `removed`: names of those
    that were deleted. The file at `path` appears whole or not at all and keeps what others saved of the same
    case meanwhile. Returns the "dice" between the mask of `segment` before and after, and "slices", the same
    by slice index (along the report's axis). Raises `OutputError`.
    """
    case, target, table = read_review_case(Path(folder)), Path(path), _table(model)
    changes = {one.name: one for one in read_masks(Path(edits)).segments}
    remove_leftovers([target])
    for _ in range(_TRIES):
        seen = state_of(target)
        base = case.before if seen is None else _corrected(target, case.before, case.ct.grid, table)
        masks = {**{name: one for name, one in base.items() if name not in removed}, **changes}
        try:
            with whole_file(target) as stream:
                write_seg_nrrd(list(masks.values()), case.ct.grid, stream)
                if state_of(target) != seen:  # nobody is locked out: who comes second begins again
                    raise _SavedMeanwhile
            return agreement(case, masks.get(segment), segment)
        except _SavedMeanwhile:
            continue
    raise OutputError(f'"{target}" is being saved by others again and again; save once more.')


def _table(model: str) -> LabelTable:
    """The structures that names can mean."""
    return LabelTable.from_json(read_spec(find_model(model)).own_structures)


def _corrected(
    path: Path, before: Mapping[str, Segment], grid: Grid, table: LabelTable
) -> dict[str, Segment]:
    """The masks of the corrected file, as what they were taken for before."""
    structures = {name: one.structure for name, one in before.items()}
    return {
        one.name: replace(
            one.placed_on(grid) or one.on_grid(grid), structure=structures.get(one.name, one.structure)
        )
        for one in read_segmentation(path, table=table).segments
    }


def state_of(path: Path) -> tuple[int, int] | None:
    """Size and time of change of a file, None when it is not there; raises `OutputError` when that cannot be
    seen."""
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise OutputError(f'"{path}" cannot be looked at ({reason(error)}); ask for access.') from error
    return status.st_size, status.st_mtime_ns


def agreement(case: ReviewCase, after: Segment | None, segment: str) -> dict[str, Any]:
    """Dice (0..1) between a mask that was scored and what became of it (None: nothing), in all and in each
    scored slice. Two empty masks agree."""
    judged = next(one for one in case.report.segments if one.segment == segment)
    axis = "kji".index(case.report.slice_axis)
    empty = Segment.from_mask(segment, None, np.zeros((1, 1, 1), bool), case.ct.grid)
    masks = [case.before.get(segment) or empty, after or empty]
    box = masks[0].box.union(masks[1].box)
    planes = [_planes(mask, box, axis) for mask in masks]
    counts = [np.count_nonzero(one.reshape(len(one), -1), axis=1) for one in planes]
    common = np.count_nonzero((planes[0] & planes[1]).reshape(len(planes[0]), -1), axis=1)
    start = 0 if box.is_empty else box[axis].start
    by_slice = {
        one.slice: _dice(*(int(n[one.slice - start]) for n in (common, *counts)))
        for one in judged.slices
        if 0 <= one.slice - start < len(common)
    }
    total = _dice(int(common.sum()), int(counts[0].sum()), int(counts[1].sum()))
    return {"dice": total, "slices": sorted(by_slice.items())}


def _planes(mask: Segment, box: Box, axis: int) -> np.ndarray:
    """The voxels of a mask in a box that holds it, slices first."""
    voxels = np.zeros(box.shape, bool)
    if not mask.is_empty:
        voxels[mask.box.relative_to(box).slices] = mask.voxels()
    return np.moveaxis(voxels, axis, 0)


def _dice(common: int, first: int, second: int) -> float:
    return 2 * common / (first + second) if first + second else 1.0
