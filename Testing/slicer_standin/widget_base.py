"""How stand-in widgets are written: real Qt properties with setters, signals known by their C++ signature."""

from collections.abc import Callable
from typing import Any, TypeVar

from PySide6 import QtCore

from .pythonqt import mark_stand_in

C = TypeVar("C", bound=type)


def qt_property(
    kind: Any, read: Callable[[Any], Any], write: Callable[[Any, Any], None] | None = None
) -> Any:
    """A Qt property with these accessors; read-only without `write`."""
    make: Any = QtCore.Property  # PySide6's stub asks for all its arguments
    return make(kind, read, write) if write is not None else make(kind, read)


def plain_property(kind: Any, name: str, default: Any, changed: Callable[[Any], None] | None = None) -> Any:
    """A Qt property kept in ``self._<name>``; calls ``changed(self)`` when the value becomes another.

    `kind` is bool, int, float, str or a Qt type name such as "QStringList".
    """
    attribute = "_" + name

    def read(self: Any) -> Any:
        return getattr(self, attribute, default)

    def write(self: Any, value: Any) -> None:
        if read(self) != value:
            setattr(self, attribute, value)
            if changed is not None:
                changed(self)

    return qt_property(kind, read, write)


def stand_in(cls: C) -> C:
    """Class decorator: adds ``setFoo`` for a property ``foo``; instances refuse unknown attributes."""
    for name, member in list(vars(cls).items()):
        setter = "set" + name[0].upper() + name[1:]
        if isinstance(member, QtCore.Property) and setter not in vars(cls):
            setattr(cls, setter, _make_setter(name))
    mark_stand_in(cls)
    return cls


def _make_setter(name: str) -> Callable[[Any, Any], None]:
    def set_property(self: Any, value: Any) -> None:
        setattr(self, name, value)

    return set_property
