"""The four sizes of STU-Net, without torch, so that options can be checked before it is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class Size:
    """`width`: channels of the first stage; `depth`: residual blocks of each stage."""

    width: int
    depth: int

    @property
    def channels(self) -> tuple[int, ...]:
        """Channels of the six stages."""
        return tuple(self.width * factor for factor in (1, 2, 4, 8, 16, 16))


SIZES: Mapping[str, Size] = MappingProxyType(
    {"S": Size(16, 1), "B": Size(32, 1), "L": Size(64, 2), "H": Size(96, 3)}
)
