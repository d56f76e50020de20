"""The names of all masks of one case."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import numpy as np

from segae.data import Segment, Volume
from segae.labels.structure import Structure
from segae.models.quality_model import QualityModel
from segae.names.contacts import touching_structures
from segae.names.decide import decide, settle
from segae.names.name_check import NameCheck
from segae.names.neighbours import neighbours
from segae.names.order import ordered_levels
from segae.preflight.findings import Finding
from segae.progress import Watch
from segae.scoring.inputs import OrientedCT, PreparedSlices, prepare
from segae.scoring.scorer import Scorer

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
    watch = watch or Watch()
    oriented = scorer.orient(ct)
    present = [s for s in segments if s.structure is not None and not s.is_empty]
    asked = [s for s in present if only is None or s.name in only]
    touching = touching_structures(present)
    scores: dict[str, Mapping[Structure, float]] = {}
    for done, segment in enumerate(asked):
        watch.step(STAGE, done, len(asked))
        scores[segment.name] = scores_by_name(scorer, oriented, segment, touching[segment.name])
    watch.step(STAGE, len(asked), len(asked))
    levels = ordered_levels(asked, scores)
    return settle(
        [
            decide(s.name, s.structure, scores[s.name], findings, levels.get(s.name))
            for s in asked
            if s.structure is not None
        ]
    )


def scores_by_name(
    scorer: Scorer, ct: OrientedCT, segment: Segment, touching: Sequence[Structure] = ()
) -> dict[Structure, float]:
    """Predicted Dice (0..1) of a mask under its own name and under its neighbours', as the mean over a few of
    its slices, weighted by area. Empty when the model has not learned the mask's own name."""
    model, named = scorer.model, segment.structure
    if named is None or not _learned(model, named):
        return {}
    names = (named, *neighbours(named, touching, lambda row: _learned(model, row)))
    chosen = telling_slices(segment, ct.slice_axis)
    (part,) = prepare(ct, segment, model.spec, only=chosen)
    indices = [name.index for name in names for _ in part.slices]
    predicted = scorer.predict_prepared(_repeated(part, len(names)), indices).dsc.numpy()
    dice = np.clip(predicted.reshape(len(names), len(part.slices)), 0.0, 1.0)
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


def _repeated(part: PreparedSlices, times: int) -> PreparedSlices:
    """The network's input again and again; what `predict_prepared` does not look at stays as it is."""
    context = None if part.context is None else part.context.repeat(times, 1)
    return replace(part, images=part.images.repeat(times, 1, 1, 1), context=context)
