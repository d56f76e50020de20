"""Measures whether the event loop stays responsive."""

import time
from types import TracebackType

from PySide6 import QtCore

BEAT_MS = 5


class Heartbeat:
    """Context manager; `longest` is the longest time in seconds the event loop was not running inside it."""

    def __init__(self) -> None:
        self.longest = 0.0
        self._last = 0.0
        self._timer = QtCore.QTimer()
        self._timer.setInterval(BEAT_MS)
        self._timer.setTimerType(QtCore.Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._beat)

    def __enter__(self) -> "Heartbeat":
        self._last = time.perf_counter()
        self._timer.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: object, trace: TracebackType | None) -> None:
        self._beat()
        self._timer.stop()

    def _beat(self) -> None:
        now = time.perf_counter()
        self.longest = max(self.longest, now - self._last)
        self._last = now
