"""Other methods on the masks of a fold's tables: what the starter model must be better than."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from segae.errors import InputError
from segae.progress import Watch
from segae_trainer.data.mask_measures import dice
from segae_trainer.evaluate.baselines import fit_baseline
from segae_trainer.evaluate.methods import Estimates, LazyMasks, MaskSlice, Method, NetworkMethod, on_filled
from segae_trainer.pseudo_labels.small_unet import read_masks
from segae_trainer.starter import published_style
from segae_trainer.starter.figures import suites_of
from segae_trainer.starter.judged import (
    Judged,
    as_masks,
    label_maps,
    masks_of_rows,
    suite_masks,
    suite_table,
    taught_masks,
)
from segae_trainer.starter.plan import Plan
from segae_trainer.starter.results import read_tables, write_tables
from segae_trainer.starter.stages import text_vectors

if TYPE_CHECKING:
    import pandas as pd

    Tables = dict[str, pd.DataFrame]

PUBLISHED, FEATURES, AGREEMENT = published_style.NAME, "mask features", "agreement"
METHODS = (PUBLISHED, FEATURES, AGREEMENT)
MOST_MASKS = 8000  # that a method learns from
_CHUNK = 64


class Agreement:
    """The Dice between a mask and what a network that saw neither the mask nor the patient makes of the
    scan. `maps`: its label map (K, H, W) of each case."""

    name = AGREEMENT

    def __init__(self, maps: Mapping[str, np.ndarray]) -> None:
        self._maps = maps

    def predict(self, masks: Sequence[MaskSlice]) -> Estimates:
        """NaN for empty masks."""
        found = [dice(one.mask, self._maps[one.case][one.slice] == one.structure) for one in masks]
        return Estimates(np.where(on_filled(masks), found, np.nan))


@dataclass(frozen=True, eq=False)
class _Asked:
    """The masks of a fold's tables, the rows of each table, and the segmentations (K, H, W) that masks are
    from, by case and source."""

    tables: Mapping[str, pd.DataFrame]
    masks: Mapping[str, Sequence[Judged]]
    maps: Mapping[str, Mapping[str, np.ndarray]]


def baseline_tables(
    plan: Plan, training: str, rows: Collection[int], watch: Watch | None = None
) -> dict[str, Tables]:
    """The tables of each of `METHODS` in fold `training`, for structures `rows`; what the work folder holds
    is not done again. Raises `InputError` when the fold's own tables are not there."""
    done = {method: read_tables(plan, (training,), method) for method in METHODS}
    if all(done.values()):
        return done
    asked, learned = _asked(plan, training, rows), _some(taught_masks(plan, training), plan.recipe.seed)
    others = {case: _last(read_masks(plan.masks(training, case))) for case in asked.maps}
    makers: Mapping[str, Callable[[], Method]] = {
        PUBLISHED: lambda: NetworkMethod(
            published_style.train_published(
                learned,
                text_vectors(plan.work),
                plan.spec.input.size,
                plan.published_steps,
                plan.recipe.seed,
                watch,
            ),
            "cpu",
        ),
        FEATURES: lambda: fit_baseline(FEATURES, learned, seed=plan.recipe.seed, watch=watch),
        AGREEMENT: lambda: Agreement(others),
    }
    for method, make in makers.items():
        if not done[method]:
            found = _predicted(make(), asked, watch or Watch())
            done[method] = _with_volumes(found, asked, others) if method == AGREEMENT else found
            write_tables(done[method], plan, training, method)
    return done


def _asked(plan: Plan, training: str, rows: Collection[int]) -> _Asked:
    own, members = read_tables(plan, (training,)), {one.case: one for one in plan.tested(training)}
    if not own:
        raise InputError(f'The tables of "{training}" are not there; run the stage "{training}" first.')
    cases = {name: member.read(plan.data) for name, member in members.items()}
    maps = {name: label_maps(plan, case) for name, case in cases.items()}
    suite = [one for name, case in cases.items() for one in suite_masks(plan, members[name], case)]
    tables = suites_of(suite_table(suite), rows)
    masks = {name: [suite[place] for place in table.index] for name, table in tables.items()}
    for name in ("network", "fast"):
        if name in own:
            tables[name] = own[name]
            masks[name] = masks_of_rows(own[name], plan, members, maps)
            tables[f"{name} organs"] = own[f"{name} organs"]
    return _Asked(tables, masks, maps)


def _predicted(method: Method, asked: _Asked, watch: Watch) -> Tables:
    """The tables with the predictions of a method; an organ's is the mean of its slices."""
    found: Tables = {}
    for name, masks in asked.masks.items():
        lazy, parts = as_masks(masks), [np.empty(0)]
        for start in range(0, len(lazy), _CHUNK):
            parts.append(method.predict(list(lazy[start : start + _CHUNK])).predicted)
            watch.step(f"{method.name} on {name} masks", min(start + _CHUNK, len(lazy)), len(lazy))
        found[name] = asked.tables[name].assign(predicted=np.clip(np.concatenate(parts), 0, 1))
        if f"{name} organs" in asked.tables:
            found[f"{name} organs"] = _by_organ(asked.tables[f"{name} organs"], found[name])
    return found


def _by_organ(organs: pd.DataFrame, slices: pd.DataFrame) -> pd.DataFrame:
    keys = ["case", "source", "structure_index"]
    means = slices.groupby(keys, as_index=False).agg(predicted=("predicted", "mean"))
    return organs.drop(columns="predicted").merge(means, on=keys, how="left")


def _with_volumes(tables: Tables, asked: _Asked, others: Mapping[str, np.ndarray]) -> Tables:
    """Organs by the Dice of their volumes."""
    found = dict(tables)
    for name in ("network organs", "fast organs"):
        if name in tables:
            keys = (tables[name][column] for column in ("case", "source", "structure_index"))
            found[name] = tables[name].assign(
                predicted=[
                    dice(asked.maps[case][source] == row, others[case] == row)
                    for case, source, row in zip(*keys, strict=True)
                ]
            )
    return found


def _last(by_step: Mapping[int, np.ndarray]) -> np.ndarray:
    return by_step[max(by_step)]


def _some(masks: Sequence[Judged], seed: int) -> LazyMasks:
    """At most `MOST_MASKS` of them, in their order."""
    if len(masks) <= MOST_MASKS:
        return as_masks(masks)
    chosen = np.sort(np.random.default_rng(seed).choice(len(masks), MOST_MASKS, replace=False))
    return as_masks([masks[place] for place in chosen])
