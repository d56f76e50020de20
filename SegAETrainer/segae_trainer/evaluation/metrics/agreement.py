"""Agreement after Bland and Altman (Lancet 1986): the spread of predicted minus true Dice."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Limits:
    """Mean difference, and the limits between which 95 % of normally distributed differences lie. `slope`: by
    how much the difference grows per unit of the mean of both, NaN where that does not vary."""

    n: int
    bias: float
    low: float
    high: float
    slope: float


def limits_of_agreement(predicted: np.ndarray, truth: np.ndarray) -> Limits:
    """bias -/+ 1.96 standard deviations (n - 1); NaN below two rows."""
    difference, middle = predicted - truth, (predicted + truth) / 2
    n = len(difference)
    bias = float(difference.mean()) if n else float("nan")
    spread = 1.96 * float(difference.std(ddof=1)) if n > 1 else float("nan")
    varies = n > 1 and np.ptp(middle) > 1e-9
    slope = float(np.polyfit(middle, difference, 1)[0]) if varies else float("nan")
    return Limits(n, bias, bias - spread, bias + spread, slope)
