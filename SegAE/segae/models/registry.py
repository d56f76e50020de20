"""The architectures by name, and the models that ship with SegAE."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from segae.errors import InputError, ModelError
from segae.files import resource
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


BUNDLED = "bundled"
DEFAULT_MODEL = "segae-starter"


def bundled_models() -> tuple[Path, ...]:
    """The weights files in `Resources/Models`, sorted by name."""
    return tuple(sorted(resource("Models").glob("*.safetensors")))


def find_model(model: str | Path) -> Path:
    """Path of a model given by file, by bundled name, or as "bundled" for the default.

    Raises `InputError` with the known names when there is none.
    """
    path = Path(model)
    if path.is_file():
        return path
    name = DEFAULT_MODEL if str(model) == BUNDLED else str(model)
    by_name = {path.stem: path for path in bundled_models()}
    if name in by_name:
        return by_name[name]
    known = ", ".join(by_name) or "none"
    raise InputError(
        f'There is no model "{model}": give the path of a .safetensors file or a bundled name ({known}).'
    )
