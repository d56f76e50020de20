"""The architectures by name. A new one is a new file and a new line here.

An architecture is a file with `BACKBONES`, the sizes it comes in, and `build(spec) -> torch.nn.Module`, whose
forward takes images (B, channels, S, S) and text vectors (B, text_dim), and the numbers (B, CONTEXT) of
`segae.scoring.context` when its spec asks for them, and returns a `Prediction`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import TYPE_CHECKING

from segae.errors import ModelError
from segae.models.spec import ModelSpec

if TYPE_CHECKING:
    from torch import nn

ARCHITECTURES: Mapping[str, str] = {
    "segae-published": "segae.models.published",
    "segae-dense": "segae.models.dense",
}


def build_network(spec: ModelSpec) -> nn.Module:
    """A network with fresh weights for `spec`; raises `ModelError` for an unknown architecture or
    backbone."""
    module = ARCHITECTURES.get(spec.architecture)
    if module is None:
        known = ", ".join(sorted(ARCHITECTURES))
        raise ModelError(
            f'Model "{spec.name}" has the architecture "{spec.architecture}", and this SegAE knows {known}; '
            "update SegAE or choose another model."
        )
    build: Callable[[ModelSpec], nn.Module] = import_module(module).build
    return build(spec)


def backbones(architecture: str) -> tuple[str, ...]:
    """The sizes that a known architecture can be built in."""
    return tuple(import_module(ARCHITECTURES[architecture]).BACKBONES)
