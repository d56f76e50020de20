"""Active learning: what a segmenter gains when masks are annotated in the order that a judge gives."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from segae.errors import InputError
from segae.files import write_json
from segae.progress import Watch
from segae_trainer.experiments.judges import JUDGES, SECOND, State
from segae_trainer.experiments.patients import Cohort, Mask, Pool
from segae_trainer.experiments.scorers import Scorers
from segae_trainer.experiments.segmenters import Segmenter, segmenter_at
from segae_trainer.experiments.setting import Options, begun, named, table_at, write_table

if TYPE_CHECKING:
    import pandas as pd

ACTIVE = "active-learning"
Unit = Literal["patient", "mask"]


@dataclass(frozen=True)
class ActiveOptions:
    """`rounds` after the start, in each of which `budget` more units are annotated: the masks of a whole
    patient, or single masks. `strategies`: names of `JUDGES`."""

    strategies: tuple[str, ...] = tuple(JUDGES)
    rounds: int = 3
    budget: int = 5
    unit: Unit = "patient"

    def __post_init__(self) -> None:
        unknown = next((name for name in self.strategies if name not in JUDGES), None)
        if unknown is not None:
            raise InputError(f'There is no strategy "{unknown}"; choose from {", ".join(JUDGES)}.')
        if not self.strategies or min(self.rounds, self.budget) < 1:
            raise InputError("At least one strategy, one round and a budget of one are needed.")


def learn_actively(
    data: Path, out: Path, options: Options, active: ActiveOptions, watch: Watch | None = None
) -> pd.DataFrame:
    """Carry out all rounds of all strategies and seeds; a row for each true mask of each test patient, also
    in `active-learning.csv`. What an earlier call finished is not done again.

    Below `out` there is a folder for each seed, strategy and round, with what was annotated, the segmenter,
    its figures on the test patients and what the judge said. Raises `InputError` for options that do not fit
    the data, `OutputError`, and `Cancelled`.
    """
    import pandas as pd

    folder, watch = out / ACTIVE, watch or Watch()
    more = {"strategies": list(active.strategies), "rounds": active.rounds, "budget": active.budget}
    with begun(folder, data, options, watch, unit=active.unit, **more) as (_, cohort):
        _check_budget(cohort, options, active)
        tables = []
        for seed in options.seeds:
            run = _Run(folder / f"seed-{seed}", cohort, options, active, seed, watch)
            tables += [run.strategy(name) for name in active.strategies]
            run.scorers(run.folder / "start", cohort.start(options.labelled, seed), watch).forget_the_masks()
        table = pd.concat(tables, ignore_index=True)
        write_table(table, out / f"{ACTIVE}.csv")
    return table


def _check_budget(cohort: Cohort, options: Options, active: ActiveOptions) -> None:
    start = cohort.start(options.labelled, options.seeds[0])
    offered = start.offered()
    if not offered:
        raise InputError(
            "No unlabelled patient is left to choose from; label or test fewer patients, or add some."
        )
    n = len(offered) if active.unit == "mask" else len({name for name, _ in offered})
    if active.rounds * active.budget > n:
        raise InputError(
            f"{active.rounds} rounds of {active.budget} are {active.rounds * active.budget} {active.unit}s, "
            f"and {n} are left to choose from; give fewer --rounds, a smaller --budget or more patients."
        )


@dataclass(frozen=True)
class _Run:
    """All strategies of a seed, which share the start."""

    folder: Path
    cohort: Cohort
    options: Options
    active: ActiveOptions
    seed: int
    watch: Watch

    def strategy(self, name: str) -> pd.DataFrame:
        """The figures of all rounds of a strategy."""
        import pandas as pd

        pool, tables = self.cohort.start(self.options.labelled, self.seed), []
        for number in range(self.active.rounds + 1):
            # The segmenter of the start is the same for all strategies.
            here = self.folder / ("start" if number == 0 else f"{name}/round-{number:02d}")
            table = self._tested(here, pool, f"seed {self.seed}, {name}, round {number}")
            annotated = pool.annotated if self.active.unit == "mask" else {scan for scan, _ in pool.annotated}
            about = {"seed": self.seed, "strategy": name, "round": number, "annotated": len(annotated)}
            tables.append(table.assign(**about))
            if number < self.active.rounds:
                next_one = self.folder / name / f"round-{number + 1:02d}"
                pool = pool.with_annotated(self._chosen(next_one, here, pool, name))
        return pd.concat(tables, ignore_index=True)

    def scorers(self, here: Path, pool: Pool, watch: Watch) -> Scorers:
        """Those of the masks annotated in the round of the folder `here`."""
        return Scorers(pool, here / "scorer", self.options.segmenter, self.options.scorer, self.seed, watch)

    def _tested(self, here: Path, pool: Pool, name: str) -> pd.DataFrame:
        watch = named(self.watch, name)

        def test() -> Sequence[dict[str, Any]]:
            return list(self.cohort.exam.results(self._segmenter(here, pool, watch).label, watch))

        return table_at(here / "test.csv", test)

    def _segmenter(self, here: Path, pool: Pool, watch: Watch, more: int = 0) -> Segmenter:
        path = here / ("second.pt" if more else "segmenter.pt")
        return segmenter_at(path, pool.labelled, self.options.segmenter, self.seed + more, watch)

    def _chosen(self, here: Path, before: Path, pool: Pool, name: str) -> list[Mask]:
        """What is annotated for the round in the folder `here`, by the segmenter of the one in `before`."""
        path = here / "annotated.json"
        if not path.is_file():
            watch = named(self.watch, f"seed {self.seed}, {name}")
            qualities = self._qualities(here, before, pool, name, watch)
            write_json([list(mask) for mask in lowest(qualities, pool, self.active)], path)
        return [(scan, structure) for scan, structure in json.loads(path.read_text(encoding="utf-8"))]

    def _qualities(
        self, here: Path, before: Path, pool: Pool, name: str, watch: Watch
    ) -> Mapping[Mask, float]:
        scorers = self.scorers(before, pool, watch)

        def judge() -> Sequence[dict[str, Any]]:
            segmenter = self._segmenter(before, pool, watch)
            second = partial(self._segmenter, before, pool, watch, SECOND)
            state = State(segmenter, second, scorers, self.options.passes, self.seed)
            judge, offered, rows = JUDGES[name](state), set(pool.offered()), []
            scans = {scan for scan, _ in offered}
            for done, scan in enumerate(pool.unlabelled()):
                watch.step("judging", done, len(scans))
                found = judge.judge(scan, segmenter.label(scan))
                rows += [
                    {"scan": scan.name, "structure": structure, "quality": quality}
                    for structure, quality in found.items()
                    if (scan.name, structure) in offered
                ]
            return rows or [{"scan": "", "structure": 0, "quality": 0.0}]  # no mask at all: a head is kept

        table = table_at(here / "judged.csv", judge)
        if before.name != "start":  # whose masks serve all strategies
            scorers.forget_the_masks()
        columns = (table[name].tolist() for name in ("scan", "structure", "quality"))
        return {(str(scan), int(one)): float(quality) for scan, one, quality in zip(*columns, strict=True)}


def lowest(qualities: Mapping[Mask, float], pool: Pool, active: ActiveOptions) -> list[Mask]:
    """The masks of the `budget` units on offer with the lowest quality: of a mask, or the mean over the masks
    of a patient. Masks and patients without a prediction come last, in the order of the pool."""
    offered = pool.offered()
    if active.unit == "mask":
        return _first(offered, {mask: [qualities[mask]] for mask in offered if mask in qualities}, active)
    by_scan: dict[str, list[float]] = {}
    for (scan, structure), quality in qualities.items():
        if (scan, structure) in set(offered):
            by_scan.setdefault(scan, []).append(quality)
    chosen = _first(dict.fromkeys(scan for scan, _ in offered), by_scan, active)
    return [mask for mask in offered if mask[0] in set(chosen)]


def _first(units: Iterable[Any], found: Mapping[Any, Sequence[float]], active: ActiveOptions) -> list[Any]:
    def key(unit: Any) -> float:
        values = found.get(unit)
        return sum(values) / len(values) if values else float("inf")

    return sorted(units, key=key)[: active.budget]
