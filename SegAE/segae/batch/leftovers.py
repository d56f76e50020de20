"""What a process that was killed while it wrote has left behind."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from segae.errors import OutputError
from segae.whole_file import reason

_PART = re.compile(r"\.(?P<name>.+)\.[0-9a-f]{32}\.part", re.DOTALL)  # as `whole_file` names them
_KEPT = 100  # characters of the name


def remove_leftovers(paths: Iterable[Path]) -> None:
    """Remove half-written versions of these files, and nothing else; raises `OutputError` when that fails."""
    paths = tuple(paths)
    names = {(path.parent, path.name[:_KEPT]) for path in paths}
    for folder in {path.parent for path in paths}:
        for part in folder.glob(".*.part"):
            match = _PART.fullmatch(part.name)
            if match is not None and (folder, match["name"]) in names:
                remove(part)


def remove(path: Path) -> None:
    """Remove a file, if it is there; raises `OutputError` when it stays."""
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(f"Cannot remove {path} ({reason(error)}); choose another folder.") from error
