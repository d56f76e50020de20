"""How a network sees a slice: the part of a model's description that decides its input.

Nothing here needs torch, so that a model file can be described without loading it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from segae.geometry.orientation import check_code


@dataclass(frozen=True)
class CropRule:
    """How a crop is placed round the mask of one slice.

    `kind` "margin": the mask's box widened by `pixels`, then squared up as the published code does.
    `kind` "context": a square of `scale` times the box's longer side plus `millimetres`, centred on the box.
    """

    kind: str
    pixels: int = 0
    scale: float = 1.0
    millimetres: float = 0.0

    def __post_init__(self) -> None:
        if self.kind not in ("margin", "context"):
            raise ValueError(f'there is no crop rule "{self.kind}"')


PUBLISHED_CROP = CropRule("margin", pixels=20)


@dataclass(frozen=True)
class InputSpec:
    """What a network is shown of a slice. The defaults are those of the published network.

    `size`: pixels along a side of the square image. `crop`: the part of the slice that it shows.
    `hu_windows`: one (low, high) pair in HU per CT channel; a channel is scaled to 0..1.
    `neighbours_mm`: distances along z at which further slices of the CT are shown, each with all HU windows.
    `context_view`: one more channel before the mask shows the CT in a square this many times as long as the
    crop, scaled from `context_view_hu`; 0 for none. `position_features`: the numbers of
    `segae.inputs.position` come along. `orientation`: the axis order in which slices are seen, or "file" for
    the order of the file. `ct_mean`, `ct_std`, `mask_mean`, `mask_std` normalise the channels after scaling.
    """

    size: int = 256
    crop: CropRule = PUBLISHED_CROP
    hu_windows: tuple[tuple[float, float], ...] = ((-200.0, 200.0),)
    neighbours_mm: tuple[float, ...] = ()
    context_view: float = 0.0
    context_view_hu: tuple[float, float] = (-1000.0, 500.0)  # lungs, fat, soft tissue and bone differ
    position_features: bool = False
    orientation: str = "LAS"
    ct_mean: float = 0.5
    ct_std: float = 0.25
    mask_mean: float = 0.5
    mask_std: float = 0.5

    @property
    def ct_channels(self) -> int:
        """Channels that show CT: one per HU window and slice, then the context view."""
        return len(self.hu_windows) * (1 + len(self.neighbours_mm)) + bool(self.context_view)

    @property
    def channels(self) -> int:
        """Channels of the network's input: those of the CT, then the mask."""
        return self.ct_channels + 1

    def size_with_room(self, room: float) -> int:
        """Pixels along a side of an image `room` times as long as the crop, with the same millimetres per
        pixel; its middle `size` pixels are exactly the network's input."""
        return self.size + 2 * round(self.size * (room - 1) / 2)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> InputSpec:
        """From JSON values, as `dataclasses.asdict` gives them; unknown names are passed over.

        Raises `KeyError`, `TypeError`, `ValueError` or `InputError` for values that describe no input.
        """
        known = {name: values[name] for name in cls.__dataclass_fields__ if name in values}
        known["crop"] = CropRule(**known["crop"])
        known["hu_windows"] = tuple(_pair(window) for window in known["hu_windows"])
        known["neighbours_mm"] = tuple(known.get("neighbours_mm", ()))
        if "context_view_hu" in known:
            known["context_view_hu"] = _pair(known["context_view_hu"])
        spec = cls(**known)
        check_code(spec.orientation)
        if spec.context_view and not 1 <= spec.context_view < math.inf:
            raise ValueError(f"a context view {spec.context_view} times as long as the crop")
        if spec.size < 1:
            raise ValueError("lengths must be positive")
        return spec


def _pair(values: Any) -> tuple[float, float]:
    low, high = values
    return float(low), float(high)
