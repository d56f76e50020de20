"""Makes failures visible that Qt, VTK and Slicer only print.

An exception in a VTK observer or a Qt slot is printed and the program goes on (guide section 10, slicer-core
notes section 9); VTK errors and Qt warnings go to the console. Inside `Guard` all of them are collected, and
leaving it raises AssertionError with the list unless they were expected.
"""

import contextlib
import sys
import threading
import traceback
from collections.abc import Iterator
from types import TracebackType
from typing import Any

import vtk
from PySide6 import QtCore

HARMLESS_QT = ("This plugin does not support", "propagateSizeHints")
HARMLESS_VTK = (
    "GenericColors.txt",  # slicer-core ships no share files
    "can't be found",
)


class Guard:
    """Context manager; one at a time."""

    def __init__(self) -> None:
        self.failures: list[str] = []
        self._exceptions: list[BaseException] = []
        self._undo: list[Any] = []

    def __enter__(self) -> "Guard":
        hooks = (sys.excepthook, sys.unraisablehook, threading.excepthook)
        sys.excepthook = lambda kind, value, trace: self._exception(value)
        sys.unraisablehook = lambda problem: self._exception(problem.exc_value)
        threading.excepthook = lambda problem: self._exception(problem.exc_value)
        previous = QtCore.qInstallMessageHandler(self._qt_message)
        window = vtk.vtkOutputWindow.GetInstance()
        tag = window.AddObserver(vtk.vtkCommand.ErrorEvent, self._vtk_error_observer())
        self._undo = [hooks, previous, (window, tag)]
        return self

    def __exit__(self, kind: type[BaseException] | None, value: Any, trace: TracebackType | None) -> None:
        hooks, previous, (window, tag) = self._undo
        sys.excepthook, sys.unraisablehook, threading.excepthook = hooks
        QtCore.qInstallMessageHandler(previous)
        window.RemoveObserver(tag)
        if kind is None and self.failures:
            raise AssertionError(f"{len(self.failures)} swallowed failure(s):\n" + "\n".join(self.failures))

    @contextlib.contextmanager
    def expecting(self, kind: type[BaseException]) -> Iterator[list[BaseException]]:
        """Inside, only exceptions of `kind` may be swallowed, and at least one must; yields them."""
        before, known = len(self._exceptions), list(self.failures)
        caught: list[BaseException] = []
        yield caught
        caught.extend(self._exceptions[before:])
        if not caught or not all(isinstance(e, kind) for e in caught):
            raise AssertionError(f"expected a swallowed {kind.__name__}, got {caught}")
        self.failures[:] = known

    def _exception(self, value: BaseException | None) -> None:
        if value is not None:
            self._exceptions.append(value)
            self.failures.append("".join(traceback.format_exception(value)).rstrip())

    def _qt_message(self, kind: QtCore.QtMsgType, context: Any, text: str) -> None:
        quiet = (QtCore.QtMsgType.QtDebugMsg, QtCore.QtMsgType.QtInfoMsg)
        if kind not in quiet and not any(h in text for h in HARMLESS_QT):
            self.failures.append(f"Qt: {text}")

    def _vtk_error_observer(self) -> Any:
        def observe(caller: Any, event: str, text: str) -> None:
            if not any(h in text for h in HARMLESS_VTK):
                self.failures.append(f"VTK: {text.strip()}")

        observe.CallDataType = vtk.VTK_STRING  # type: ignore[attr-defined]
        return observe
