"""Words that several parts of the panel use, and the place where it says what went wrong."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from segae.errors import SegAEError
from segae.jobs.events import Progress
from SegAELib.app.binding import Widget, _, qt


def bin_word(key: str) -> str:
    """The range of a slice's predicted Dice in the user's language."""
    return {"poor": _("poor"), "weak": _("weak"), "fair": _("fair"), "good": _("good")}[key]


def mark_word(mark: str) -> str:
    """A review mark in the user's language."""
    return {"accept": _("accepted"), "needs work": _("needs work"), "skip": _("skipped")}[mark]


def verdict_word(verdict: str) -> str:
    """What is said of a whole segment, in the user's language."""
    words = {
        "fine": _("fine"),
        "poor": _("poor"),
        "missing parts": _("missing parts"),
        "empty but present": _("empty but present"),
        "absent": _("absent"),
        "not reliable here": _("not reliable"),
    }
    return words[verdict]


def counted(count: int, one: str, many: str, **others: object) -> str:
    """`one` for a count of 1, else `many`, with {count} and `others` filled in; both are translated texts."""
    return (one if count == 1 else many).format(count=count, **others)


def stage_word(progress: Progress) -> str:
    """What a run is doing, how fast, and how long it will take."""
    if progress.stage != "scoring":
        stages = {
            "starting": _("Starting the scoring process..."),
            "loading": _("Loading the model..."),
            "checking": _("Checking CT and masks..."),
            "locating": _("Looking for what is wrong..."),
        }
        if progress.stage == "reading":
            return _("Reading segments: {done} of {total}").format(done=progress.done, total=progress.total)
        if progress.stage == "checking names":
            return _("Checking names: {done} of {total}").format(done=progress.done, total=progress.total)
        return stages.get(progress.stage, progress.stage)
    if progress.per_second is None or progress.seconds_left is None:
        return counted(progress.total, _("Scoring {count} slice..."), _("Scoring {count} slices..."))
    return _("{done} of {total} slices, {speed} slices/s, {left} left").format(
        done=progress.done, total=progress.total, speed=f"{progress.per_second:.0f}",
        left=duration(progress.seconds_left),
    )  # fmt: skip


def duration(seconds: float) -> str:
    """Seconds below two minutes, minutes below two hours, else hours."""
    whole = max(0, round(seconds))
    if whole < 120:
        return _("{count} s").format(count=whole)
    if whole < 7200:
        return _("{count} min").format(count=round(seconds / 60))
    return _("{count} h").format(count=round(seconds / 3600))


# Dark on light, so that it can be read in light and in dark themes.
_STYLES = {
    "error": "background: #fbe3e4; color: #6b1016; padding: 6px; border-radius: 3px",
    "info": "background: #e4eef9; color: #123a63; padding: 6px; border-radius: 3px",
}


class MessageBar:
    """One sentence at a time in a QLabel, which is hidden while there is nothing to say."""

    def __init__(self, label: Widget) -> None:
        self._label = label
        self._pressed: Widget = None
        label.setVisible(False)

    def follow_buttons(self) -> None:
        """From now on a sentence stands below the button of its panel that was pressed last, scrolled into
        view, and goes when another one is pressed."""
        for button in self._label.parentWidget().findChildren("QPushButton"):
            button.connect("pressed()", partial(self._button_pressed, button))

    @property
    def text(self) -> str:
        """What it says now."""
        return self._label.text

    def error(self, sentence: str) -> None:
        self._say(sentence, "error")

    def info(self, sentence: str) -> None:
        self._say(sentence, "info")

    def clear(self) -> None:
        self._say("", "info")

    def bring(self, widget: Widget) -> None:
        """Move a part of the panel below the button that was pressed last, where the user looks."""
        if self._pressed is not None:
            _put_below(self._label, widget)

    @contextmanager
    def telling(self) -> Iterator[None]:
        """Inside, an error that the user can solve is shown and ends the block; others pass through."""
        try:
            yield
        except SegAEError as error:
            self.error(str(error))

    def _button_pressed(self, button: Widget) -> None:
        self.clear()
        if button != self._pressed:
            self._pressed = button
            _put_below(button, self._label)

    def _say(self, sentence: str, kind: str) -> None:
        self._label.text = sentence
        self._label.setStyleSheet(_STYLES[kind])
        self._label.setVisible(bool(sentence))
        if sentence and self._pressed is not None:
            bring_into_view(self._label)


def bring_into_view(label: Widget) -> None:
    """Scroll the panel to a label, once the layout has made room for it."""

    def scroll() -> None:
        area = label.parentWidget()
        while area is not None and not area.inherits("QScrollArea"):
            area = area.parentWidget()
        if area is not None and label.text:
            area.ensureWidgetVisible(label, 0, 20)

    qt.QTimer.singleShot(0, scroll)


def _put_below(widget: Widget, label: Widget) -> None:
    """Move a label into the column that holds `widget`, right below the row of `widget`."""
    parent = widget.parentWidget()
    while parent is not None:
        layout = parent.layout()
        if layout is not None and layout.inherits("QVBoxLayout"):
            layout.removeWidget(label)
            layout.insertWidget(_place(layout, widget) + 1, label)
            return
        widget, parent = parent, parent.parentWidget()


def _place(layout: Widget, widget: Widget) -> int:
    """Position of the item of a layout that is `widget` or holds it; -1 for none."""
    for n in range(layout.count()):
        item = layout.itemAt(n)
        inner = item.layout()
        if item.widget() == widget or (inner is not None and _place(inner, widget) >= 0):
            return n
    return -1
