"""The architectures by name, and the models that ship with SegAE."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from segae.errors import InputError, ModelError, way
from segae.files import resource
from segae.inputs.spec import InputSpec
from segae.models.spec import ModelSpec

if TYPE_CHECKING:
    from torch import Tensor, nn

ARCHITECTURES: Mapping[str, str] = {
    "segae-published": "segae.models.published",
    "segae-dense": "segae.models.dense",
}


def build_network(spec: ModelSpec) -> nn.Module:
    """A network with fresh weights for `spec`; raises `ModelError` for an unknown architecture or
    backbone."""
    if spec.architecture not in ARCHITECTURES:
        known = ", ".join(sorted(ARCHITECTURES))
        raise ModelError(
            f'Model "{spec.name}" has the architecture "{spec.architecture}", and this SegAE knows {known}; '
            "update SegAE or choose another model."
        )
    build: Callable[[ModelSpec], nn.Module] = _module(spec.architecture).build
    return build(spec)


def new_spec(name: str, architecture: str, backbone: str, text_dim: int, **more: Any) -> ModelSpec:
    """The description of a new model of a known architecture, with the outputs that the architecture declares
    and, unless `more` has another, its default input. `more`: further fields of `ModelSpec`."""
    declared = {"input": default_input(architecture), "outputs": declared_outputs(architecture)}
    return ModelSpec(name, architecture, backbone, text_dim, **(declared | more))


def backbones(architecture: str) -> tuple[str, ...]:
    """The sizes that a known architecture can be built in."""
    return tuple(_module(architecture).BACKBONES)


def default_input(architecture: str) -> InputSpec:
    """How networks of a known architecture see a slice unless told otherwise."""
    return _module(architecture).DEFAULT_INPUT


def declared_outputs(architecture: str) -> tuple[str, ...]:
    """What networks of a known architecture give beside the score: names of `ModelOutput`'s fields."""
    return tuple(_module(architecture).OUTPUTS)


def cpu_network(architecture: str, network: nn.Module) -> nn.Module | None:
    """`network` in the form that its architecture has for CPUs; None where it has none."""
    module = _module(architecture) if architecture in ARCHITECTURES else None
    make: Callable[[nn.Module], nn.Module | None] | None = getattr(module, "on_cpu", None)
    return None if make is None else make(network)


def renamed_weights(architecture: str, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The state dict of a file of format 1 under the names that parameters have today."""
    module = _module(architecture) if architecture in ARCHITECTURES else None
    prefixes: Mapping[str, str] = getattr(module, "OLD_KEYS", {})
    renamed = {}
    for key, value in weights.items():
        old = next((prefix for prefix in prefixes if key.startswith(prefix)), "")
        renamed[prefixes.get(old, "") + key.removeprefix(old)] = value
    return renamed


def _module(architecture: str) -> ModuleType:
    return import_module(ARCHITECTURES[architecture])


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
        f'There is no model "{model}"; '
        + way(
            f"give the path of a .safetensors file or a bundled name ({known}).",
            "choose another one under Advanced.",
        )
    )
