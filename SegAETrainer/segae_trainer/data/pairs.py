"""All pairs of one scan: what its pseudo labels give, and true masks with synthetic errors."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from scipy import ndimage

from segae.errors import InputError
from segae.labels import load_structures
from segae_trainer.data.index import Scan
from segae_trainer.data.scan_arrays import N_ROWS, Layer, ScanArrays, read_layers
from segae_trainer.data.synthetic_errors import OrganSlice, spread_evenly, working_box, wrong_name
from segae_trainer.data.training_set import KINDS, ON_PURPOSE, PAIR, Pair

Rule = Literal["whole", "published"]
LEAST_OVERLAP = 20  # pixels that mask and truth share in a slice of the published training set


@dataclass(frozen=True)
class Sampling:
    """`rule`: "whole" takes every slice in which mask or truth has a pixel, also where they do not touch and
    where the mask misses the organ; "published" those in which they share at least `LEAST_OVERLAP` pixels.

    `degraded`, `exact`, `wrong_name`: number of true masks that are made wrong, left as they are, or given
    another name, for each pair of a pseudo label in the same scan (in a scan without pseudo labels, for each
    organ in each slice). `seed` draws them.
    """

    rule: Rule = "whole"
    degraded: float = 0.25
    exact: float = 0.02
    wrong_name: float = 0.05
    seed: int = 2026

    def __post_init__(self) -> None:
        if self.rule not in ("whole", "published"):
            raise InputError(f'There is no sampling "{self.rule}"; choose whole or published.')
        if min(self.degraded, self.exact, self.wrong_name) < 0 or self.seed < 0:
            raise InputError("Weights and seed of the sampling must not be negative; correct them.")

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


WHOLE = Sampling()
PUBLISHED = Sampling("published", degraded=0, exact=0, wrong_name=0)
RULES: dict[str, Sampling] = {"whole": WHOLE, "published": PUBLISHED}


class Stored(NamedTuple):
    """Where the bits of a mask stand: its box (first and last row, first and last column), its first byte,
    and its number of pixels."""

    box: tuple[int, int, int, int] = (0, 0, 0, 0)
    at: int = 0
    pixels: int = 0


EMPTY = Stored()


class Truth:
    """True masks by slice and row of the label table; each is stored once, when it is first asked for.

    `labels` (K, H, W): rows of the label table. `pixels` (K, rows): size of every mask. `bits`: what was
    stored so far.
    """

    def __init__(self, labels: np.ndarray) -> None:
        self.labels = labels
        self.pixels = np.stack([count_rows(slice_labels) for slice_labels in labels])
        self.bits = bytearray()
        self._stored: dict[tuple[int, int], Stored] = {}

    def mask(self, k: int, structure: int) -> np.ndarray:
        """The true mask (H, W) bool of a structure in slice `k`."""
        return self.labels[k] == structure

    def stored(self, k: int, structure: int) -> Stored:
        """Where the true mask is kept."""
        if not self.pixels[k, structure]:
            return EMPTY
        if (k, structure) not in self._stored:
            self._stored[k, structure] = self.store(self.mask(k, structure))
        return self._stored[k, structure]

    def store(self, mask: np.ndarray, box: tuple[slice, slice] | None = None) -> Stored:
        """Keep any `mask` (H, W) bool; `box` is its extent (rows, columns), where that is known."""
        box = box or next(iter(ndimage.find_objects(mask.view(np.uint8))), None)
        if box is None:
            return EMPTY
        rows, columns = box
        at, inside = len(self.bits), mask[box]
        self.bits += np.packbits(inside).tobytes()
        edges = (rows.start, rows.stop, columns.start, columns.stop)
        return Stored(edges, at, int(np.count_nonzero(inside)))

    def organs(self, structures: Collection[int]) -> np.ndarray:
        """(N, 2): slice and row of every true mask of `structures`."""
        rows = np.array(sorted(structures), int)
        k, place = np.nonzero(self.pixels[:, rows])
        return np.column_stack((k, rows[place]))


def count_rows(labels: np.ndarray) -> np.ndarray:
    """Pixels of every row of the label table in `labels`."""
    return np.bincount(labels.ravel(), minlength=N_ROWS)


_ATTEMPTS = 20  # at another name that the set teaches


def degraded_pairs(
    ct: np.ndarray, truth: Truth, organs: np.ndarray, seed: list[int], source: int
) -> Iterator[Pair]:
    """A mask for each of the `organs` (N, 2; slice and row), whose Dice spreads evenly over 0..1. `ct`
    (K, H, W) HU."""
    rng = np.random.default_rng(seed)
    for k, structure in organs.tolist():
        true = truth.mask(k, structure)
        box = working_box(true)
        how, inside, _ = spread_evenly(OrganSlice(ct[k][box], truth.labels[k][box], true[box]), rng)
        mask = np.zeros_like(true)
        mask[box] = inside
        kind = "exact" if how == "exact" else "degraded"  # all that was tried left nothing of a thin organ
        overlap = int(np.count_nonzero(mask & true))
        yield Pair.of(k, structure, source, kind, overlap, truth.store(mask), truth.stored(k, structure))


def exact_pairs(truth: Truth, organs: np.ndarray, source: int) -> Iterator[Pair]:
    """The true masks of `organs` themselves."""
    for k, structure in organs.tolist():
        true = truth.stored(k, structure)
        yield Pair.of(k, structure, source, "exact", true.pixels, true, true)


def wrong_name_pairs(
    truth: Truth, organs: np.ndarray, names: frozenset[int], seed: list[int], source: int
) -> Iterator[Pair]:
    """The true masks of `organs` under another of `names`, of which there are two or more. True masks do not
    overlap, so that the Dice with what they are said to be is 0."""
    rng = np.random.default_rng(seed)
    for k, structure in organs.tolist():
        other = _other_name(structure, names, rng)
        yield Pair.of(k, other, source, "wrong name", 0, truth.stored(k, structure), truth.stored(k, other))


def draw_organs(organs: np.ndarray, count: int, sampling: Sampling, scan: str, kind: str) -> np.ndarray:
    """`count` of the `organs` (N, 2) in their order, none more than once oftener than another."""
    if not len(organs):
        return organs
    rounds, rest = divmod(count, len(organs))
    rng = np.random.default_rng([*seed_of(sampling, scan, kind), 0])
    some = np.sort(rng.choice(len(organs), rest, replace=False))
    return np.concatenate((np.repeat(organs, rounds, axis=0), organs[some]))


def seed_of(sampling: Sampling, scan: str, kind: str) -> list[int]:
    """Seed of one kind of mask in one scan, whatever was drawn before."""
    return [sampling.seed, KINDS.index(kind), *scan.encode()]


def _other_name(structure: int, names: frozenset[int], rng: np.random.Generator) -> int:
    for _ in range(_ATTEMPTS):
        other = wrong_name(structure, load_structures(), rng)
        if other in names:
            return other
    return int(rng.choice(sorted(names - {structure})))


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
