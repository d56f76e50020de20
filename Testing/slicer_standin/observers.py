"""How a widget watches its own parts and MRML nodes without being kept alive by that.

Connections and VTK observers hold their receiver strongly, so a widget observing itself would never die.
"""

import weakref
from collections.abc import Callable
from typing import Any


def weak(method: Callable[..., Any]) -> Callable[..., None]:
    """`method` for connections and observers of a widget on itself: does not keep the widget alive."""
    reference = weakref.WeakMethod(method)

    def call(*arguments: Any) -> None:
        target = reference()
        if target is not None:
            target(*arguments)

    return call


class WeakObservers:
    """VTK observers that call methods of one widget; they go when cleared or when this object dies."""

    def __init__(self) -> None:
        self._tags: list[tuple[Any, int]] = []
        weakref.finalize(self, _remove, self._tags).atexit = False

    def add(self, caller: Any, event: Any, method: Callable[..., Any]) -> None:
        """Call ``method(caller, event)`` at each `event` of `caller`."""
        self._tags.append((caller, caller.AddObserver(event, weak(method))))

    def clear(self) -> None:
        """Observe nothing any more."""
        _remove(self._tags)


def _remove(tags: list[tuple[Any, int]]) -> None:
    for caller, tag in tags:
        caller.RemoveObserver(tag)
    tags.clear()
