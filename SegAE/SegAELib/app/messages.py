"""Words that several parts of the panel use, and the place where it says what went wrong."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from segae.errors import SegAEError
from segae.jobs.events import Progress
from SegAELib.app.binding import Widget, _


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


def stage_word(progress: Progress) -> str:
    """What a run is doing, how fast, and how long it will take."""
    if progress.stage != "scoring":
        stages = {
            "starting": _("Starting the scoring process..."),
            "loading": _("Loading the model..."),
            "checking": _("Checking CT and masks..."),
            "locating": _("Looking for what is wrong..."),
        }
        if progress.stage == "checking names":
            return _("Checking names: {done} of {total}").format(done=progress.done, total=progress.total)
        return stages.get(progress.stage, progress.stage)
    if progress.per_second is None or progress.seconds_left is None:
        return _("Scoring {total} slices...").format(total=progress.total)
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
        label.setVisible(False)

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

    @contextmanager
    def telling(self) -> Iterator[None]:
        """Inside, an error that the user can solve is shown and ends the block; others pass through."""
        try:
            yield
        except SegAEError as error:
            self.error(str(error))

    def _say(self, sentence: str, kind: str) -> None:
        self._label.text = sentence
        self._label.setStyleSheet(_STYLES[kind])
        self._label.setVisible(bool(sentence))
