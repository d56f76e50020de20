"""What a case is called when nobody says it."""

from __future__ import annotations

from pathlib import Path

from segae.io.image import stem

_UNTELLING = {"ct", "image", "volume"}


def case_name(ct: str | Path) -> str:
    """A case's name from the path of its CT: the folder's where the file is called just "ct", else the
    file's."""
    path = Path(ct)
    name = path.name if path.is_dir() else stem(path)
    return path.parent.name or name if name.lower() in _UNTELLING else name or "case"
