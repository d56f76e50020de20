"""What the results say: means with intervals over patients and seeds, and whether the paper's claims hold."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from segae_trainer.evaluate.evaluation import FEW_PATIENTS, percentile_interval
from segae_trainer.experiments.cost import PAPER
from segae_trainer.experiments.judges import RANDOM, SEGAE

if TYPE_CHECKING:
    import pandas as pd

MEASURES = {"dice": "Dice", "nsd": "Surface Dice"}
RESAMPLES = 2000
NO_WORSE = 0.005  # Dice: less than this is no loss
Verdict = Literal["holds", "does not hold", "not decided with these patients"]


@dataclass(frozen=True)
class Mean:
    """A mean over `patients` and its 95 % interval, NaN for a single patient."""

    value: float
    low: float
    high: float
    patients: int

    def __str__(self) -> str:
        interval = f" ({self.low:.3f} to {self.high:.3f})" if math.isfinite(self.low) else ""
        return f"{self.value:.3f}{interval}"


@dataclass(frozen=True)
class Claim:
    """`text`: what is claimed; `evidence`: what was measured, one sentence."""

    text: str
    verdict: Verdict
    evidence: str

    def __str__(self) -> str:
        return f"{self.text}: {self.verdict}. {self.evidence}"


def where(table: pd.DataFrame, **values: Any) -> pd.DataFrame:
    """The rows with these values in the columns of these names."""
    chosen = np.ones(len(table), bool)
    for column, value in values.items():
        chosen &= (table[column] == value).to_numpy(bool)
    return table.loc[chosen]


def by_seed_and_patient(table: pd.DataFrame, measure: str) -> pd.DataFrame:
    """Means over the masks of each patient: a row for each seed, a column for each patient."""
    known = table.dropna(subset=[measure])
    return known.pivot_table(measure, "seed", "patient", "mean").dropna(axis=1)


def mean_of(values: pd.DataFrame, seed: int = 2026) -> Mean:
    """The mean over seeds and patients, both of which are drawn anew, independently of each other, for the
    interval (Owen 2007)."""
    array = values.to_numpy(float)
    if not array.size:
        return Mean(math.nan, math.nan, math.nan, 0)
    n_seeds, n_patients = array.shape
    if n_patients < 2:
        return Mean(float(array.mean()), math.nan, math.nan, n_patients)
    draw = np.random.default_rng(seed)
    seeds = draw.multinomial(n_seeds, np.full(n_seeds, 1 / n_seeds), RESAMPLES) / n_seeds
    patients = draw.multinomial(n_patients, np.full(n_patients, 1 / n_patients), RESAMPLES) / n_patients
    replicates = np.einsum("rs,sp,rp->r", seeds, array, patients)
    low, high = percentile_interval(replicates[:, None])[0]
    return Mean(float(array.mean()), float(low), float(high), n_patients)


def difference(one: pd.DataFrame, other: pd.DataFrame, measure: str) -> Mean:
    """Mean paired difference of two tables with the same seeds and patients."""
    a, b = by_seed_and_patient(one, measure), by_seed_and_patient(other, measure)
    return mean_of((a - b).dropna(axis=0, how="all").dropna(axis=1))


def _decided(found: Mean, bound: float = 0.0) -> Verdict:
    if found.patients < FEW_PATIENTS:  # their interval is no interval
        return "not decided with these patients"
    if found.low > bound:
        return "holds"
    return "does not hold" if found.high < bound else "not decided with these patients"


def active_claims(table: pd.DataFrame) -> list[Claim]:
    """That ranking by predicted quality saves a third of the annotation, and is better than chance."""
    rounds = sorted(set(table["round"].tolist()))
    if not {RANDOM, SEGAE} <= set(table["strategy"]) or len(rounds) < 2:
        return []
    last = rounds[-1]
    ours, chance = where(table, strategy=SEGAE), where(table, strategy=RANDOM)
    claims = []
    if last >= 3:  # else no round has spent two thirds of the annotation
        early = last * 2 // 3
        found = difference(where(ours, round=early), where(chance, round=last), "dice")
        claims.append(
            Claim(
                "Ranking by predicted Dice saves a third of the annotation",
                _decided(found, -NO_WORSE),
                f"After {early} of {last} rounds it gave a Dice that differs by {found} from random choice "
                f"after all {last}; it holds when the interval lies above -{NO_WORSE}.",
            )
        )
    later, by_chance = (one.loc[one["round"] > 0] for one in (ours, chance))
    found = difference(later, by_chance, "dice")
    claims.append(
        Claim(
            "Ranking by predicted Dice is better than random choice",
            _decided(found),
            f"Over all rounds the Dice differs by {found}.",
        )
    )
    return claims


def semi_claims(table: pd.DataFrame) -> list[Claim]:
    """That pseudo labels chosen by predicted Dice teach better than those chosen by uncertainty."""
    ours = where(table, filter=SEGAE)
    others = {"mc-dropout": "MC dropout", "entropy": "entropy", RANDOM: "random choice"}
    claims = []
    for name, spoken in others.items():
        theirs = where(table, filter=name)
        if len(ours) and len(theirs):
            found = difference(ours, theirs, "dice")
            claims.append(
                Claim(
                    f"Pseudo labels chosen by predicted Dice are better than those chosen by {spoken}",
                    _decided(found),
                    f"The Dice of the segmenter differs by {found}.",
                )
            )
    return claims


_COSTS: Sequence[tuple[str, str, Callable[[pd.DataFrame], float]]] = (
    ("time", "wall seconds", lambda rows: float(rows["wall_s"].mean())),
    ("memory", "peak memory", lambda rows: float(rows["peak_mb"].max())),
    ("disk", "disk", lambda rows: float(rows["disk_bytes"].mean())),
)


def cost_claims(table: pd.DataFrame) -> list[Claim]:
    """That judging by SegAE takes a fraction of the time, memory and disk of MC dropout."""
    ours, theirs = where(table, method=SEGAE), where(table, method="mc-dropout")
    if not (len(ours) and len(theirs)):
        return []
    claims = []
    for place, (what, spoken, of) in enumerate(_COSTS):
        ratio = of(theirs) / max(of(ours), 1e-9)
        paper = PAPER["mc-dropout"][place] / PAPER[SEGAE][place]
        shown = f"{ratio:.2g}" if ratio < 10 else f"{ratio:,.0f}"
        claims.append(
            Claim(
                f"SegAE needs {paper:,.0f} times less {what} than MC dropout",
                "holds" if ratio >= paper else "does not hold",
                f"Measured here: MC dropout needs {shown} times the {spoken} of SegAE.",
            )
        )
    return claims
