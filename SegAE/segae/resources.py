"""Where the files live that ship with the package: label tables and bundled models.

A source checkout and a Slicer extension keep them in `Resources/` beside the package; a wheel inside it.
"""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def resource_dir() -> Path:
    """The folder that holds `Labels/` and `Models/`."""
    inside = _PACKAGE / "resources"
    return inside if inside.is_dir() else _PACKAGE.parent / "Resources"


def resource(*parts: str) -> Path:
    """Path of one bundled file or folder, for example `resource("Labels", "structures.csv")`."""
    return resource_dir().joinpath(*parts)
