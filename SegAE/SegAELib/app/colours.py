"""The quality colours in the slice views: painted segment by segment as scores arrive."""

from __future__ import annotations

import time
from typing import Any

from segae.data import Segment
from segae.results.types import SegmentResult
from SegAELib.app.binding import _, slicer
from SegAELib.app.context import Context
from SegAELib.app.messages import bin_word
from SegAELib.app.score_style import ScoreStyle
from SegAELib.app.session import Session
from SegAELib.mrml.quality_overlay import QualityOverlay, hide_fill, restore_fills
from SegAELib.mrml.score_bins import OPACITY, LegendEntry, legend

PAUSE = 0.3  # seconds between two changes of the colours: each time the views are drawn again
BUDGET = 0.05  # seconds that painting may take at a time, unless one segment takes longer


_PAINT = "paint"  # key of the idle task


class ColoursSection:
    """Shows the scores of the session while the module is shown and the user wants them. An overlay that the
    user deleted stays away until colours are switched on again."""

    def attach(self, context: Context) -> None:
        self._context = context
        self._session: Session | None = None
        self._overlay: QualityOverlay | None = None
        self._painted: dict[str, tuple[Segment, SegmentResult, dict[int, float]]] = {}  # with Dice by slice
        self._shown: tuple[Any, ...] = ()  # style and opacity of legend and overlay
        combo = context.ui.paletteCombo
        combo.addItem(_("red to green"), "traffic")
        combo.addItem(_("for colour-blind eyes"), "safe")
        combo.connect("currentIndexChanged(int)", self._palette_chosen)

    @property
    def is_shown(self) -> bool:
        return self._overlay is not None and self._overlay.is_alive

    def refresh(self) -> None:
        """Show, paint or take away what is another now."""
        self._show_style()
        wanted = self._wanted()
        if self._session is not self._context.session or not wanted or self._painted.keys() - wanted.keys():
            self._hide()
        self._show_fills()
        if wanted and self._overlay is None:
            self._context.later("colours", self._show)
        if self._overlay is not None:
            self._overlay.keep_with_scene(self._context.parameters.keepColours)
            self._paint_soon()

    def detach(self) -> None:
        """Take the colours away; the user's own come back."""
        self._hide()
        restore_fills(slicer.mrmlScene)

    def _wanted(self) -> dict[str, tuple[Segment, SegmentResult]]:
        """Masks and scores that ought to be coloured, by segment id."""
        context, results = self._context, self._context.results
        if context.session is None or results is None or not context.visible:
            return {}
        if context.found is not None:  # missing and extra parts are shown by themselves
            return {}
        if context.parameters is None or not context.parameters.showColours:
            return {}
        masks = context.session.shown_masks
        return {i: (masks[i], results.segments[i]) for i in results.scored_ids if i in masks}

    def _show(self) -> None:
        """Make the overlay, if it is wanted still; it takes a moment, so it is an idle task."""
        context, session = self._context, self._context.session
        if session is None or not self._wanted() or self._overlay is not None:
            return
        self._session = session
        style, opacity = context.style, context.parameters.opacity
        with context.messages.telling():
            self._overlay = QualityOverlay(
                session.segmentation, session.volume, session.shown_masks, axis=session.axis,
                bins=style.bins, palette=style.palette, opacity=opacity,
            )  # fmt: skip
            context.changed()

    def _hide(self) -> None:
        if self._overlay is not None:
            self._overlay.remove()
        self._overlay = self._session = None
        self._painted = {}

    def _show_fills(self) -> None:
        """Hide the user's own fills where that is wanted, and only as long as the colours show."""
        parameters = self._context.parameters
        if self._session is not None and self.is_shown and parameters.hideFills:
            hide_fill(self._session.segmentation)
        else:
            restore_fills(slicer.mrmlScene)

    def _paint_soon(self) -> None:
        if self.is_shown and _PAINT not in self._context.tasks and self._waiting():
            self._context.tasks.add(_PAINT, self._paint_some, after=PAUSE)
            self._context.runs.wake()

    def _waiting(self) -> dict[str, tuple[Segment, SegmentResult]]:
        """What is not painted as it is now. Results are replaced as a whole, so identity tells."""
        painted = self._painted
        return {
            i: (mask, result)
            for i, (mask, result) in self._wanted().items()
            if i not in painted or painted[i][0] is not mask or painted[i][1] is not result
        }

    def _paint_some(self) -> None:
        """As many segments as can be painted in a moment, the rest later."""
        end = time.perf_counter() + BUDGET
        for segment_id, (mask, result) in self._waiting().items():
            if self._overlay is None or not self._overlay.is_alive:
                return
            dice = {one.slice: one.predicted_dice or 0.0 for one in result.slices}
            before = self._painted.get(segment_id)
            self._painted[segment_id] = (mask, result, dice)
            if before is not None and before[0] is mask and before[2] == dice:
                continue  # another verdict, say
            self._overlay.paint({segment_id: (mask, dice)})
            if time.perf_counter() >= end:
                break
        self._paint_soon()

    def _show_style(self) -> None:
        """Palette and legend as the parameters have them."""
        context = self._context
        opacity = OPACITY if context.parameters is None else context.parameters.opacity
        shown = (context.style, opacity)
        if shown == self._shown:
            return
        before, self._shown = self._shown, shown
        style = context.style
        if self._overlay is not None and before:
            _restyle(self._overlay, before[0], style, opacity)
        ui = context.ui
        was = ui.paletteCombo.blockSignals(True)
        ui.paletteCombo.setCurrentIndex(ui.paletteCombo.findData(style.palette))
        ui.paletteCombo.blockSignals(was)
        entries = legend(style.bins, style.palette, opacity)
        own = _("Fair and good slices keep your own colours.")
        ui.legendLabel.text = "&nbsp;&nbsp; ".join(map(_legend_field, entries)) + f"<br>{own}"

    def _palette_chosen(self, index: int) -> None:
        if index >= 0 and self._context.parameters is not None:
            self._context.parameters.palette = self._context.ui.paletteCombo.itemData(index)


def _restyle(overlay: QualityOverlay, before: ScoreStyle, style: ScoreStyle, opacity: float) -> None:
    if style.bins != before.bins:
        overlay.set_bins(style.bins)
    if style.palette != before.palette:
        overlay.set_palette(style.palette)
    overlay.set_opacity(opacity)


def _legend_field(entry: LegendEntry) -> str:
    colour = "#" + "".join(f"{round(255 * value):02x}" for value in entry.colour)
    text = f"{bin_word(entry.key)} {entry.low:.2f}-{entry.high:.2f}"
    field = text.replace(" ", "&nbsp;")  # not broken between name and range
    return f'<span style="color:{colour}; font-size:large">\u25a0</span>&nbsp;{field}'
