"""The progress bar, the button that stops a run, and what is said about it."""

from __future__ import annotations

from segae.worker.events import Progress
from SegAELib.app.binding import Ui
from SegAELib.app.words import stage_word


class RunView:
    """Shown while something runs; the words stay."""

    def __init__(self, ui: Ui) -> None:
        self._ui = ui
        self._show(False)

    def begin(self) -> None:
        """A run starts."""
        self._show(True)
        self._ui.progressBar.setRange(0, 0)
        self.progress(Progress("starting"))

    def progress(self, progress: Progress) -> None:
        """How far it is."""
        if progress.total:
            self._ui.progressBar.setRange(0, progress.total)
            self._ui.progressBar.setValue(progress.done)
        self._ui.statusLabel.text = stage_word(progress)

    def end(self, text: str = "") -> None:
        """It is over."""
        self._show(False)
        self._ui.statusLabel.text = text

    def _show(self, running: bool) -> None:
        self._ui.progressBar.setVisible(running)
        self._ui.cancelButton.setVisible(running)
