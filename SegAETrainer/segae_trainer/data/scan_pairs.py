"""The rows of a training set's table for one scan: what its pseudo labels give, and synthetic samples."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from scipy import ndimage

from segae.geometry.grid import Grid
from segae_trainer.data.draw_samples import LEAST_OVERLAP, Sampling, draw_slice
from segae_trainer.data.index import Scan
from segae_trainer.data.sample import (
    INVENTED,
    KINDS,
    MISSED,
    PSEUDO_LABEL,
    SYNTHETIC,
    LabelledScan,
    Sample,
    edges_of,
)
from segae_trainer.data.scan_files import Layer, read_layers
from segae_trainer.data.training_set import PAIR

N_INDICES = 256  # of the label table at most, so that an index fits into a byte
_NO_BOX = (0, 0, 0, 0)


@dataclass(frozen=True)
class Plan:
    """What all scans of a set share: its sampling, the structures that are trained on, and its sources in the
    order of their numbers."""

    sampling: Sampling
    structures: frozenset[int]
    sources: tuple[str, ...]


@dataclass(eq=False)
class Rows:
    """Rows of the table as they grow, and the `bits` of their masks."""

    scan: int
    rows: list[tuple[object, ...]] = field(default_factory=list)
    bits: bytearray = field(default_factory=bytearray)

    def add(
        self, k: int, structure: int, source: int, kind: str, variant: int, overlap: int, truth_pixels: int,
        mask: np.ndarray, crop_box: tuple[int, int, int, int] | None, box: tuple[slice, slice] | None = None,
    ) -> None:  # fmt: skip
        """A row; `box` is the mask's extent (rows, columns), where that is known."""
        box = box or next(iter(ndimage.find_objects(mask.view(np.uint8))), None)
        edges, pixels, at = _NO_BOX, 0, 0
        if box is not None:
            inside, at = mask[box], len(self.bits)
            self.bits += np.packbits(inside).tobytes()
            edges, pixels = edges_of(box), int(np.count_nonzero(inside))
        total = pixels + truth_pixels
        dice = 2 * overlap / total if total else np.nan
        self.rows.append(
            (self.scan, k, structure, source, KINDS.index(kind), variant, dice, overlap, pixels, truth_pixels,
             crop_box or _NO_BOX, edges, at)
        )  # fmt: skip

    def add_sample(self, sample: Sample, source: int) -> None:
        """A synthetic sample."""
        truth = sample.truth
        self.add(
            sample.slice, sample.structure, source, sample.kind, sample.variant,
            int(np.count_nonzero(sample.mask & truth)), int(np.count_nonzero(truth)),
            sample.mask, sample.crop_box,
        )  # fmt: skip

    def table(self) -> np.ndarray:
        """The rows (type `PAIR`), by slice, structure and source, otherwise in the order of their coming."""
        table = np.array(self.rows, PAIR)
        return table[np.lexsort((table["source"], table["structure"], table["slice"]))]


def scan_pairs(
    number: int, scan: Scan, labelled: LabelledScan, grid: Grid, plan: Plan, repeats: int, pseudo: bool = True
) -> tuple[np.ndarray, bytes]:
    """The rows of scan `number`, whose files lie on `grid`, and their bits: its pseudo labels if `pseudo`,
    and `repeats` synthetic samples of each organ in each slice.

    A pseudo label of a structure that the true masks do not know is left out. Raises `InputError` when one
    cannot be read or lies on another grid than the CT.
    """
    rows, sampling = Rows(number), plan.sampling
    trained = plan.structures & labelled.known
    train = scan.split == "train"
    for layer in read_layers(scan, grid) if pseudo else ():
        source = plan.sources.index(layer.source)
        _add_predicted(rows, layer, labelled, trained, source, source + 1 if train else 0, sampling)
    source = plan.sources.index(SYNTHETIC)
    for sample in synthetic_samples(labelled, sampling, repeats, train):
        overlap = np.count_nonzero(sample.mask & sample.truth)
        fits = sampling.rule == "whole" or overlap >= LEAST_OVERLAP
        if fits and sample.structure in plan.structures:
            rows.add_sample(sample, source)
    return rows.table(), bytes(rows.bits)


def synthetic_samples(scan: LabelledScan, sampling: Sampling, repeats: int, train: bool) -> Iterator[Sample]:
    """Those of all slices with an organ: `repeats` on varied CTs to `train` on, else one on the CT itself."""
    for k in np.flatnonzero(scan.labels.any(axis=(1, 2))).tolist() if repeats else ():
        for variant in range(1, repeats + 1) if train else (0,):
            yield from draw_slice(scan, k, variant, sampling)


def _add_predicted(
    rows: Rows, layer: Layer, scan: LabelledScan, trained: frozenset[int], source: int, variant: int,
    sampling: Sampling,
) -> None:  # fmt: skip
    """A row for every slice in which the mask or the truth of a structure has a pixel."""
    structures = np.array(sorted(layer.structures & trained), int)
    if not len(structures):
        return
    for k in range(len(scan.labels)):
        labels, truth = layer.slice(k), scan.labels[k]
        true_pixels, pixels = count_indices(truth), count_indices(labels)
        there = structures[(pixels + true_pixels)[structures] > 0]
        if not len(there):
            continue
        overlaps = count_indices(labels[labels == truth])
        boxes, true_boxes = ndimage.find_objects(labels), ndimage.find_objects(truth)
        for structure in there.tolist():
            overlap = int(overlaps[structure])
            if sampling.rule == "published" and overlap < LEAST_OVERLAP:
                continue
            filled, truly = bool(pixels[structure]), int(true_pixels[structure])
            kind = MISSED if not filled else PSEUDO_LABEL if truly else INVENTED
            box = boxes[structure - 1] if filled else None
            around = edges_of(box or true_boxes[structure - 1])
            rows.add(k, structure, source, kind, variant, overlap, truly, labels == structure, around, box)


def count_indices(labels: np.ndarray) -> np.ndarray:
    """Pixels of every index of the label table in `labels`."""
    return np.bincount(labels.ravel(), minlength=N_INDICES)
