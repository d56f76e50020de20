"""Who may ask a training to stop, and how it hears of it."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

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
