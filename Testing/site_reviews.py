"""What reviewers of a site decided, made up: for tests of all that learns from reviews."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from segae.models.checkpoint import file_sha256, read_spec
from segae.models.registry import find_model
from segae.models.spec import ModelSpec
from segae.results.reviews import Review, ReviewedSlice
from segae.scoring.calibration import ORGAN, calibrated

MODEL = find_model("bundled")
SHA256 = file_sha256(MODEL)
LIVER, SPLEEN = 13, 20
AREA = 2000.0


def reviewed(cases: int = 12, masks: int = 8, *, too_high: float = 0.2, seed: int = 0) -> list[Review]:
    """Decisions at a site whose masks are all `too_high` less right than the model says."""
    rng, spec = np.random.default_rng(seed), read_spec(MODEL)
    found = []
    for case in range(cases):
        for mask in range(masks):
            raw = float(rng.uniform(0.2, 1.0))
            shown = float(calibrated(np.array([raw]), spec.intervals, ORGAN)[0])
            dice = float(np.clip(shown - too_high + rng.normal(0, 0.05), 0, 1))
            slices = tuple(_slice(k, raw, too_high, spec, rng) for k in range(6))
            accepted = dice > 0.7
            if accepted:
                dice, slices = 1.0, tuple(replace(one, dice=1.0) for one in slices)
            found.append(
                Review(
                    f"case {case}", f"mask {mask}", LIVER if mask % 2 else SPLEEN,
                    "accept" if accepted else "corrected", "Ann", f"2026-01-01T10:{mask:02d}:00+00:00",
                    model_sha256=SHA256, raw_dice=raw, predicted_dice=shown, volume_mm3=200_000.0,
                    dice=dice, slices=slices,
                )
            )  # fmt: skip
    return found


def _slice(k: int, raw: float, too_high: float, spec: ModelSpec, rng: np.random.Generator) -> ReviewedSlice:
    score = float(np.clip(raw + rng.normal(0, 0.05), 0, 1))
    shown = float(calibrated(np.array([score]), spec.intervals)[0])
    return ReviewedSlice(k, score, AREA, float(np.clip(shown - too_high + rng.normal(0, 0.05), 0, 1)))
