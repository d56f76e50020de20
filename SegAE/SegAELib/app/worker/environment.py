"""How the child is called, and which variables it gets."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

import segae.worker

# Set for the parent's own Python, or by someone who debugs it: a child of another Python dies of them, or
# waits for input at its end. PythonSlicer sets what it needs by itself.
_NOT_FOR_CHILDREN = (
    "PYTHONHOME",
    "PYTHONEXECUTABLE",
    "__PYVENV_LAUNCHER__",
    "PYTHONSTARTUP",
    "PYTHONINSPECT",
    "PYTHONWARNINGS",
)


def python_executable() -> str:
    """PythonSlicer where there is one on the path, as inside the application, else the running Python."""
    return shutil.which("PythonSlicer") or sys.executable


def child_environment(inherited: Mapping[str, str]) -> dict[str, str]:
    """The variables of this process with `segae` in front of PYTHONPATH and UTF-8 for names with accents."""
    kept = {name: value for name, value in inherited.items() if name not in _NOT_FOR_CHILDREN}
    paths = [str(_package().parents[1]), *filter(None, [inherited.get("PYTHONPATH")])]
    return {**kept, "PYTHONPATH": os.pathsep.join(paths), "PYTHONUTF8": "1", "PYTHONIOENCODING": "utf-8"}


def child_command(executable: str, scratch: Path) -> list[str]:
    """The child's command line; it is given by its path because a launcher may replace PYTHONPATH."""
    return [executable, str(_package() / "__main__.py"), str(scratch)]


def _package() -> Path:
    """The folder of `segae.worker`."""
    assert segae.worker.__file__ is not None
    return Path(segae.worker.__file__).resolve().parent
