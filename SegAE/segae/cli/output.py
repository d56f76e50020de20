"""Whether results can be written, asked before the work and not after it."""

from __future__ import annotations

import os
from pathlib import Path

from segae.errors import OutputError


def check_folder(out: Path) -> None:
    """Raises `OutputError` when `out` is no folder and cannot become one, or cannot be written to. Nothing is
    made yet, so that bad input leaves no empty folder behind."""
    absolute = out.absolute()
    nearest = next(path for path in (absolute, *absolute.parents) if path.exists())
    if not nearest.is_dir():
        raise OutputError(f'Results cannot go to "{out}": "{nearest}" is a file; choose another folder.')
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise OutputError(
            f'Results cannot go to "{out}": no permission to write in "{nearest}"; choose another folder.'
        )
