"""Where the panel says what goes on: beside the button that was pressed, and in view."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from segae.jobs.calls import CallJob
from segae.jobs.detached import Log
from segae.jobs.events import Failed, Progress, Returned
from SegAELib.app.binding import Ui, Widget, _, qt
from SegAELib.app.messages import MessageBar, duration
from SegAETrainerLib.runs.commands import command_job, explain_end

_LAYOUT_MS = 50  # until the layout has made room for what is new


class PlacedMessages(MessageBar):
    """A message bar that stands below the button that was pressed last. What it says is scrolled into view.

    A place is an empty widget with a layout."""

    def __init__(self, label: Widget) -> None:
        super().__init__(label)
        self._timer = qt.QTimer()
        self._timer.setSingleShot(True)
        self._timer.setInterval(_LAYOUT_MS)
        self._timer.connect("timeout()", self._scroll)

    def at(self, place: Widget) -> None:
        """Speak at `place` from now on; what was said before goes."""
        self.clear()
        place.layout().addWidget(self._label)

    def error(self, sentence: str) -> None:
        super().error(sentence)
        self.show_place()

    def info(self, sentence: str) -> None:
        super().info(sentence)
        self.show_place()

    def show_place(self) -> None:
        """Bring the place into view, once the layout is done."""
        self._timer.start()

    def close(self) -> None:
        self._timer.stop()

    def _scroll(self) -> None:
        """Open the section of the place, and scroll the panel."""
        place = ancestor = self._label.parentWidget()
        while ancestor is not None and not ancestor.inherits("QScrollArea"):
            if "Collapsible" in ancestor.className():
                ancestor.collapsed = False
            ancestor = ancestor.parentWidget()
        if ancestor is not None:
            ancestor.ensureWidgetVisible(place)


class JobBar:
    """Work of some minutes whose result is waited for: one job at a time, in a child process that ends with
    the panel. Ask `poll` until it is over."""

    def __init__(self, ui: Ui, messages: PlacedMessages, on_change: Callable[[], None]) -> None:
        self._ui, self._messages, self._on_change = ui, messages, on_change
        self._job: CallJob | None = None
        self._words = ""
        self._began = self._stage_began = 0.0
        self._progress = self._stage_first = Progress("")
        self._on_end: Callable[[Any], str] = lambda _value: ""
        ui.cancelJobButton.connect("clicked()", self.cancel)
        ui.jobBody.setVisible(False)

    @property
    def busy(self) -> bool:
        return self._job is not None

    def run(
        self, place: Widget, words: str, arguments: Sequence[str], log: Path, on_done: Callable[[], None]
    ) -> None:
        """Begin a command of `segae-train`; `words`: what it does, `place`: where that is said; `on_done` is
        called when it ended well."""
        job, said = command_job(arguments, log), Log(log)

        def end(code: int) -> str:
            why = explain_end(code, said)
            if not why:
                on_done()
            return why

        self.call(place, words, job, end)

    def call(self, place: Widget, words: str, job: CallJob, on_end: Callable[[Any], str]) -> None:
        """Begin a job; `on_end` takes what it returned, and says what is wrong with that, or ""."""
        if self.busy:
            return
        self._messages.at(place)
        place.layout().addWidget(self._ui.jobBody)
        with self._messages.telling():
            job.start()
            self._job = job
            self._words, self._began, self._on_end = words, time.monotonic(), on_end
            self._progress = self._stage_first = Progress("")
            self._show()
            self._messages.show_place()
        self._on_change()

    def poll(self) -> None:
        """Show how it goes on, and tell of its end."""
        for event in [] if self._job is None else self._job.poll():
            if isinstance(event, Progress):
                self._take(event)
            elif isinstance(event, (Returned, Failed)):
                self._end(event)
        if self._job is not None:
            self._show()

    def cancel(self) -> None:
        """Stop at once."""
        if self._job is not None:
            self.close()
            self._messages.info(_("Stopped. The next time it goes on with what is finished."))
            self._on_change()

    def close(self) -> None:
        """Stop, without a word."""
        if self._job is not None:
            self._job.close()
            self._job = None
        self._show()

    def _take(self, progress: Progress) -> None:
        if progress.stage != self._progress.stage:
            self._stage_first, self._stage_began = progress, time.monotonic()
        self._progress = progress

    def _end(self, event: Returned | Failed) -> None:
        self._job = None
        self._show()
        why = event.sentence if isinstance(event, Failed) else ""
        if isinstance(event, Returned):
            with self._messages.telling():
                why = self._on_end(event.value)
        if why:
            self._messages.error(why)
        self._on_change()

    def _show(self) -> None:
        ui, now = self._ui, self._progress
        ui.jobBody.setVisible(self.busy)
        ui.jobBar.setRange(0, now.total)  # with 0 of 0 it shows that something goes on
        ui.jobBar.setValue(now.done)
        if self.busy:
            parts = [self._words, stage_words(now), self._left()]
            spent = duration(time.monotonic() - self._began)
            ui.jobLabel.text = _("{work} ({time})").format(work=", ".join(filter(None, parts)), time=spent)

    def _left(self) -> str:
        """How long this stage will take at the speed that it had so far."""
        done = self._progress.done - self._stage_first.done
        if done <= 0:
            return ""
        each = (time.monotonic() - self._stage_began) / done
        left = duration(each * (self._progress.total - self._progress.done))
        return _("about {time} left").format(time=left)


def stage_words(progress: Progress) -> str:
    """What a step of `segae-train` does, and how far it is."""
    stages = {
        "checking": _("opening scans"),
        "scans": _("bringing scans into shape"),
        "putting together": _("putting the parts together"),
        "predicting": _("scoring masks"),
        "resampling patients": _("intervals by resampling patients"),
        "loading": _("loading packages"),
        "trying": _("trying some steps"),
        "drawing": _("drawing"),
    }
    words = stages.get(progress.stage, progress.stage)
    if not progress.total:
        return words
    return _("{stage}: {done} of {total}").format(stage=words, done=progress.done, total=progress.total)
