"""The ranking, the slices of the chosen segment, and the keys that go from one slice to the next."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import vtk

from segae.data import Segment
from segae.errors import InputError
from segae.geometry.grid import Grid
from SegAELib.app.binding import _, qt, slicer
from SegAELib.app.context import Context
from SegAELib.app.heat_strip import HeatStrip
from SegAELib.app.messages import bin_word, counted
from SegAELib.app.ranking_tables import RankingTable, SliceTable
from SegAELib.app.results import Results, SliceKey
from SegAELib.app.score_style import ScoreStyle, StripModel, number
from SegAELib.mrml.binding import Scene
from SegAELib.mrml.review_table import ReviewMark
from SegAELib.mrml.slice_navigation import nearest_view, shown_slice, slice_nodes

# Brackets, arrows and most other letters belong to Slicer's slice views.
KEYS = {"N": 1, "Alt+Down": 1, "P": -1, "Alt+Up": -1}


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
    """Shows the results of the session, and the chosen segment and slice."""

    def attach(self, context: Context) -> None:
        self._context = context
        self._shown: tuple[Any, ...] = ()
        self._followed: tuple[Any, ...] = ()
        ui = context.ui
        self._ranking = RankingTable(ui.rankingTable, context.go_to_segment, context.later)
        self._slices = SliceTable(ui.sliceTable, self._slice_chosen, context.later)
        self._strip = HeatStrip(ui.heatStrip, self._slice_chosen)
        self._follower = SliceFollower(self._slice_shown)
        self._in_view: int | None = None
        ui.onlyPoorCheckBox.connect("toggled(bool)", lambda *_on: context.later("reveal", self._reveal))
        ui.orderCombo.addItem(_("largest expected error first"), "review")
        ui.orderCombo.addItem(_("lowest predicted Dice first"), "dice")
        ui.orderCombo.connect("currentIndexChanged(int)", self._order_chosen)
        ui.previousButton.connect("clicked()", self.previous)
        ui.nextButton.connect("clicked()", self.next)
        self._shortcuts = self._make_shortcuts()

    @property
    def segment(self) -> str | None:
        """Id of the chosen segment."""
        return self._context.segment

    @property
    def current(self) -> SliceKey | None:
        """The chosen segment and slice."""
        return self._context.selected

    def refresh(self) -> None:
        """Show what is another now."""
        context, results = self._context, self._context.results
        context.ui.resultsBody.setVisible(results is not None)
        for shortcut in self._shortcuts:
            shortcut.setEnabled(context.visible)
        self._follow_views()
        combo = context.ui.orderCombo
        was = combo.blockSignals(True)
        combo.setCurrentIndex(combo.findData(context.order))
        combo.blockSignals(was)
        if results is None:
            self._shown = ()
            return
        ranking = results.ranking(context.order)
        if context.segment not in {row.segment_id for row in ranking}:
            context.segment = context.slice = None
        if context.slice is None and ranking:  # until the user chooses, the first so far
            context.segment = ranking[0].segment_id
        reviews, parameters = context.reviews, context.parameters
        what = (
            results, results.revision, reviews and reviews.revision, reviews, context.style, context.order,
            (context.segment, context.slice) if parameters is not None and parameters.onlyPoor else None,
        )  # fmt: skip
        if not _same(what, self._shown[:-1]):
            self._show_ranking(results)
            for segment_id in results.segments:  # the walk over all slices needs an order of all
                work = partial(results.work_ahead, segment_id, context.order)
                context.later(("order", segment_id), work)
            context.later(("order", None), partial(results.all_slices, context.order))
        if not _same((*what, context.segment), self._shown):
            self._show_slices(results)
        self._shown = (*what, context.segment)
        self._ranking.select(context.segment)
        self._slices.select(context.slice)

    def detach(self) -> None:
        """Take the keys off the main window, which lives longer than the module."""
        self._follower.stop()
        self._strip.close()
        for shortcut in self._shortcuts:
            shortcut.setEnabled(False)
            shortcut.setParent(None)
            shortcut.deleteLater()
        self._shortcuts = []

    def next(self) -> None:
        """On to the next slice that is not done."""
        self._walk(1)

    def previous(self) -> None:
        """Back to the slice before."""
        self._walk(-1)

    def _walk(self, direction: int) -> None:
        context = self._context
        if context.results is None or context.walk(direction):
            return
        if direction < 0:
            context.messages.info(_("This is the first slice of the order."))
        elif context.parameters.walk == "segment":
            context.messages.info(_("All weak, poor and missing slices are reviewed."))
        else:
            context.messages.info(_("There is no further slice that is not reviewed."))

    def choose_segment(self, segment_id: str) -> None:
        """Show a segment and go to where it is missing, else to the first of its slices to look at."""
        self._context.go_to_segment(segment_id)

    def _show_ranking(self, results: Results) -> None:
        context = self._context
        rows = results.ranking(context.order)
        only_bad = context.parameters is not None and context.parameters.onlyPoor
        chosen = context.segment
        shown = [row for row in rows if row.is_bad or not only_bad or row.segment_id == chosen]
        self._ranking.show(shown, context.style, lambda segment_id: self._mark(segment_id, None))
        below, total = results.count_below()
        bad = sum(row.result.needs_review for row in rows)
        context.ui.summaryLabel.text = summary(
            below, total, results.report.threshold, bad, len(rows), results.report.model.name
        )

    def _reveal(self) -> None:
        """Scroll to what is chosen."""
        self._ranking.reveal()
        self._slices.reveal()

    def _show_slices(self, results: Results) -> None:
        """The slices of the chosen segment, as table and as strip."""
        context, segment = self._context, self._context.segment
        if segment is None or context.session is None:
            return
        rows, missing = results.slices_in_order(segment, context.order), results.missing(segment)
        threshold = results.report.threshold
        only_bad = context.parameters is not None and context.parameters.onlyPoor
        listed = [
            one
            for one in rows
            if (one.predicted_dice or 0.0) < threshold or not only_bad or one.slice == context.slice
        ]
        change = results.changes.get(segment)
        stale = () if change is None else (*change.rescore, *change.removed)
        self._slices.show(listed, context.style, stale, partial(self._mark, segment), missing)
        dice = {one.slice: 0.0 for one in missing} | {one.slice: one.predicted_dice or 0.0 for one in rows}
        with context.messages.telling():
            upwards = context.session.is_upwards
            self._strip.show(StripModel.of(dice, upwards=upwards), context.style)
        self._describe_slice()

    def _slice_shown(self, index: int | None) -> None:
        """The views show another slice."""
        self._in_view = index
        self._strip.mark(index)
        self._describe_slice()

    def _describe_slice(self) -> None:
        """What is known of the chosen segment in the slice that is shown, and else why there is nothing."""
        context, results, segment = self._context, self._context.results, self._context.segment
        if results is None or segment is None or context.session is None:
            return
        text = _("{segment}, inferior to superior.").format(segment=results.name(segment))
        if self._in_view is not None:
            mask = context.session.shown_masks.get(segment)
            about = _about(results, (segment, self._in_view), mask, context.style)
            text += " " + _("Slice {slice}: {about}.").format(slice=self._in_view, about=about)
        context.ui.stripLabel.text = text

    def _follow_views(self) -> None:
        """Mark the slice that the views show, while the module is shown and there are scores."""
        context, session = self._context, self._context.session
        wanted = context.visible and context.results is not None
        followed = (session, session.axis) if wanted and session is not None else ()
        if _same(followed, self._followed):
            return
        self._followed = followed
        self._follower.stop()
        if session is not None and followed:
            try:
                self._follower.follow(slicer.mrmlScene, session.grid, session.axis)
            except InputError:  # the CT is gone or bent, which is said elsewhere
                self._followed = ()

    def _order_chosen(self, index: int) -> None:
        if self._context.parameters is not None:
            self._context.parameters.order = self._context.ui.orderCombo.itemData(index)

    def _slice_chosen(self, index: int) -> None:
        if self._context.segment is not None:
            self._context.go((self._context.segment, index))

    def _mark(self, segment_id: str, index: int | None) -> ReviewMark | None:
        reviews = self._context.reviews
        return None if reviews is None else reviews.of(segment_id, index)

    def _make_shortcuts(self) -> list[Any]:
        window = slicer.util.mainWindow()
        shortcuts = []
        for key, direction in KEYS.items() if window is not None else ():
            shortcut = qt.QShortcut(qt.QKeySequence(key), window)
            shortcut.connect("activated()", partial(self._walk, direction))
            shortcut.setEnabled(False)
            shortcuts.append(shortcut)
        return shortcuts


def _about(results: Results, key: SliceKey, mask: Segment | None, style: ScoreStyle) -> str:
    """What a slice is like, or why it has no colour."""
    segment_id, index = key
    one, change = results.slice(key), results.changes.get(segment_id)
    if change is not None and index in (*change.rescore, *change.removed):
        return _("edited since it was scored")
    if one is not None:
        dice = one.predicted_dice or 0.0
        return _("{bin}, predicted Dice {dice}").format(bin=bin_word(style.key(dice)), dice=number(dice))
    if any(missing.slice == index for missing in results.missing(segment_id)):
        return _("no mask, but the organ seems to be there")
    axis = "kji".index(results.report.slice_axis)
    has_mask = mask is not None and _has_voxels(mask, axis, index)
    return _("not scored") if has_mask else _("no mask")


def _has_voxels(mask: Segment, axis: int, index: int) -> bool:
    """Whether a mask has voxels in a slice; bits are packed along the last axis only."""
    extent = mask.box[axis]
    voxels = mask.bits if axis < 2 else mask.voxels()
    return extent.start <= index < extent.stop and bool(voxels.take(index - extent.start, axis=axis).any())


def _same(some: tuple[Any, ...], others: tuple[Any, ...]) -> bool:
    """Whether two tuples hold the same: results and sessions by identity, as comparing them takes long."""
    return len(some) == len(others) and all(
        a is b or (not isinstance(a, Results) and a == b) for a, b in zip(some, others, strict=True)
    )


def summary(below: int, total: int, threshold: float, bad: int, segments: int, model: str) -> str:
    """How many slices and segments are to be looked at."""
    slices = counted(
        below,
        _("{count} of {total} slices is below {threshold}"),
        _("{count} of {total} slices are below {threshold}"),
        total=total, threshold=number(threshold),
    )  # fmt: skip
    review = counted(
        bad,
        _("{count} of {total} segments needs review"),
        _("{count} of {total} segments need review"),
        total=segments,
    )
    return _("{slices}, {segments}. Model: {model}.").format(slices=slices, segments=review, model=model)
