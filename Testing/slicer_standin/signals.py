"""Signals by C++ signature: ``widget.connect("clicked(bool)", f)`` and ``widget.clicked.connect(f)``.

Rules reproduced (guide section 10 and 16): the string is the exact C++ signature; a receiver gets no more
arguments than it takes; ``disconnect`` needs the same function; the connection keeps the receiver alive; an
exception in a receiver is printed, not raised (here: handed to ``sys.excepthook``, where guard.py finds it).
One deliberate difference: a signature the object does not have is refused, where PythonQt only prints a
warning.
"""

import inspect
import sys
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from PySide6 import QtCore
from shiboken6 import Shiboken

ALL_ARGUMENTS = 99
_native_connect: Any = QtCore.QObject.connect


class Connection(NamedTuple):
    """One live connection: its meta signature, what the caller passed, and Qt's handle."""

    signature: str
    receiver: Callable[..., Any]
    handle: QtCore.QMetaObject.Connection


def arguments_taken(function: Callable[..., Any]) -> int:
    """How many positional arguments `function` takes; PythonQt passes no more than that."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (ValueError, TypeError):  # some built-in callables hide their signature
        return ALL_ARGUMENTS
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        return ALL_ARGUMENTS
    return sum(p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) for p in parameters)


def meta_signature(sender: QtCore.QObject, signature: str) -> str:
    """The signature under which Qt knows the signal `signature` (C++ spelling) of `sender`.

    Stand-ins whose signals carry MRML nodes list them in ``cpp_signals``: C++ signature -> Qt's signature of
    the Python signal, since PySide6 knows no MRML types.

    Raises:
        ValueError: the object has no such signal; names the signals of that name that it has.
    """
    normalise: Any = QtCore.QMetaObject.normalizedSignature  # the stubs ask for bytes, Qt for str
    wanted = bytes(normalise(signature).data()).decode()
    for cls in type(sender).__mro__:
        if wanted in cls.__dict__.get("cpp_signals", {}):
            return cls.__dict__["cpp_signals"][wanted]
    meta = QtCore.QObject.metaObject(sender)
    if meta.indexOfSignal(wanted) >= 0 and "PyObject" not in wanted:
        return wanted
    same_name = [s for s in all_signals(sender) if s.partition("(")[0] == wanted.partition("(")[0]]
    hint = f"it has {', '.join(same_name)}" if same_name else "it has no signal of that name"
    raise ValueError(f"{type(sender).__name__} has no signal {signature}: {hint}")


def all_signals(sender: QtCore.QObject) -> list[str]:
    """All C++ signatures one may connect to on `sender`."""
    meta = QtCore.QObject.metaObject(sender)
    methods = [meta.method(i) for i in range(meta.methodCount())]
    of_signals = [m for m in methods if m.methodType() == QtCore.QMetaMethod.MethodType.Signal]
    native = [bytes(m.methodSignature().data()).decode() for m in of_signals]
    table = [s for cls in type(sender).__mro__ for s in cls.__dict__.get("cpp_signals", {})]
    return table + [s for s in native if "PyObject" not in s]


def reporting(function: Callable[..., Any], count: int = ALL_ARGUMENTS) -> Callable[..., None]:
    """Calls `function` with the first `count` arguments; exceptions go to sys.excepthook, no further."""

    def deliver(*arguments: Any) -> None:
        try:
            function(*arguments[:count])
        except Exception as problem:
            sys.excepthook(type(problem), problem, problem.__traceback__)

    return deliver


class Connections:
    """All connections made through this package, so that they can be undone by function."""

    def __init__(self) -> None:
        self._of: dict[int, list[Connection]] = {}

    def connect(self, sender: QtCore.QObject, signature: str, receiver: Any, slot: str | None = None) -> bool:
        """Call `receiver`, or its method `slot` as in ``connect("clicked()", dialog, "accept()")``."""
        function = getattr(receiver, slot.partition("(")[0]) if slot is not None else receiver
        if not callable(function):
            raise TypeError(f"cannot connect {signature} to {function!r}: it is not callable")
        meta = meta_signature(sender, signature)
        carried = signature.partition("(")[2].rstrip(") ")
        count = min(carried.count(",") + 1 if carried.strip() else 0, arguments_taken(function))

        key = Shiboken.getCppPointer(sender)[0]
        if key not in self._of:
            self._of[key] = []
            _native_connect(sender, QtCore.SIGNAL("destroyed()"), partial(self._forget, key))
        handle = _native_connect(sender, QtCore.SIGNAL(meta), reporting(function, count))
        self._of[key].append(Connection(meta, function, handle))
        return True

    def disconnect(
        self, sender: QtCore.QObject, signature: str, receiver: Any = None, slot: str | None = None
    ) -> bool:
        """Undo connections of `signature`, all of them or those to `receiver`; False if there was none."""
        function = getattr(receiver, slot.partition("(")[0]) if slot is not None else receiver
        meta, key = meta_signature(sender, signature), Shiboken.getCppPointer(sender)[0]
        known = self._of.get(key, [])
        gone = [c for c in known if c.signature == meta and (function is None or c.receiver == function)]
        for connection in gone:
            QtCore.QObject.disconnect(connection.handle)
        self._of[key] = [c for c in known if all(c is not g for g in gone)]
        return bool(gone)

    def of(self, sender: QtCore.QObject) -> list[Connection]:
        """The live connections from `sender`."""
        return list(self._of.get(Shiboken.getCppPointer(sender)[0], []))

    def drop(self, sender: QtCore.QObject) -> None:
        """Undo all connections from `sender`."""
        for connection in self.of(sender):
            QtCore.QObject.disconnect(connection.handle)
        if self.of(sender):
            self._of[Shiboken.getCppPointer(sender)[0]] = []

    def _forget(self, key: int) -> None:
        self._of.pop(key, None)


CONNECTIONS = Connections()  # one per process, as Qt's own signal table


class BoundSignal:
    """What ``widget.clicked`` gives: connect, disconnect and emit, with the same rules as the string form.

    Of several overloads the first one declared counts: ``button.clicked.connect(f)`` calls ``f(False)``.
    """

    def __init__(self, sender: QtCore.QObject, name: str, native: QtCore.SignalInstance) -> None:
        self._sender, self._native = sender, native
        self._signature = next(s for s in all_signals(sender) if s.partition("(")[0] == name)

    def connect(self, receiver: Any) -> bool:
        """As ``sender.connect(signature, receiver)``."""
        return CONNECTIONS.connect(self._sender, self._signature, receiver)

    def disconnect(self, receiver: Any = None) -> bool:
        """As ``sender.disconnect(signature, receiver)``."""
        return CONNECTIONS.disconnect(self._sender, self._signature, receiver)

    def emit(self, *arguments: Any) -> None:
        """Send the signal."""
        self._native.emit(*arguments)
