"""Numbers as the page shows them."""

from __future__ import annotations

import math

NOT_DEFINED = "not defined"


def number(value: float, digits: int = 3, signed: bool = False) -> str:
    """Three digits after the point; "not defined" for NaN. A value that rounds to zero has no sign."""
    if not math.isfinite(value):
        return NOT_DEFINED
    rounded = round(value, digits) + 0.0  # -0.0 becomes 0.0
    return f"{rounded:{'+' if signed and rounded else ''}.{digits}f}"


def interval(low: float, high: float) -> str:
    """ "0.812 to 0.931"; "" where there is none."""
    return f"{number(low)} to {number(high)}" if math.isfinite(low) and math.isfinite(high) else ""
