"""Is a mask what its name says? Each mask is scored under the neighbouring names too."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from os import PathLike
from pathlib import Path

import numpy as np
import torch

from segae.checks.contacts import touching_structures
from segae.checks.level_order import ordered_levels
from segae.checks.names import NameCheck, decide, name_findings, settle
from segae.checks.preflight import Preflight
from segae.data import Segment, Segmentation, Volume
from segae.errors import InputError
from segae.finding import Finding
from segae.inputs.build import ModelInput
from segae.inputs.prepare import prepare
from segae.inputs.stack import CTStack
from segae.io.ct import read_ct
from segae.io.layouts import case_name
from segae.io.segmentation import read_segmentation
from segae.labels.relatives import levels_near, other_side, similar
from segae.labels.structure import Structure
from segae.labels.table import LabelTable
from segae.models.quality_model import QualityModel
from segae.progress import CancelToken, ProgressCallback, Watch
from segae.results.types import CaseReport
from segae.scoring.device import AUTO
from segae.scoring.options import ScoringOptions
from segae.scoring.scorer import Scorer

MOST = 8
_FROM_LABELS = 5  # at most, so that touching organs have room when there are any


def neighbours(
    structure: Structure,
    touching: Sequence[Structure] = (),
    usable: Callable[[Structure], bool] = lambda structure: True,
    most: int = MOST,
    table: LabelTable | None = None,
) -> tuple[Structure, ...]:
    """Up to `most` other names for a mask, none twice, each one `usable` (the model has learned it).

    First the other side, the levels above and below and names of similar shape, then the structures whose
    masks touch it (`touching`, largest contact first), then what is left of the former. `table`: that of the
    names (None: the default one).
    """
    side = other_side(structure, table)
    levels, alike = levels_near(structure, table=table), similar(structure, table)
    by_label = chain(() if side is None else (side,), levels, alike)
    related = list(filter(usable, by_label))
    ordered = chain(related[:_FROM_LABELS], filter(usable, touching), related[_FROM_LABELS:])
    return tuple(row for row in dict.fromkeys(ordered) if row != structure)[:most]


STAGE = "checking names"
SLICES = 5  # of a mask that are scored under each name


def check_names(
    scorer: Scorer,
    ct: Volume,
    segments: Sequence[Segment],
    findings: Sequence[Finding] = (),
    *,
    only: Collection[str] | None = None,
    watch: Watch | None = None,
) -> tuple[NameCheck, ...]:
    """An answer for each mask with voxels and a structure, in the order of `segments`, which passed the
    preflight (`Scorer.check`) and so lie on the grid of `ct`.

    `findings`: what the rules over the whole case say (`segae.rules`). `only`: these segments alone; the
    others still count for what touches what.
    """
    watch, model = watch or Watch(), scorer.model
    stack = scorer.orient(ct)
    present = [s for s in segments if s.structure is not None and not s.is_empty]
    asked = [s for s in present if only is None or s.name in only]
    touching = touching_structures(present)
    scores: dict[str, Mapping[Structure, float]] = {}
    for done, segment in enumerate(asked):
        watch.step(STAGE, done, len(asked))
        scores[segment.name] = scores_by_name(scorer, stack, segment, touching[segment.name])
    watch.step(STAGE, len(asked), len(asked))
    levels = ordered_levels(asked, scores)
    return settle(
        [
            decide(s.name, s.structure, scores[s.name], findings, levels.get(s.name), model.label_table)
            for s in asked
            if s.structure is not None
        ]
    )


def scores_by_name(
    scorer: Scorer, stack: CTStack, segment: Segment, touching: Sequence[Structure] = ()
) -> dict[Structure, float]:
    """Predicted Dice (0..1) of a mask under its own name and under its neighbours', as the mean over a few of
    its slices, weighted by area. Empty when the model has not learned the mask's own name."""
    model, named = scorer.model, segment.structure
    if named is None or not _learned(model, named):
        return {}
    names = (named, *neighbours(named, touching, lambda row: _learned(model, row), table=model.label_table))
    chosen = telling_slices(segment, stack.slice_axis)
    (part,) = prepare(stack, segment, model.spec.input, only=chosen)
    predicted = scorer.predict(_under_names(part.input, [name.index for name in names])).score.numpy()
    dice = np.clip(predicted.reshape(len(names), len(part)), 0.0, 1.0)
    return dict(zip(names, np.average(dice, axis=1, weights=part.areas_mm2).tolist(), strict=True))


def telling_slices(segment: Segment, slice_axis: str, n: int = SLICES) -> list[int]:
    """Indices in the file of at most `n` slices, evenly spread over those in which the mask is at least half
    as large as in its largest. `slice_axis`: the file's axis ("i", "j", "k") along which they lie."""
    axis = "kji".index(slice_axis)
    areas = np.count_nonzero(segment.voxels(), axis=tuple(other for other in range(3) if other != axis))
    large = np.flatnonzero(2 * areas >= areas.max())
    spread = np.linspace(0, len(large) - 1, min(n, len(large))).round().astype(int)
    return [int(index) + segment.box[axis].start for index in large[spread]]


def _learned(model: QualityModel, structure: Structure) -> bool:
    return model.knows(structure) and model.trained_on(structure)


def _under_names(inputs: ModelInput, labels: Sequence[int]) -> ModelInput:
    """The same slices once under each label."""
    under = [replace(inputs, structures=torch.full_like(inputs.structures, label)) for label in labels]
    return ModelInput.concatenate(under)


@dataclass(frozen=True)
class NameReport:
    """The answers for one case, and what was said before the check, by the rules over all masks too."""

    case: str
    checks: tuple[NameCheck, ...]
    findings: tuple[Finding, ...] = ()


def name_check(
    ct: str | PathLike[str] | Volume,
    segmentation: str | PathLike[str] | Segmentation,
    *,
    model: str | Path | QualityModel = "bundled",
    name: str | None = None,
    names: str | PathLike[str] | None = None,
    only: Collection[str] | None = None,
    resample: bool = False,
    ct_grid: bool = False,
    series: str | None = None,
    device: str = AUTO,
    engine: str = "torch",
    case: str | None = None,
    progress: ProgressCallback | None = None,
    cancel: CancelToken | None = None,
) -> NameReport:
    """Check whether each mask of a CT is what its name says; nothing is renamed.

    Arguments as in `segae.score`; `only` names the segments that are checked. Raises `InputError` for input
    that cannot be checked, `ModelError` for an unusable model, `Cancelled` on request.
    """
    given = None if names is None else Path(names)
    options = ScoringOptions(resample=resample, names=given, ct_grid=ct_grid)
    scorer = Scorer(model, device=device, engine=engine)
    volume = ct if isinstance(ct, Volume) else read_ct(Path(ct), series=series)
    if not isinstance(segmentation, Segmentation):
        segmentation = read_segmentation(
            Path(segmentation),
            name=name,
            names=options.names,
            table=scorer.model.label_table,
            ct=volume.place,
        )
    checked = scorer.check(volume, segmentation, options)
    checked.raise_for_errors()
    absent = set(only or ()) - {segment.name for segment in checked.segmentation.segments}
    if absent:
        raise InputError(
            f'"{segmentation.source}" holds no mask "{min(absent)}" that can be checked; '
            "ask for one that is there."
        )
    segments, watch = checked.segmentation.segments, Watch(progress, cancel)
    checks = check_names(scorer, volume, segments, checked.findings, only=only, watch=watch)
    return NameReport(case or case_name(volume.source), checks, checked.findings)


def with_name_findings(
    report: CaseReport, scorer: Scorer, ct: Volume, checked: Preflight, watch: Watch | None = None
) -> CaseReport:
    """The report of a case whose names were checked too, with a finding for each that is in doubt. `checked`:
    what `Scorer.check` left to score."""
    checks = check_names(scorer, ct, checked.segmentation.segments, report.findings, watch=watch)
    return replace(report, findings=(*report.findings, *name_findings(checks)))
