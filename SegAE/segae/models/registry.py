"""The architectures by name. A new one is a new file and a new line here.

An architecture is a file with `build(spec) -> torch.nn.Module`, whose forward takes images (B, channels, S,
S) and text vectors (B, text_dim) and returns a `Prediction`.
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
