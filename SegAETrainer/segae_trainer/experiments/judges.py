"""Ways to say how good a predicted mask is, without its truth. A new one is a class here and a line in
`JUDGES`.

A judge gives each structure with a mask a number of 0..1, the higher the better.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from segae_trainer.data.sample import PSEUDO_LABEL, LabelledScan, Sample, box_of
from segae_trainer.data.synthetic_errors import dice
from segae_trainer.evaluate.methods import Estimates, Method, NetworkMethod
from segae_trainer.experiments.scorers import Scorers
from segae_trainer.experiments.segmenters import Segmenter

Qualities = dict[int, float]
Draws = Callable[[LabelledScan], Iterator[list[Tensor]]]  # by slice: probabilities (C, H, W) of each draw


class Judge(Protocol):
    """`judge` gets a scan without truth and the label indices (K, H, W) that a segmenter gave it."""

    def judge(self, scan: LabelledScan, labels: np.ndarray) -> Qualities: ...


class RandomJudge:
    """A number that means nothing."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def judge(self, scan: LabelledScan, labels: np.ndarray) -> Qualities:
        draw = np.random.default_rng([self._seed, *scan.name.encode()])
        return {structure: float(draw.random()) for structure in structures_in(labels)}


class Inconsistency:
    """Dice with the mask of a second network, which differs by its seed."""

    def __init__(self, second: Segmenter) -> None:
        self._second = second

    def judge(self, scan: LabelledScan, labels: np.ndarray) -> Qualities:
        other = self._second.label(scan)
        return {one: dice(labels == one, other == one) for one in structures_in(labels)}


class Certainty:
    """1 minus the mean entropy of the probabilities in the mask, as a share of the largest possible one; of
    several draws the mean probabilities count."""

    def __init__(self, draws: Draws, n_classes: int) -> None:
        self._draws, self._classes, self._largest = draws, n_classes, math.log(n_classes)

    def with_draws(self, draws: Draws) -> Certainty:
        """The same with other draws."""
        return Certainty(draws, self._classes)

    def judge(self, scan: LabelledScan, labels: np.ndarray) -> Qualities:
        found = structures_in(labels)
        total, count = dict.fromkeys(found, 0.0), dict.fromkeys(found, 0)
        for drawn, here in zip(self._draws(scan), labels, strict=True):
            mean = torch.stack(drawn).mean(dim=0)
            entropy = torch.special.entr(mean).sum(dim=0).numpy() / self._largest
            for structure in structures_in(here):
                inside = here == structure
                total[structure] += float(entropy[inside].sum())
                count[structure] += int(inside.sum())
        return {one: 1 - total[one] / count[one] for one in found}


class PredictedDice:
    """The Dice of the volume that a method predicts: from its areas where it gives them, else the mean of the
    slices."""

    def __init__(self, method: Method) -> None:
        self._method = method

    def judge(self, scan: LabelledScan, labels: np.ndarray) -> Qualities:
        return {one: self._dice(scan, labels == one, one) for one in structures_in(labels)}

    def _dice(self, scan: LabelledScan, mask: np.ndarray, structure: int) -> float:
        slices = np.flatnonzero(mask.any(axis=(1, 2))).tolist()
        samples = [
            Sample(scan, k, structure, mask[k], PSEUDO_LABEL, "segmenter", 0, box_of(mask[k])) for k in slices
        ]
        found = self._method.predict(samples)
        areas = np.array([sample.square_mm(sample.mask) for sample in samples])
        predicted = volume_dice(found, areas)
        return float(np.clip(predicted, 0, 1)) if math.isfinite(predicted) else 0.0


def volume_dice(found: Estimates, mask_mm2: np.ndarray) -> float:
    """Dice of a volume from estimates of all its slices; NaN when nothing was predicted."""
    overlap, organ = found.overlap_mm2, found.organ_mm2
    if np.isfinite(overlap).all():
        return 2 * float(overlap.sum()) / float(mask_mm2.sum() + organ.sum())
    return float(np.nanmean(found.predicted)) if np.isfinite(found.predicted).any() else math.nan


def structures_in(labels: np.ndarray) -> list[int]:
    """The structures with a mask."""
    return [int(one) for one in np.unique(labels) if one]


def one_pass(segmenter: Segmenter) -> Draws:
    """The probabilities as they are."""
    return lambda scan: ([one] for one in segmenter.probabilities(scan))


def dropout_passes(segmenter: Segmenter, passes: int, seed: int) -> Draws:
    """`passes` times with other channels left out (Gal & Ghahramani 2016)."""

    def draws(scan: LabelledScan) -> Iterator[list[Tensor]]:
        torch.manual_seed(seed)
        return _side_by_side(segmenter.probabilities(scan, dropout=True) for _ in range(passes))

    return draws


def by_members(segmenters: Iterable[Segmenter]) -> Draws:
    """Those of the members of an ensemble (Lakshminarayanan et al. 2017)."""
    members = tuple(segmenters)
    return lambda scan: _side_by_side(one.probabilities(scan) for one in members)


def _side_by_side(passes: Iterable[Iterator[Tensor]]) -> Iterator[list[Tensor]]:
    return (list(one) for one in zip(*passes, strict=True))


@dataclass(frozen=True)
class State:
    """What a judge can be made of: the `segmenter` that made the masks, a `second` one that differs by its
    seed, the `scorers` of the masks annotated so far, and `passes` of MC dropout."""

    segmenter: Segmenter
    second: Callable[[], Segmenter]
    scorers: Scorers
    passes: int
    seed: int


def _network(model: str, state: State) -> PredictedDice:
    path = getattr(state.scorers, model)()
    return PredictedDice(NetworkMethod(path, state.scorers.settings.device, model))


RANDOM, SEGAE = "random", "segae"
SECOND = 1000  # added to the seed of a second network
JUDGES: Mapping[str, Callable[[State], Judge]] = MappingProxyType(
    {
        RANDOM: lambda state: RandomJudge(state.seed),
        "inconsistency": lambda state: Inconsistency(state.second()),
        "entropy": lambda state: Certainty(one_pass(state.segmenter), 1 + len(state.segmenter.rows)),
        "mc-dropout": lambda state: Certainty(
            dropout_passes(state.segmenter, state.passes, state.seed), 1 + len(state.segmenter.rows)
        ),
        "mask-features": lambda state: PredictedDice(state.scorers.mask_features()),
        "published": lambda state: _network("published", state),
        SEGAE: lambda state: _network("segae", state),
    }
)
