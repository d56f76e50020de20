"""The test suites of masks: each turns a split of a training set into samples to score."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

from segae.errors import InputError, way
from segae_trainer.data.draw_samples import LEAST_OVERLAP
from segae_trainer.data.index import SPLITS
from segae_trainer.data.sample import ERRORS, PREDICTED, Sample, Samples, box_of
from segae_trainer.data.synthetic_errors import dilate, erode
from segae_trainer.data.training_set import TrainingSet

STRENGTHS_MM = (3.0, 6.0, 9.0, 12.0, 15.0)
MOST_MASKS = 20_000
SEED = 2026


@dataclass(frozen=True, eq=False)
class Chosen:
    """`rows` (N,) of a training set. `change_mm` (N,): by how many millimetres their truth is grown (above 0)
    or shrunk (below 0) to make the mask; 0 takes the mask of the row."""

    rows: np.ndarray
    change_mm: np.ndarray

    @classmethod
    def as_they_are(cls, rows: np.ndarray) -> Chosen:
        return cls(rows, np.zeros(len(rows)))

    def where(self, kept: np.ndarray) -> Chosen:
        """Some of them."""
        return Chosen(self.rows[kept], self.change_mm[kept])

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True)
class Suite:
    """`title` and `description` are for readers. `volumes`: whether its slices make up whole masks of organs.
    `find`: what it takes from a split."""

    name: str
    title: str
    description: str
    volumes: bool
    find: Callable[[TrainingSet, str], Chosen]


def _by_segmenters(expert: bool) -> Callable[[TrainingSet, str], Chosen]:
    def find(training_set: TrainingSet, split: str) -> Chosen:
        rows = training_set.of_kinds(training_set.rows(split), PREDICTED)
        experts = [training_set.sources.index(name) for name in training_set.expert_sources]
        return Chosen.as_they_are(rows[np.isin(training_set.table["source"][rows], experts) == expert])

    return find


def by_sources(name: str, title: str, sources: Sequence[str]) -> Suite:
    """The masks of some sources as a suite of its own."""

    def find(training_set: TrainingSet, split: str) -> Chosen:
        rows = training_set.of_kinds(training_set.rows(split), PREDICTED)
        of_sources = [place for place, one in enumerate(training_set.sources) if one in sources]
        return Chosen.as_they_are(rows[np.isin(training_set.table["source"][rows], of_sources)])

    return Suite(name, title, f"Every slice of the masks of {', '.join(sources)}.", True, find)


def _published_test(training_set: TrainingSet, split: str) -> Chosen:
    rows = training_set.of_kinds(training_set.rows(split), ("pseudo label",))
    return Chosen.as_they_are(rows[training_set.table["overlap"][rows] >= LEAST_OVERLAP])


def _of_kinds(*kinds: str) -> Callable[[TrainingSet, str], Chosen]:
    return lambda training_set, split: Chosen.as_they_are(
        training_set.of_kinds(training_set.rows(split), kinds)
    )


def _changed(sign: int) -> Callable[[TrainingSet, str], Chosen]:
    """The truths of a split at every strength, grown or shrunk."""

    def find(training_set: TrainingSet, split: str) -> Chosen:
        rows = training_set.rows(split)
        rows = rows[training_set.table["truth_pixels"][rows] > 0]
        where = training_set.table[["scan", "structure", "slice"]][rows]
        rows = rows[np.sort(np.unique(where, return_index=True)[1])]
        strengths = sign * np.array(STRENGTHS_MM)
        return Chosen(np.tile(rows, len(strengths)), np.repeat(strengths, len(rows)))

    return find


_STRENGTHS = ", ".join(f"{mm:g}" for mm in STRENGTHS_MM)
SUITES: Mapping[str, Suite] = MappingProxyType(
    {
        suite.name: suite
        for suite in (
            Suite("network", "Masks of segmentation networks, all slices",
                  "Every slice in which mask or truth has a pixel: also where they do not touch, and, for "
                  "the organ as a whole, where the mask misses it.", True, _by_segmenters(expert=False)),
            Suite("expert", "Masks of people, all slices",
                  "As the suite network, of masks that people drew or corrected.", True,
                  _by_segmenters(expert=True)),
            Suite("network published", "Masks of segmentation networks, published protocol",
                  f"Slices where mask and truth share at least {LEAST_OVERLAP} pixels, as in the paper; Dice "
                  "of the whole slice.", False, _published_test),
            Suite("synthetic", "Synthetic errors",
                  "True masks with errors of many kinds, with fine noise, exact, or beside the organ.", False,
                  _of_kinds(*ERRORS, "fine noise", "exact", "no overlap")),
            Suite("synthetic wrong names", "Right and wrong names",
                  "Good masks under their own name and under another one: a low AUROC for Dice < 0.5 means "
                  "that names are not looked at.", False, _of_kinds("fine noise", "exact", "wrong name")),
            Suite("synthetic erosion", "Eroded truth",
                  f"True masks made too small by {_STRENGTHS} mm in each slice.", False, _changed(-1)),
            Suite("synthetic dilation", "Dilated truth",
                  f"True masks made too large by {_STRENGTHS} mm in each slice.", False, _changed(1)),
        )
    }
)  # fmt: skip


def suites_of(names: Sequence[str]) -> tuple[Suite, ...]:
    """The suites by these names; raises `InputError` for an unknown one."""
    for name in names:
        if name not in SUITES:
            raise InputError(f'There is no suite "{name}"; choose from {", ".join(SUITES)}.')
    return tuple(SUITES[name] for name in dict.fromkeys(names))


def build_suite(
    suite: Suite,
    training_set: TrainingSet,
    split: str,
    *,
    most: int = MOST_MASKS,
    seed: int = SEED,
    patient: str | None = None,
    structures: Sequence[int] | None = None,
) -> Samples:
    """The samples of a suite in a split, of one `patient` and of some `structures` if given; whole organs are
    drawn by `seed` until there are about `most`. Empty when the split has no such masks; raises `InputError`
    when it has none at all."""
    if not len(training_set.rows(split)):
        counts = ", ".join(f"{name}: {len(training_set.rows(name))}" for name in SPLITS)
        raise InputError(
            f'The training set "{training_set.folder}" has no masks in the split "{split}" ({counts}); '
            + way(
                "choose another with --split, or build it with more patients.", "build it of more patients."
            )
        )
    chosen = suite.find(training_set, split)
    table = training_set.table[chosen.rows]
    kept = np.isfinite(table["dice"])
    if patient is not None:
        own = np.array([scan.patient == patient for scan in training_set.scans], bool)
        kept &= own[table["scan"]]
    if structures is not None:
        kept &= np.isin(table["structure"], list(structures))
    return samples_of(at_most(chosen.where(kept), training_set, most, seed), training_set)


def at_most(chosen: Chosen, training_set: TrainingSet, most: int, seed: int) -> Chosen:
    """Whole organs drawn by `seed` until at least `most` masks are reached, in their former order; all when
    there are no more than that."""
    if len(chosen) <= most:
        return chosen
    table = training_set.table[chosen.rows]
    columns = [table["scan"], table["structure"], table["source"], chosen.change_mm]
    _, organ = np.unique(np.stack(columns, axis=1), axis=0, return_inverse=True)
    sizes = np.bincount(organ.ravel())
    order = np.random.default_rng(seed).permutation(len(sizes))
    enough = int(np.searchsorted(np.cumsum(sizes[order]), most)) + 1
    return chosen.where(np.isin(organ.ravel(), order[:enough]))


def samples_of(chosen: Chosen, training_set: TrainingSet) -> Samples:
    """The samples, each made when it is asked for."""

    def make(place: int) -> Sample:
        sample = training_set.sample(int(chosen.rows[place]))
        change = float(chosen.change_mm[place])
        return sample if change == 0 else _resized(sample, change)

    return Samples(range(len(chosen)), make)


def _resized(sample: Sample, change_mm: float) -> Sample:
    pixels = abs(change_mm) / float(np.mean(sample.scan.pixel_mm))
    resize, kind = (dilate, "dilated") if change_mm > 0 else (erode, "eroded")
    mask = resize(sample.truth, pixels)
    box = box_of(mask) if mask.any() else sample.crop_box
    return replace(sample, mask=mask, source=f"{kind} {abs(change_mm):g} mm", kind=kind, crop_box=box)


def training_samples(training_set: TrainingSet) -> Samples:
    """All samples of the training split, for what is fitted."""
    rows = training_set.rows("train")
    return training_set.samples(rows[np.isfinite(training_set.table["dice"][rows])])
