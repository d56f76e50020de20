"""All pairs of one scan: what its pseudo labels give, and true masks that are made wrong on purpose."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from segae_trainer.index.scan import Scan
from segae_trainer.training_set.arrays import Layer, ScanArrays, read_layers
from segae_trainer.training_set.layout import ON_PURPOSE, PAIR, Pair
from segae_trainer.training_set.on_purpose import (
    degraded_pairs,
    draw_organs,
    exact_pairs,
    seed_of,
    wrong_name_pairs,
)
from segae_trainer.training_set.sampling import LEAST_OVERLAP, Sampling
from segae_trainer.training_set.truth import EMPTY, Truth, count_rows


@dataclass(frozen=True)
class Plan:
    """What all scans of a set share: its sampling, the rows of the label table that it teaches, and its
    sources in the order of their numbers."""

    sampling: Sampling
    structures: frozenset[int]
    sources: tuple[str, ...]


def scan_pairs(number: int, scan: Scan, arrays: ScanArrays, plan: Plan) -> tuple[np.ndarray, bytes]:
    """The pairs (type `layout.PAIR`) of scan `number`, by slice, structure and source; and their bits.

    A pseudo label of a structure that the true masks do not know is left out. Raises `InputError` when one
    cannot be read or lies on another grid than the CT.
    """
    truth, taught = Truth(arrays.truth), plan.structures & arrays.known
    predicted = [
        pair
        for layer in read_layers(scan, arrays.grid)
        for pair in predicted_pairs(layer, truth, taught, plan.sources.index(layer.source))
        if _fits(pair, plan.sampling)
    ]
    made = [
        pair
        for pair in _on_purpose(scan.name, arrays.ct, truth, taught, len(predicted), plan)
        if _fits(pair, plan.sampling)
    ]
    table = np.array([(number, *pair) for pair in (*predicted, *made)], PAIR)
    order = np.lexsort((table["source"], table["structure"], table["slice"]))
    return table[order], bytes(truth.bits)


def predicted_pairs(layer: Layer, truth: Truth, taught: frozenset[int], source: int) -> Iterator[Pair]:
    """A pair for every slice in which the mask or the truth of a structure has a pixel."""
    structures = np.array(sorted(layer.structures & taught), int)
    if not len(structures):
        return
    filled = layer.voxels.any(axis=(1, 2)) | truth.pixels[:, structures].any(axis=1)
    for k in np.flatnonzero(filled).tolist():
        labels = layer.slice(k)
        pixels, overlaps = count_rows(labels), count_rows(labels[labels == truth.labels[k]])
        boxes = ndimage.find_objects(labels)
        for structure in structures[(pixels + truth.pixels[k])[structures] > 0].tolist():
            mask, true = EMPTY, truth.stored(k, structure)
            if pixels[structure]:
                mask = truth.store(labels == structure, boxes[structure - 1])
            kind = "missed" if not mask.pixels else "pseudo label" if true.pixels else "invented"
            yield Pair.of(k, structure, source, kind, int(overlaps[structure]), mask, true)


def _on_purpose(
    scan: str, ct: np.ndarray, truth: Truth, taught: frozenset[int], n_predicted: int, plan: Plan
) -> Iterator[Pair]:
    sampling, source = plan.sampling, plan.sources.index(ON_PURPOSE)
    organs = truth.organs(taught)

    def drawn(kind: str, weight: float) -> np.ndarray:
        return draw_organs(organs, round(weight * (n_predicted or len(organs))), sampling, scan, kind)

    seed = seed_of(sampling, scan, "degraded")
    yield from degraded_pairs(ct, truth, drawn("degraded", sampling.degraded), seed, source)
    yield from exact_pairs(truth, drawn("exact", sampling.exact), source)
    if len(plan.structures) > 1:
        seed, organs_named = seed_of(sampling, scan, "wrong name"), drawn("wrong name", sampling.wrong_name)
        yield from wrong_name_pairs(truth, organs_named, plan.structures, seed, source)


def _fits(pair: Pair, sampling: Sampling) -> bool:
    return sampling.rule == "whole" or pair.overlap >= LEAST_OVERLAP
