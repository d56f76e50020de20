"""PythonQt's attribute rules on PySide6, for the whole process.

Slicer's Python reaches Qt through PythonQt; the panel harness speaks PySide6. `install` changes attribute
access of every Qt class to PythonQt's rules (guide section 10):

* a name that is a Qt property reads and writes the property: ``w.text``, ``w.checked = True``; so
  ``w.text()`` fails;
* ``w.name`` is ``w.objectName``; dynamic properties can be read as attributes;
* an attribute that a C++ object does not have cannot be set (a typo such as ``button.enbled = True`` raises);
  Python subclasses may have attributes of their own;
* ``w.connect("clicked(bool)", f)``, ``w.disconnect(...)``, ``w.className()``, ``w.delete()``;
* lists come back as tuples; enum values are ints (see environment.py);
* ``findChildren("QToolBar")`` takes a class name.
"""

import functools
import inspect
from typing import Any, NamedTuple

from PySide6 import QtCore, QtGui, QtWidgets

from .signals import CONNECTIONS, BoundSignal, reporting

_native_getters: dict[type, Any] = {}  # QObject and the few Qt classes with attribute access of their own
_STAND_IN = "_is_stand_in"  # class attribute of our own widgets: they count as C++ classes


class _Property(NamedTuple):
    writable: bool
    is_enum: bool


@functools.cache
def _native_getter(cls: type) -> Any:
    owner = next((c for c in cls.__mro__ if c in _native_getters), None)
    return _native_getters[owner] if owner is not None else QtCore.QObject.__getattribute__


def _native_get(obj: QtCore.QObject, name: str) -> Any:
    return _native_getter(type(obj))(obj, name)


def native(obj: QtCore.QObject, name: str) -> Any:
    """The PySide6 attribute `name` of `obj`, past the rules of this file."""
    return _native_get(obj, name)


def mark_stand_in(cls: type) -> type:
    """Make `cls` count as a C++ class: its instances refuse unknown attributes."""
    setattr(cls, _STAND_IN, True)
    return cls


def class_name(obj: QtCore.QObject) -> str:
    """The C++ class name, or the Python one for subclasses."""
    return str(_native_get(obj, "metaObject")().className())


def _is_cpp(cls: type) -> bool:
    return cls.__module__.startswith("PySide6") or _STAND_IN in cls.__dict__


@functools.cache
def _properties_of(cls: type) -> dict[str, _Property]:
    meta: QtCore.QMetaObject = cls.staticMetaObject  # type: ignore[attr-defined]
    found = [meta.property(i) for i in range(meta.propertyCount())]
    return {str(p.name()): _Property(p.isWritable(), p.isEnumType() or p.isFlagType()) for p in found}


def properties(obj: QtCore.QObject) -> dict[str, _Property]:
    """The static Qt properties of `obj` by name."""
    return _properties_of(type(obj))


def as_pythonqt(value: Any) -> Any:
    """PythonQt hands lists over as tuples."""
    return tuple(value) if isinstance(value, list) else value


class _Method:
    """A C++ method whose list results become tuples; two of them are equal if the method and object are."""

    def __init__(self, method: Any) -> None:
        self._method = method

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        return as_pythonqt(self._method(*arguments, **keywords))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, _Method):
            return NotImplemented
        mine, theirs = self._method, other._method
        return mine.__self__ is theirs.__self__ and mine.__name__ == theirs.__name__

    def __hash__(self) -> int:
        return hash((id(self._method.__self__), self._method.__name__))

    def __repr__(self) -> str:
        return repr(self._method)


def _find_children(obj: QtCore.QObject, kind: Any = QtCore.QObject, name: str = "") -> tuple[Any, ...]:
    cls = QtCore.QObject if isinstance(kind, str) else kind
    found = _native_get(obj, "findChildren")(cls, name) if name else _native_get(obj, "findChildren")(cls)
    return tuple(c for c in found if not isinstance(kind, str) or _native_get(c, "inherits")(kind))


def _connect(obj: QtCore.QObject, *arguments: Any) -> Any:
    if arguments and isinstance(arguments[0], str):
        return CONNECTIONS.connect(obj, *arguments)
    return _native_get(obj, "connect")(*arguments)  # PySide6 itself calls source.connect(source, signal, f)


def _disconnect(obj: QtCore.QObject, *arguments: Any) -> Any:
    if arguments and isinstance(arguments[0], str):
        return CONNECTIONS.disconnect(obj, *arguments)
    return _native_get(obj, "disconnect")(*arguments)


_ADDED_METHODS = {
    "connect": _connect,
    "disconnect": _disconnect,
    "className": class_name,
    "delete": lambda obj: _native_get(obj, "deleteLater")(),
    "findChildren": _find_children,
}


_being_read: set[tuple[int, str]] = set()


def _read_property(obj: QtCore.QObject, name: str, known: _Property) -> Any:
    # Reading sizeHint calls a virtual method; PySide6 then looks for a Python override by asking for the
    # attribute again, and must find the method itself, not the property's value.
    key = (id(obj), name)
    if key in _being_read:
        return _native_get(obj, name)
    _being_read.add(key)
    try:
        # PySide6 cannot convert every enum property: the getter of the same name can
        return as_pythonqt(_native_get(obj, name)() if known.is_enum else _native_get(obj, "property")(name))
    finally:
        _being_read.discard(key)


@functools.cache
def _python_override(cls: type, name: str) -> bool:
    """Whether a Python subclass defines the method `name`, e.g. sizeHint: it comes before the property."""
    owners = [c for c in cls.__mro__ if name in c.__dict__]
    return bool(owners) and inspect.isfunction(owners[0].__dict__[name])


def _getattribute(obj: QtCore.QObject, name: str) -> Any:
    if name.startswith("_"):
        return _native_get(obj, name)
    name = "objectName" if name == "name" else name
    known = properties(obj).get(name)
    if known is not None and not _python_override(type(obj), name):
        return _read_property(obj, name, known)
    if name in _ADDED_METHODS:
        return functools.partial(_ADDED_METHODS[name], obj)
    try:
        value = _native_get(obj, name)
    except AttributeError:
        if name.encode() in [bytes(n.data()) for n in _native_get(obj, "dynamicPropertyNames")()]:
            return as_pythonqt(_native_get(obj, "property")(name))
        raise AttributeError(f"{class_name(obj)} has no attribute {name!r}") from None
    if isinstance(value, QtCore.SignalInstance):
        return BoundSignal(obj, name, value)
    if type(value).__name__ == "builtin_function_or_method" and isinstance(value.__self__, QtCore.QObject):
        return _Method(value)
    return value


def _write_property(obj: QtCore.QObject, name: str, value: Any, known: _Property) -> None:
    if not known.writable:
        raise AttributeError(f"property {name!r} of {class_name(obj)} cannot be written")
    if known.is_enum:
        setter = _native_get(obj, "set" + name[0].upper() + name[1:])
        setter(type(_native_get(obj, name)())(value) if isinstance(value, int) else value)
        return
    value = list(value) if isinstance(value, tuple) else value
    if not _native_get(obj, "setProperty")(name, value):
        raise ValueError(f"property {name!r} of {class_name(obj)} does not accept {value!r}")


def _setattr(obj: QtCore.QObject, name: str, value: Any) -> None:
    name = "objectName" if name == "name" else name
    known = None if name.startswith("_") else properties(obj).get(name)
    if known is not None:
        _write_property(obj, name, value, known)
        return
    internal = name.startswith("_") or isinstance(
        value, QtCore.SignalInstance
    )  # PySide6 stores its signals so
    if not internal and _is_cpp(type(obj)):
        raise AttributeError(f"{class_name(obj)} has no attribute {name!r} to set")
    _set_python_attribute(obj, name, value)


def _set_python_attribute(obj: QtCore.QObject, name: str, value: Any) -> None:
    # object.__setattr__ refuses types whose own __setattr__ was replaced, so its steps are spelled out
    for cls in type(obj).__mro__:
        descriptor: Any = cls.__dict__.get(name)
        if hasattr(type(descriptor), "__set__"):
            descriptor.__set__(obj, value)
            return
    _native_get(obj, "__dict__")[name] = value


def install() -> None:
    """Replace attribute access of all Qt classes by the rules above; calling it again changes nothing."""
    if _native_getters:
        return
    for module in (QtCore, QtGui, QtWidgets):
        for cls in (
            getattr(module, name, None) for name in dir(module)
        ):  # dir(): classes are made when asked for
            if isinstance(cls, type) and issubclass(cls, QtCore.QObject):
                _replace(cls, "__setattr__", _setattr)
                if "__getattribute__" in cls.__dict__:
                    _native_getters[cls] = cls.__getattribute__
    _native_getter.cache_clear()
    single_shot = QtCore.QTimer.singleShot
    _replace(
        QtCore.QTimer,
        "singleShot",
        staticmethod(lambda ms, function: single_shot(ms, reporting(function, 0))),
    )
    for cls in _native_getters:
        _replace(cls, "__getattribute__", _getattribute)


def _replace(cls: type, name: str, function: Any) -> None:
    setattr(cls, name, function)
