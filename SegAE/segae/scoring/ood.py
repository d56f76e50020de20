"""Whether pictures look like those that a model was trained on.

A network gives a score for anything. Simple measures of its CT channels that lie outside of the range seen in
training tell another kind of picture: an MR, another kernel or dose, metal, a part of the body never shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from segae.finding import Finding
from segae.inputs.spec import InputSpec

MEASURES = ("mean", "spread", "dark", "bright", "edges")
UNLIKE_SHARE = 0.5  # of a mask's slices outside of the range: then its score is not reliable
_TAIL = 0.002  # of the training's slices that may lie outside, on either side of each measure
_DARK, _BRIGHT = 0.02, 0.98  # of a channel's range


def image_measures(images: Tensor, spec: InputSpec) -> Tensor:
    """Measures (n, 5) of network inputs (n, channels, S, S): mean, standard deviation, share of pixels at the
    lower and at the upper end of the first HU window, and mean difference of neighbouring pixels."""
    ct = images[:, 0] * spec.ct_std + spec.ct_mean
    flat = ct.flatten(1)
    edges = (ct.diff(dim=1).abs().mean(dim=(1, 2)) + ct.diff(dim=2).abs().mean(dim=(1, 2))) / 2
    dark, bright = (flat < _DARK).float().mean(dim=1), (flat > _BRIGHT).float().mean(dim=1)
    return torch.stack((flat.mean(dim=1), flat.std(dim=1), dark, bright, edges), dim=1)


def typical_range(measures: np.ndarray) -> dict[str, Any]:
    """The table for `ModelSpec.typical` from measures (n, 5) of training pictures."""
    low, high = np.quantile(measures, [_TAIL, 1 - _TAIL], axis=0)
    room = 0.05 * (high - low)
    return {
        name: [round(float(a), 5), round(float(b), 5)]
        for name, a, b in zip(MEASURES, low - room, high + room, strict=True)
    }


def unlike(measures: Tensor, typical: Mapping[str, Any]) -> Tensor:
    """Which of n pictures lie outside of the range in at least one measure (n,); none when nothing is known
    of the training."""
    if not typical:
        return torch.zeros(len(measures), dtype=torch.bool)
    low, high = torch.tensor([typical[name] for name in MEASURES], device=measures.device).unbind(dim=1)
    return ((measures < low) | (measures > high)).any(dim=1)


def unlike_findings(segments: Mapping[str, Sequence[bool]], model: str) -> tuple[Finding, ...]:
    """Findings UNLIKE_TRAINING from what `unlike` says of the slices of each segment: one for the case when
    it holds for most of the masks, else one for each mask of which it holds."""
    told = [name for name, odd in segments.items() if sum(odd) >= UNLIKE_SHARE * len(odd)]
    if len(told) > 1 and len(told) >= UNLIKE_SHARE * len(segments):
        text = (
            f'The CT looks unlike the pictures that model "{model}" was trained on; do not rely on its '
            "scores here."
        )
        return (Finding("UNLIKE_TRAINING", "warning", text),)
    return tuple(
        Finding(
            "UNLIKE_TRAINING",
            "warning",
            f'The CT round segment "{name}" looks unlike the pictures that model "{model}" was trained on; '
            "do not rely on its score.",
            (name,),
        )
        for name in told
    )
