"""The quality colours in the slice views: painted segment by segment as scores arrive. No Qt."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from segae.report.style import Palette
from segae.results.bins import ScoreBins
from SegAELib.app.binding import Ui, _
from SegAELib.app.idle_tasks import Chores
from SegAELib.app.messages import bin_word
from SegAELib.app.score_style import ScoreStyle
from SegAELib.app.session import Session
from SegAELib.mrml.quality_overlay import QualityOverlay
from SegAELib.mrml.score_bins import LegendEntry, legend

PAUSE = 0.3  # seconds between two changes of the colours
BUDGET = 0.05  # seconds that painting may take at a time, unless one segment takes longer


class Colours:
    """Shows the scores of one session at a time, when `shown` is on. `show`, `hide` and the rest may be
    called in any order; a node that the user deleted is passed over until `show`."""

    def __init__(self, chores: Chores) -> None:
        self._chores = chores
        self._session: Session | None = None
        self._overlay: QualityOverlay | None = None
        self._waiting: dict[str, None] = {}  # ids of segments to be painted, in their order
        self._is_due = False  # whether a chore of ours waits
        self.style = ScoreStyle(ScoreBins(), "traffic")
        self.opacity = 0.8

    @property
    def legend(self) -> tuple[LegendEntry, ...]:
        """What the colours mean, worst first."""
        return legend(self.style.bins, self.style.palette, self.opacity)

    @property
    def is_shown(self) -> bool:
        return self._overlay is not None and self._overlay.is_alive

    def show(self, session: Session) -> None:
        """Paint all scores of the session; raises `InputError` when its nodes cannot be used."""
        self.hide()
        self._session = session
        if session.shown is None or not session.shown_masks:
            return
        self._overlay = QualityOverlay(
            session.segmentation, session.volume, session.shown_masks, axis=session.axis,
            bins=self.style.bins, palette=self.style.palette, opacity=self.opacity,
        )  # fmt: skip
        self._overlay.hide_fills(session.shown_masks)
        self.paint(session.shown.scored_ids)

    def paint(self, segment_ids: Iterable[str]) -> None:
        """Bring the colours of these segments up to date, soon: each time the views are drawn again, so it
        waits for more to come."""
        if self.is_shown:
            self._waiting.update(dict.fromkeys(segment_ids))
            if self._waiting and not self._is_due:
                self._is_due = True
                self._chores.add("paint", self._paint_some, after=PAUSE)

    def hide(self) -> None:
        """Take the colours away; the user's own come back."""
        if self._overlay is not None:
            self._overlay.remove()
        self._overlay = self._session = None
        self._waiting.clear()

    def forget(self) -> None:
        """The scene is being closed and takes the nodes along."""
        self._overlay = self._session = None
        self._waiting.clear()

    def set_threshold(self, threshold: float) -> None:
        self.style = ScoreStyle(ScoreBins.from_threshold(threshold), self.style.palette)
        if self._overlay is not None:
            self._overlay.set_bins(self.style.bins)

    def set_palette(self, palette: Palette) -> None:
        self.style = ScoreStyle(self.style.bins, palette)
        if self._overlay is not None:
            self._overlay.set_palette(palette)

    def set_opacity(self, opacity: float) -> None:
        """0..1, of the worst slices."""
        self.opacity = opacity
        if self._overlay is not None:
            self._overlay.set_opacity(opacity)

    def keep_with_scene(self, keep: bool) -> None:
        if self._overlay is not None:
            self._overlay.keep_with_scene(keep)

    def _paint_some(self) -> None:
        """As many as can be painted in a moment, the rest later."""
        self._is_due = False
        session, end = self._session, time.perf_counter() + BUDGET
        if session is None or self._overlay is None or session.shown is None:
            return
        while self._waiting and self._overlay.is_alive and time.perf_counter() < end:
            segment_id = next(iter(self._waiting))
            del self._waiting[segment_id]
            mask, rows = session.shown_masks.get(segment_id), session.shown.slices(segment_id)
            if mask is not None:
                dice = {one.slice: one.predicted_dice or 0.0 for one in rows}
                self._overlay.paint({segment_id: (mask, dice)})
        self.paint(list(self._waiting))


class ColoursSection:
    """`on_palette` is called with the palette that the user chose."""

    def __init__(self, ui: Ui, on_palette: Callable[[Palette], None]) -> None:
        self._ui, self._on_palette = ui, on_palette
        ui.paletteCombo.addItem(_("red to green"), "traffic")
        ui.paletteCombo.addItem(_("for colour-blind eyes"), "safe")
        ui.paletteCombo.connect("currentIndexChanged(int)", self._chosen)

    def show(self, colours: Colours) -> None:
        """The palette in use, and the legend."""
        combo = self._ui.paletteCombo
        was = combo.blockSignals(True)
        combo.setCurrentIndex(combo.findData(colours.style.palette))
        combo.blockSignals(was)
        fields = []
        for entry in colours.legend:
            colour = "#" + "".join(f"{round(255 * value):02x}" for value in entry.colour)
            text = f"{bin_word(entry.key)} {entry.low:.2f}-{entry.high:.2f}"
            fields.append(f'<span style="color:{colour}; font-size:large">\u25a0</span>&nbsp;{text}')
        self._ui.legendLabel.text = "&nbsp;&nbsp; ".join(fields)

    def _chosen(self, index: int) -> None:
        if index >= 0:
            self._on_palette(self._ui.paletteCombo.itemData(index))
