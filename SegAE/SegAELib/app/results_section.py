"""The ranking, the slices of the chosen segment, and the way from one poor slice to the next."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import vtk

from segae.errors import InputError
from segae.geometry.grid import Grid
from segae.results.review_order import Order
from SegAELib.app.binding import Ui, _, slicer
from SegAELib.app.colours import Colours
from SegAELib.app.heat_strip import HeatStrip
from SegAELib.app.ranking_tables import RankingTable, SliceTable
from SegAELib.app.results import SliceKey, StripModel, step
from SegAELib.app.review_section import Reviews
from SegAELib.app.score_style import number
from SegAELib.app.session import Session
from SegAELib.mrml.binding import Scene
from SegAELib.mrml.slice_navigation import jump_to, nearest_view, shown_slice, slice_nodes


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


class ResultsSection:
    """Shows one session. `current` is the chosen slice; `on_current` is called when another segment or slice
    was chosen, `on_order` with the order that the user chose."""

    def __init__(
        self,
        ui: Ui,
        colours: Colours,
        on_current: Callable[[], None],
        on_order: Callable[[Order], None],
    ) -> None:
        self._ui, self._colours, self._on_current = ui, colours, on_current
        self._session: Session | None = None
        self._reviews: Reviews | None = None
        self._segment: str | None = None
        self._slice: int | None = None
        self.only_poor = False
        self.order: Order = "review"
        self._ranking = RankingTable(ui.rankingTable, self.choose_segment)
        self._slices = SliceTable(ui.sliceTable, self._slice_chosen)
        self._strip = HeatStrip(ui.heatStrip, self._slice_chosen)
        self._follower = SliceFollower(self._views_moved)
        ui.orderCombo.addItem(_("largest expected error first"), "review")
        ui.orderCombo.addItem(_("lowest predicted Dice first"), "dice")
        ui.orderCombo.connect("currentIndexChanged(int)", lambda n: on_order(ui.orderCombo.itemData(n)))
        ui.previousButton.connect("clicked()", self.previous)
        ui.nextButton.connect("clicked()", self.next)

    @property
    def segment(self) -> str | None:
        """Id of the chosen segment."""
        return self._segment

    @property
    def current(self) -> SliceKey | None:
        """The chosen segment and slice."""
        return None if self._segment is None or self._slice is None else (self._segment, self._slice)

    def attach(self, session: Session | None, reviews: Reviews | None) -> None:
        """Show another session, or none."""
        self._session, self._reviews = session, reviews
        self._segment = self._slice = None
        self.refresh()

    def show_order(self, order: Order) -> None:
        """Lists, and the walk over slices, are in this order from the next refresh on."""
        self.order, combo = order, self._ui.orderCombo
        was = combo.blockSignals(True)
        combo.setCurrentIndex(combo.findData(order))
        combo.blockSignals(was)

    def refresh(self) -> None:
        """Show everything as it is now."""
        results = self._results
        self._ui.resultsBody.setVisible(bool(results))
        if not results:
            self._follower.stop()
            return
        rows = results.ranking(self.order)
        if self._segment not in {row.segment_id for row in rows}:
            self._segment = self._slice = None
        shown = [row for row in rows if row.is_bad or not self.only_poor]
        self._ranking.show(shown, self._colours.style, lambda i: self._mark(i, None))
        below, total = results.count_below()
        self._ui.summaryLabel.text = _(
            "{below} of {total} slices are below {threshold}, {bad} of {segments} segments need review. "
            "Model: {model}."
        ).format(
            below=below, total=total, threshold=number(results.report.threshold),
            bad=sum(row.result.needs_review for row in rows), segments=len(rows),
            model=results.report.model.label,
        )  # fmt: skip
        if self._slice is None and rows:  # until the user chooses, the first so far
            self._segment = rows[0].segment_id
            self._ranking.select(self._segment)
        self.refresh_segment()

    def refresh_segment(self) -> None:
        """Show the chosen segment's slices as they are now."""
        results, session = self._results, self._session
        if not results or session is None or self._segment is None:
            return
        rows, missing = results.slices_in_order(self._segment, self.order), results.missing(self._segment)
        threshold = results.report.threshold
        listed = [one for one in rows if (one.predicted_dice or 0.0) < threshold or not self.only_poor]
        change = results.changes.get(self._segment)
        stale = () if change is None else (*change.rescore, *change.removed)
        self._slices.show(listed, self._colours.style, stale, lambda n: self._mark(self._segment, n), missing)
        self._slices.select(self._slice)
        dice = {one.slice: 0.0 for one in missing} | {one.slice: one.predicted_dice or 0.0 for one in rows}
        self._strip.show(StripModel.of(dice, upwards=session.is_upwards), self._colours.style)
        self._ui.stripLabel.text = _("{segment}, feet to head:").format(segment=results.name(self._segment))

    def follow_views(self) -> None:
        """Mark the slice that the views show, from now on."""
        session = self._session
        try:
            if session is not None and session.shown:
                self._follower.follow(slicer.mrmlScene, session.grid, session.axis)
        except InputError:  # the CT is gone or bent, which is said elsewhere
            self._follower.stop()

    def stop(self) -> None:
        """Leave the slice views alone."""
        self._follower.stop()

    def close(self) -> None:
        self._follower.stop()
        self._strip.close()

    def choose_segment(self, segment_id: str) -> None:
        """Show a segment and go to where it is missing, else to the first of its slices to look at."""
        results = self._results
        if not results:
            return
        first = results.missing(segment_id) or results.slices_in_order(segment_id, self.order)
        if first:
            self.go((segment_id, first[0].slice))

    def go(self, key: SliceKey) -> None:
        """Choose a slice and move the views there."""
        results = self._results
        if not results or results.place(key) is None:
            return
        another, (self._segment, self._slice) = key[0] != self._segment, key
        if another or self._ranking.selected != key[0]:
            self._ranking.select(key[0])
        if another or self._slices.selected is None:
            self.refresh_segment()
        self._slices.select(key[1])
        self._jump(key)
        self._on_current()

    def next(self) -> None:
        """On to the next slice of the order that is not done."""
        self._walk(1)

    def previous(self) -> None:
        """Back to the slice before."""
        self._walk(-1)

    @property
    def _results(self):
        return None if self._session is None else self._session.shown

    def _walk(self, direction: int) -> None:
        results, reviews = self._results, self._reviews
        if not results or reviews is None:
            return
        order = results.all_slices(self.order)
        wanted = (lambda _key: True) if direction < 0 else (lambda key: not reviews.is_done(key))
        key = step(order, self.current, direction, wanted)
        if key is not None:
            self.go(key)

    def _slice_chosen(self, index: int) -> None:
        if self._segment is not None:
            results = self._results
            if results and results.place((self._segment, index)) is not None:
                self.go((self._segment, index))

    def _jump(self, key: SliceKey) -> None:
        results, session = self._results, self._session
        place = results.place(key) if results else None
        if place is not None and session is not None:
            jump_to(slicer.mrmlScene, place)
            crosshair = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLCrosshairNode")
            if crosshair is not None:  # seen by those who have it switched on
                crosshair.SetCrosshairRAS(*place)

    def _views_moved(self, index: int | None) -> None:
        self._strip.mark(index)

    def _mark(self, segment_id: str | None, index: int | None):
        if self._reviews is None or segment_id is None:
            return None
        return self._reviews.of(segment_id, index)
