"""Types of parameters: how a value is checked, written as text into a parameter node, and read back.

Validators and the accepted types follow guide section 2.3. The text form is our own (JSON for containers):
scenes written by the test bed and by Slicer hold the same parameters but not the same text.
"""

import enum
import json
import pathlib
import types
import typing
from collections.abc import Callable, Iterator, MutableMapping, MutableSequence
from dataclasses import dataclass, field
from typing import Any

from .untyped import slicer


@dataclass(frozen=True)
class WithinRange:
    """Number from minimum to maximum, both included."""

    minimum: float
    maximum: float

    def validate(self, value: Any) -> None:
        """Raises ValueError."""
        if not self.minimum <= value <= self.maximum:
            raise ValueError(f"{value} is not within {self.minimum} and {self.maximum}")


@dataclass(frozen=True)
class Minimum:
    """Number not below minimum."""

    minimum: float

    def validate(self, value: Any) -> None:
        """Raises ValueError."""
        if value < self.minimum:
            raise ValueError(f"{value} is less than {self.minimum}")


@dataclass(frozen=True)
class Maximum:
    """Number not above maximum."""

    maximum: float

    def validate(self, value: Any) -> None:
        """Raises ValueError."""
        if value > self.maximum:
            raise ValueError(f"{value} is more than {self.maximum}")


@dataclass(frozen=True)
class Choice:
    """One of the choices."""

    choices: Any

    def validate(self, value: Any) -> None:
        """Raises ValueError."""
        if value not in self.choices:
            raise ValueError(f"{value!r} is none of {list(self.choices)}")


@dataclass(frozen=True)
class Default:
    """Default value given as annotation."""

    value: Any


@dataclass(frozen=True)
class Decimals:
    """Decimals shown by a spin box or slider."""

    value: int


@dataclass(frozen=True)
class SingleStep:
    """Step of a spin box or slider."""

    value: float


class ObservedDict(MutableMapping[Any, Any]):
    """Dictionary that writes itself back to the parameter node when changed in place."""

    def __init__(self, data: dict[Any, Any], save: Callable[[], None]) -> None:
        self._data, self._save = data, save

    def __getitem__(self, key: Any) -> Any:
        return observed(self._data[key], self._save)

    def __setitem__(self, key: Any, value: Any) -> None:
        self._data[key] = plain(value)
        self._save()

    def __delitem__(self, key: Any) -> None:
        del self._data[key]
        self._save()

    def __iter__(self) -> Iterator[Any]:
        return iter(self._data)

    def __len__(self) -> int:
        return len(self._data)

    def __repr__(self) -> str:
        return f"ObservedDict({self._data})"


class ObservedList(MutableSequence[Any]):
    """List that writes itself back to the parameter node when changed in place."""

    def __init__(self, data: list[Any], save: Callable[[], None]) -> None:
        self._data, self._save = data, save

    def __getitem__(self, index: Any) -> Any:
        return observed(self._data[index], self._save)

    def __setitem__(self, index: Any, value: Any) -> None:
        self._data[index] = plain(value)
        self._save()

    def __delitem__(self, index: Any) -> None:
        del self._data[index]
        self._save()

    def __len__(self) -> int:
        return len(self._data)

    def insert(self, index: int, value: Any) -> None:
        """Insert before `index`."""
        self._data.insert(index, plain(value))
        self._save()

    def __eq__(self, other: object) -> bool:
        return self._data == (other._data if isinstance(other, ObservedList) else other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"ObservedList({self._data})"


def plain(value: Any) -> Any:
    """`value` without observed containers."""
    if isinstance(value, (ObservedDict, dict)):
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, (ObservedList, list)):
        return [plain(v) for v in value]
    return value


def observed(value: Any, save: Callable[[], None]) -> Any:
    """`value`, its containers calling `save` on change."""
    if isinstance(value, dict):
        return ObservedDict(value, save)
    return ObservedList(value, save) if isinstance(value, list) else value


@dataclass(frozen=True)
class ParameterType:
    """One parameter: Python type, annotations such as WithinRange, default."""

    kind: Any
    annotations: tuple[Any, ...] = ()
    given_default: tuple[Any, ...] = field(default=())  # empty: the type's own default

    def annotation(self, cls: type) -> Any:
        """The first annotation of a class, or None."""
        return next((a for a in self.annotations if isinstance(a, cls)), None)

    @property
    def is_node(self) -> bool:
        """Whether values are MRML nodes, kept as node references."""
        return bool(self.node_classes)

    @property
    def node_classes(self) -> tuple[type, ...]:
        """MRML classes allowed, from a node class or a union of them."""
        parts = typing.get_args(self.kind) if is_union(self.kind) else (self.kind,)
        parts = tuple(p for p in parts if p is not type(None))
        return parts if all(isinstance(p, type) and issubclass(p, slicer.vtkMRMLNode) for p in parts) else ()

    def default(self) -> Any:
        """The value before anything was set."""
        if self.given_default:
            return self.given_default[0]
        return None if self.is_node else empty(self.kind)

    def check(self, value: Any) -> None:
        """Raises TypeError for another type, ValueError where a validator says no."""
        if self.is_node:
            if value is not None and not isinstance(value, self.node_classes):
                raise TypeError(f"{value!r} is no {' or '.join(c.__name__ for c in self.node_classes)}")
            return
        check(self.kind, plain(value))
        for validator in (a for a in self.annotations if hasattr(a, "validate")):
            validator.validate(value)


def is_union(kind: Any) -> bool:
    """Whether `kind` is a Union or ``X | Y``."""
    return typing.get_origin(kind) in (typing.Union, types.UnionType)


def empty(kind: Any) -> Any:
    """Default of a type: 0, "", False, empty container, first enum member, None where allowed.

    Raises:
        TypeError: the type is not one a parameter can have.
    """
    origin = typing.get_origin(kind) or kind
    if is_union(kind):
        return None if type(None) in typing.get_args(kind) else empty(typing.get_args(kind)[0])
    if isinstance(origin, type) and issubclass(origin, enum.Enum):
        return next(iter(origin))
    if origin is tuple:
        return tuple(empty(k) for k in typing.get_args(kind) if k is not ...)
    if origin in (int, float, str, bool, list, dict, pathlib.Path):
        return origin()
    raise TypeError(f"a parameter cannot have the type {kind}")


def check(kind: Any, value: Any) -> None:
    """Raises TypeError if `value` is no `kind`."""
    origin, arguments = typing.get_origin(kind) or kind, typing.get_args(kind)
    if is_union(kind):
        if value is None and type(None) in arguments:
            return
        check(next(k for k in arguments if k is not type(None)), value)
    elif not isinstance(value, (int, float) if origin is float else origin):
        raise TypeError(f"{value!r} is no {getattr(origin, '__name__', origin)}")
    elif origin is dict and arguments:
        for key, item in value.items():
            check(arguments[0], key)
            check(arguments[1], item)
    elif origin is list and arguments:
        for item in value:
            check(arguments[0], item)


def encode(value: Any) -> str:
    """Text of a checked value."""
    if isinstance(value, enum.Enum):
        return value.name  # by name: renaming a member breaks saved scenes, as in Slicer
    if isinstance(value, (str, bool, int, float, pathlib.PurePath)):
        return str(value)
    return json.dumps(plain(value))


def decode(kind: Any, text: str) -> Any:
    """The value written by `encode`."""
    origin = typing.get_origin(kind) or kind
    if is_union(kind):
        if text == "null":
            return None
        return decode(next(k for k in typing.get_args(kind) if k is not type(None)), text)
    if isinstance(origin, type) and issubclass(origin, enum.Enum):
        return origin[text]
    if origin is bool:
        return text == "True"
    if origin in (int, float, str, pathlib.Path):
        return origin(text)
    if origin is dict and typing.get_args(kind) and typing.get_args(kind)[0] in (int, float):
        return {typing.get_args(kind)[0](k): v for k, v in json.loads(text).items()}
    return tuple(json.loads(text)) if origin is tuple else json.loads(text)
