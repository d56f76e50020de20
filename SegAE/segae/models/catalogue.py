"""The models that ship with SegAE, by name."""

from __future__ import annotations

from pathlib import Path

from segae.errors import InputError
from segae.resources import resource

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
