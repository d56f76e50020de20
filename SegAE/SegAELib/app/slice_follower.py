"""Tells which slice of the CT the views show."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import vtk

from segae.geometry.grid import Grid
from SegAELib.mrml.binding import Scene
from SegAELib.mrml.slice_navigation import nearest_view, shown_slice, slice_nodes


class SliceFollower:
    """Calls `on_slice` with the index that the view along the slices shows, None for no single one, whenever
    that changes."""

    def __init__(self, on_slice: Callable[[int | None], None]) -> None:
        self._on_slice = on_slice
        self._observed: list[tuple[Any, int]] = []
        self._scene: Scene = None
        self._grid: Grid | None = None
        self._axis = 0
        self._last: int | None = None

    def follow(self, scene: Scene, grid: Grid, axis: int) -> None:
        """Watch the scene's slice views; slices count along array axis `axis` of `grid`."""
        self.stop()
        self._scene, self._grid, self._axis = scene, grid, axis
        self._observed = [
            (node, node.AddObserver(vtk.vtkCommand.ModifiedEvent, self._moved)) for node in slice_nodes(scene)
        ]
        self._last = self._shown()
        self._on_slice(self._last)

    def stop(self) -> None:
        """Watch nothing."""
        for node, tag in self._observed:
            node.RemoveObserver(tag)
        self._observed, self._scene, self._grid = [], None, None

    def _moved(self, *_: object) -> None:
        shown = self._shown()
        if shown != self._last:
            self._last = shown
            self._on_slice(shown)

    def _shown(self) -> int | None:
        if self._scene is None or self._grid is None:
            return None
        view = nearest_view(self._scene, self._grid, self._axis)
        return None if view is None else shown_slice(view, self._grid, self._axis)
