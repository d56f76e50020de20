"""The folder of one training: its files, its state, its checkpoints, and how it is stopped."""

from __future__ import annotations

import io
import json
import os
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, Literal

from segae.errors import InputError, OutputError
from segae.files import reason, whole_file, write_json

# What may lie in a run folder while config.json is not written yet; the panel in Slicer writes there too.
_BEFORE_CONFIG = {"names.safetensors", "versions.json", "state.json", "stop", "panel.json", "panel.log"}


@dataclass(frozen=True)
class RunFolder:
    """Everything that a training writes lies below `path`."""

    path: Path

    @property
    def config(self) -> Path:
        """The settings, resolved, and what it started from."""
        return self.path / "config.json"

    @property
    def versions(self) -> Path:
        return self.path / "versions.json"

    @property
    def names(self) -> Path:
        """The vectors of the names."""
        return self.path / "names.safetensors"

    @property
    def metrics(self) -> Path:
        return self.path / "metrics.csv"

    @property
    def state(self) -> Path:
        return self.path / "state.json"

    @property
    def curves(self) -> Path:
        return self.path / "curves.png"

    @property
    def last(self) -> Path:
        """Where the training goes on."""
        return self.path / "checkpoints" / "last.ckpt"

    @property
    def best(self) -> Path:
        """The epoch with the highest LCC so far."""
        return self.path / "checkpoints" / "best.ckpt"

    @property
    def model(self) -> Path:
        return self.path / "model.safetensors"

    @property
    def calibration(self) -> Path:
        """What `segae-train calibrate` found."""
        return self.path / "calibration.json"

    @property
    def stop(self) -> Path:
        """A training that finds this file ends after its step."""
        return self.path / "stop"

    @property
    def orders(self) -> Path:
        """The command that the panel in Slicer started it with."""
        return self.path / "panel.json"

    @property
    def log(self) -> Path:
        """What the processes that the panel started said."""
        return self.path / "panel.log"

    @property
    def evaluation(self) -> Path:
        """Folder of the evaluation."""
        return self.path / "evaluation"


@contextmanager
def locked(run: RunFolder) -> Iterator[None]:
    """Keeps a second training out, and removes half-written files of one that was killed; the lock goes with
    its process. Raises `OutputError` when there is a second one, or the folder cannot be written to, and
    `InputError` when it holds files of something else, which stay as they are."""
    from filelock import FileLock, Timeout

    _check_ours(run)
    try:
        run.path.mkdir(parents=True, exist_ok=True)
        lock = FileLock(run.path / ".lock", timeout=0)
        with lock:
            for leftover in run.path.rglob(".*.part"):
                leftover.unlink(missing_ok=True)
            yield
    except Timeout:
        raise OutputError(
            f'Another process is training in "{run.path}"; stop it first or choose another folder.'
        ) from None
    except (FileExistsError, NotADirectoryError, PermissionError) as error:
        raise OutputError(
            f'Cannot train in "{run.path}" ({reason(error)}); choose another folder.'
        ) from error


def _check_ours(run: RunFolder) -> None:
    """A folder with files but without ours was not begun by a training."""
    if not run.path.is_dir() or run.config.is_file():
        return
    names = {path.name for path in run.path.iterdir()} - _BEFORE_CONFIG
    if not all(name.startswith(".") and name.endswith((".part", ".lock")) for name in names):
        raise InputError(f'"{run.path}" holds other files; choose a new folder for the training.')


def read_config(run: RunFolder) -> dict[str, Any] | None:
    """What the folder was begun with, None when nothing was. Raises `InputError` for a damaged file."""
    if not run.config.is_file():
        return None
    try:
        config = json.loads(run.config.read_text(encoding="utf-8"))
        if not isinstance(config["learning"], dict):
            raise TypeError
    except (OSError, ValueError, KeyError, TypeError):
        raise InputError(f'"{run.config}" is damaged; choose another run folder.') from None
    return config


def check_same(run: RunFolder, begun: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    """Raises `InputError` naming the first setting in which `wanted` differs from what `run` was begun
    with."""
    for path, before, now in _differences(begun, wanted):
        raise InputError(
            f'"{run.path}" was begun with {path} = {before!r}, and now it is {now!r}; go on with the same '
            "settings or choose another run folder."
        )


def _differences(
    begun: Mapping[str, Any], wanted: Mapping[str, Any], prefix: str = ""
) -> Iterator[tuple[str, Any, Any]]:
    for key in [*wanted, *(key for key in begun if key not in wanted)]:
        before, now = begun.get(key), wanted.get(key)
        if isinstance(before, Mapping) and isinstance(now, Mapping):
            yield from _differences(before, now, f"{prefix}{key}.")
        elif before != now:
            yield f"{prefix}{key}", before, now


State = Literal["running", "finished", "stopped", "failed"]
_BEAT = 5.0  # seconds


class StateFile:
    """Tells the state as it changes, and that the training is alive every few seconds. Times are seconds
    since 1970."""

    def __init__(self, path: Path, epochs: int, epoch: int = 0) -> None:
        self.path, self.epochs, self.epoch = path, epochs, epoch
        self._started = time.time()
        self._told = 0.0

    def running(self, epoch: int, message: str = "") -> None:
        """`epoch` epochs are done."""
        self.epoch = epoch
        self._write("running", message)

    def beat(self) -> None:
        """Called often; writes now and then."""
        if time.monotonic() - self._told > _BEAT:
            self._write("running", "")

    def ended(self, state: State, message: str = "") -> None:
        """A full disk must not hide the reason for which the training ends."""
        with suppress(OutputError):
            self._write(state, message)

    def _write(self, state: State, message: str) -> None:
        content = {
            "state": state,
            "pid": os.getpid(),
            "started": self._started,
            "epoch": self.epoch,
            "epochs": self.epochs,
            "message": message,
            "heartbeat": time.time(),
        }
        write_json(content, self.path)
        self._told = time.monotonic()


_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class StopSwitch:
    """On once `file` exists, or a signal came."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.signalled = False

    @property
    def on(self) -> bool:
        return self.signalled or self._file.exists()


@contextmanager
def stop_switch(file: Path) -> Iterator[StopSwitch]:
    """A switch that Ctrl-C and SIGTERM turn on, so that a training ends after its step; the second Ctrl-C
    interrupts at once. A file left from an earlier request is removed."""
    file.unlink(missing_ok=True)
    switch = StopSwitch(file)
    if threading.current_thread() is not threading.main_thread():  # signals reach the main thread only
        yield switch
        return

    def hear(number: int, frame: FrameType | None) -> None:
        switch.signalled = True
        signal.signal(signal.SIGINT, signal.default_int_handler)

    before = {number: signal.signal(number, hear) for number in _SIGNALS}
    try:
        yield switch
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        file.unlink(missing_ok=True)


def keep(content: dict[str, Any], path: Path) -> None:
    """Write tensors and plain values; the file is replaced as a whole. Raises `OutputError`."""
    import torch

    buffer = io.BytesIO()  # written in one go: a full disk is then an OSError and not torch's own error
    torch.save(content, buffer)
    with whole_file(path) as stream:
        stream.write(buffer.getbuffer())


def kept(path: Path) -> dict[str, Any]:
    """What `keep` wrote, on the CPU. Raises `InputError` when the file is damaged."""
    import torch

    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # damaged bytes make unpickling raise anything
        raise InputError(f'"{path}" is damaged; remove it to begin anew.') from error
