"""What a network says about a batch of slices."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields

import torch
from torch import Tensor
from torch.nn import functional

_PEAK = 3  # pixels over which presence is smoothed


@dataclass(frozen=True, eq=False)
class ModelOutput:
    """`score` (B,): raw score, unbounded. The rest only from the architectures that declare it.

    `error_map` (B, 2, S, S): probabilities of missing and extra pixels in the crop. `areas` (B, 2): mask and
    organ together, and organ in the whole slice, in pixels of the crop. `presence` (B,): 0..1, the organ's
    highest probability in the crop, smoothed.
    """

    score: Tensor
    error_map: Tensor | None = None
    areas: Tensor | None = None
    presence: Tensor | None = None

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """Names of all outputs, the score first."""
        return tuple(field.name for field in fields(cls))

    def present(self) -> dict[str, Tensor]:
        """The outputs that are there, by name."""
        return {name: value for name in self.names() if (value := getattr(self, name)) is not None}

    def mapped(self, change: Callable[[Tensor], Tensor]) -> ModelOutput:
        """The same outputs, each changed by `change`."""
        return ModelOutput(**{name: change(value) for name, value in self.present().items()})

    @classmethod
    def concatenate(cls, parts: Sequence[ModelOutput]) -> ModelOutput:
        """Outputs of consecutive parts of a batch as one; at least one part."""
        if len(parts) == 1:
            return parts[0]
        names = parts[0].present()
        return cls(**{name: torch.cat([getattr(part, name) for part in parts]) for name in names})


def presence_of(organ: Tensor) -> Tensor:
    """The highest probability (B,) in maps (B, S, S), smoothed over a few pixels."""
    return functional.avg_pool2d(organ[:, None], _PEAK, 1).amax(dim=(1, 2, 3))
