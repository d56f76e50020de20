"""Brings published weights into SegAE's form, in a child process, as it needs torch."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import segae
from segae.errors import ModelError
from SegAELib.app.worker.environment import child_environment, python_executable

_REFUSED = 65  # exit code of the child for files that cannot be used; its sentence is on stderr
_CODE = f"""
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from segae.errors import SegAEError
from segae.models.checkpoint import save_checkpoint
from segae.models.importing import import_published
weights, embeddings, out = map(Path, sys.argv[2:])
try:
    save_checkpoint(import_published(weights, embeddings), out)
except SegAEError as error:
    print(error, file=sys.stderr)
    sys.exit({_REFUSED})
"""


class ModelImport:
    """One import at a time; ask `poll` until it calls `on_done` with the new file. No Qt."""

    def __init__(self, on_done: Callable[[Path], None]) -> None:
        self._on_done = on_done
        self._process: subprocess.Popen[str] | None = None
        self._out = Path()

    @property
    def running(self) -> bool:
        return self._process is not None

    def start(self, weights: Path, embeddings: Path, out: Path) -> None:
        """Begin; raises `ModelError` when the child cannot be started."""
        assert segae.__file__ is not None
        root = str(Path(segae.__file__).resolve().parents[1])
        command = [python_executable(), "-c", _CODE, root, str(weights), str(embeddings), str(out)]
        self._out = out
        try:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                text=True, errors="replace", env=child_environment(os.environ),
            )  # fmt: skip
        except OSError as error:
            raise ModelError(
                f"Python cannot be started for it ({error}); install Slicer again."
            ) from error

    def poll(self) -> None:
        """Raises `ModelError` with the reason when the import failed."""
        if self._process is None or self._process.poll() is None:
            return
        process, self._process = self._process, None
        _, said = process.communicate()
        if process.returncode == 0:
            self._on_done(self._out)
            return
        last = (said.strip().splitlines() or ["no message"])[-1]
        if process.returncode == _REFUSED:
            raise ModelError(last)
        raise ModelError(f"The import ended with code {process.returncode} ({last}); check the packages.")

    def close(self) -> None:
        """Stop an import that is running."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None
