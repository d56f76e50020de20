"""Semi-supervised learning: what a segmenter gains from pseudo labels that a judge keeps."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from segae.errors import InputError
from segae.progress import Watch
from segae_trainer.data.sample import LabelledScan
from segae_trainer.experiments.judges import JUDGES, RANDOM, SECOND, SEGAE, State, structures_in
from segae_trainer.experiments.patients import Cohort, Mask, Pool
from segae_trainer.experiments.scorers import Scorers
from segae_trainer.experiments.segmenters import Segmenter, segmenter_at
from segae_trainer.experiments.setting import (
    Options,
    begun,
    keep_labels,
    named,
    table_at,
    write_table,
)

if TYPE_CHECKING:
    import pandas as pd

SEMI = "semi-supervised"
_STUDENT = 500  # added to the seed of a network that learns from pseudo labels


@dataclass(frozen=True)
class SemiOptions:
    """`unlabelled`: patients whose masks are predicted, None for all. `share`: of the predicted masks that
    each filter but the threshold keeps. `threshold`: predicted Dice from which on a mask is kept."""

    filters: tuple[str, ...] = ()
    unlabelled: int | None = None
    share: float = 0.5
    threshold: float = 0.8

    def __post_init__(self) -> None:
        if not 0 < self.share <= 1 or not 0 <= self.threshold <= 1:
            raise InputError("The share of pseudo labels and the threshold must lie between 0 and 1.")
        unknown = next((name for name in self.filters if name not in FILTERS), None)
        if unknown is not None:
            raise InputError(f'There is no filter "{unknown}"; choose from {", ".join(FILTERS)}.')
        if self.unlabelled is not None and self.unlabelled < 1:
            raise InputError("At least one patient must be left unlabelled; give a larger --unlabelled.")


Qualities = Mapping[Mask, float]
Kept = Mapping[Mask, float]  # by mask that is learned from how much it counts


@dataclass(frozen=True)
class Filter:
    """`judge`: whose word counts, "" for nobody's. `keep`: which masks are kept, and how much they count."""

    judge: str
    keep: Callable[[Qualities, SemiOptions], Kept]


def _all(qualities: Qualities, options: SemiOptions) -> Kept:
    return dict.fromkeys(qualities, 1.0)


def _best(qualities: Qualities, options: SemiOptions) -> Kept:
    """The same share of each structure, so that easy ones do not take the place of hard ones."""
    kept: dict[Mask, float] = {}
    for structure in sorted({one for _, one in qualities}):
        masks = sorted((m for m in qualities if m[1] == structure), key=lambda mask: -qualities[mask])
        kept |= dict.fromkeys(masks[: max(1, round(options.share * len(masks)))], 1.0)
    return kept


def _above(qualities: Qualities, options: SemiOptions) -> Kept:
    return {mask: 1.0 for mask, quality in qualities.items() if quality >= options.threshold}


def _weighted(qualities: Qualities, options: SemiOptions) -> Kept:
    return dict(qualities)


# A new filter is a line here.
FILTERS: Mapping[str, Filter] = MappingProxyType(
    {
        "labelled only": Filter("", lambda qualities, options: {}),
        "all": Filter("", _all),
        RANDOM: Filter(RANDOM, _best),
        "mc-dropout": Filter("mc-dropout", _best),
        "entropy": Filter("entropy", _best),
        SEGAE: Filter(SEGAE, _best),
        "segae-threshold": Filter(SEGAE, _above),
        "segae-weights": Filter(SEGAE, _weighted),
    }
)


def learn_semi_supervised(
    data: Path, out: Path, options: Options, semi: SemiOptions, watch: Watch | None = None
) -> pd.DataFrame:
    """Train a teacher and, for each filter and seed, a student; a row for each true mask of each test
    patient, also in `semi-supervised.csv`. What an earlier call finished is not done again. Raises
    `InputError` for options that do not fit the data, `OutputError`, and `Cancelled`."""
    import pandas as pd

    folder, watch = out / SEMI, watch or Watch()
    filters = semi.filters or tuple(FILTERS)
    more = {"filters": list(filters), "share": semi.share, "threshold": semi.threshold}
    with begun(folder, data, options, watch, unlabelled=semi.unlabelled, **more) as (_, cohort):
        tables = []
        for seed in options.seeds:
            pool = _pool(cohort, options, semi, seed)
            run = _Run(folder / f"seed-{seed}", cohort, pool, options, semi, seed, watch)
            tables += [run.student(name) for name in filters]
            run.scorers.forget_the_masks()
        table = pd.concat(tables, ignore_index=True)
        write_table(table, out / f"{SEMI}.csv")
    return table


def _pool(cohort: Cohort, options: Options, semi: SemiOptions, seed: int) -> Pool:
    """The labelled patients and the first of the others, in an order that `seed` draws."""
    pool = cohort.start(options.labelled, seed)
    labelled = {name for name, _ in pool.annotated}
    others = sorted({scan.patient for scan in pool.scans if scan.name not in labelled})
    n = len(others) if semi.unlabelled is None else semi.unlabelled
    if not others:
        raise InputError("No unlabelled patient is left; label or test fewer patients, or add some.")
    if n > len(others):
        raise InputError(
            f"{n} unlabelled patients are asked for, and {len(others)} are left; give a smaller --unlabelled "
            "or add patients."
        )
    order = np.random.default_rng(seed).permutation(len(others))
    chosen = {others[place] for place in order[:n]}
    kept = tuple(scan for scan in pool.scans if scan.name in labelled or scan.patient in chosen)
    return replace(pool, scans=kept)


@dataclass(frozen=True)
class _Run:
    """All filters of a seed, which share teacher and pseudo labels."""

    folder: Path
    cohort: Cohort
    pool: Pool
    options: Options
    semi: SemiOptions
    seed: int
    watch: Watch

    @property
    def scorers(self) -> Scorers:
        """Those of the labelled patients."""
        return Scorers(
            self.pool, self.folder / "scorer", self.options.segmenter, self.options.scorer, self.seed,
            named(self.watch, f"seed {self.seed}"),
        )  # fmt: skip

    def student(self, name: str) -> pd.DataFrame:
        """The figures of the segmenter that learned from what a filter keeps."""
        here, watch = self.folder / name.replace(" ", "-"), named(self.watch, f"seed {self.seed}, {name}")
        kept = self._kept(name)
        seed = self.seed + _STUDENT

        def test() -> Sequence[dict[str, Any]]:
            trust: dict[str, dict[int, float]] = {}
            for (scan, structure), counts in kept.items():
                trust.setdefault(scan, {})[structure] = counts
            segmenter = segmenter_at(
                here / "segmenter.pt", lambda: [*self.pool.labelled(), *self._pseudo_labelled(kept)],
                self.options.segmenter, seed, watch, trust,
            )  # fmt: skip
            return list(self.cohort.exam.results(segmenter.label, watch))

        table = table_at(here / "test.csv", test)
        return table.assign(seed=self.seed, filter=name, pseudo_labels=len(kept))

    def _kept(self, name: str) -> Kept:
        one = FILTERS[name]
        if name == "labelled only":
            return {}
        return one.keep(self._qualities(one.judge), self.semi)

    def _teacher(self, more: int = 0) -> Segmenter:
        watch = named(self.watch, f"seed {self.seed}, teacher")
        path = self.folder / ("second.pt" if more else "teacher.pt")
        return segmenter_at(path, self.pool.labelled, self.options.segmenter, self.seed + more, watch)

    def _predicted(self) -> Iterator[tuple[LabelledScan, np.ndarray]]:
        """The unlabelled scans without truth, and what the teacher sees in them."""
        folder, teacher = self.folder / "predicted", None
        for scan in self.pool.unlabelled():
            path = folder / f"{scan.name}.npy"
            if not path.is_file():
                teacher = teacher or self._teacher()
                keep_labels(path, teacher.label(scan))
            yield scan, np.load(path)

    def _qualities(self, judge: str) -> Qualities:
        """By predicted mask what a judge says of it, 1 without a judge."""
        if not judge:
            return {
                (scan.name, one): 1.0 for scan, labels in self._predicted() for one in structures_in(labels)
            }

        def judged() -> Sequence[dict[str, Any]]:
            teacher = self._teacher()
            second = partial(self._teacher, SECOND)
            state = State(teacher, second, self.scorers, self.options.passes, self.seed)
            made = JUDGES[judge](state)
            return [
                {"scan": scan.name, "structure": structure, "quality": quality}
                for scan, labels in self._predicted()
                for structure, quality in made.judge(scan, labels).items()
            ]

        table = table_at(self.folder / f"judged-{judge}.csv", judged)
        rows = zip(table["scan"], table["structure"], table["quality"], strict=True)
        return {(str(scan), int(one)): float(quality) for scan, one, quality in rows}

    def _pseudo_labelled(self, kept: Kept) -> Iterator[LabelledScan]:
        """The unlabelled scans with the kept masks alone: the others may be anywhere."""
        for scan, labels in self._predicted():
            only = [structure for name, structure in kept if name == scan.name]
            if only:
                masks = np.where(np.isin(labels, only), labels, 0).astype(np.uint8)
                yield replace(scan, labels=masks, known=frozenset(only))
