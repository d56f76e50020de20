"""Work of some minutes whose result is waited for: the check, the training set, the evaluation."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from segae.jobs.calls import CallJob
from segae.jobs.detached import Log
from segae.jobs.events import Failed, Returned
from SegAELib.app.binding import Ui, _
from SegAELib.app.messages import MessageBar, duration
from SegAETrainerLib.runs.commands import command_job, explain_end


class JobBar:
    """One job at a time, in a child process that ends with the panel. Ask `poll` until it is over."""

    def __init__(self, ui: Ui, messages: MessageBar, on_change: Callable[[], None]) -> None:
        self._ui, self._messages, self._on_change = ui, messages, on_change
        self._job: CallJob | None = None
        self._log = Log(Path())
        self._words, self._began = "", 0.0
        self._on_done: Callable[[], None] = lambda: None
        ui.cancelJobButton.connect("clicked()", self.cancel)
        ui.jobBody.setVisible(False)

    @property
    def busy(self) -> bool:
        return self._job is not None

    def start(self, words: str, arguments: Sequence[str], log: Path, on_done: Callable[[], None]) -> None:
        """Begin; `words`: what it does; `on_done` is called when it ended well."""
        if self.busy:
            return
        self._messages.clear()
        with self._messages.telling():
            job, self._log = command_job(arguments, log), Log(log)
            job.start()
            self._job = job
            self._words, self._began, self._on_done = words, time.monotonic(), on_done
            self._show()
        self._on_change()

    def poll(self) -> None:
        """Show how it goes on, and tell of its end."""
        events = [] if self._job is None else self._job.poll()
        if self._job is None or self._job.running:
            self._show()
            return
        self._job = None
        self._show()
        last = events[-1]
        if isinstance(last, Returned):
            why = explain_end(last.value, self._log)
        else:
            why = last.sentence if isinstance(last, Failed) else ""
        if why:
            self._messages.error(why)
        else:
            with self._messages.telling():
                self._on_done()
        self._on_change()

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

    def _show(self) -> None:
        self._ui.jobBody.setVisible(self.busy)
        if self.busy:
            self._ui.jobLabel.text = _("{work} ({time})").format(
                work=self._words, time=duration(time.monotonic() - self._began)
            )
