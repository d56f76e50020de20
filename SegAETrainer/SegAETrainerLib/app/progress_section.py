"""How a training goes: its state, its curves, and the buttons that stop it and let it go on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from segae_trainer.train.progress import EpochFigures, read_metrics
from SegAELib.app.binding import Ui
from SegAETrainerLib.app.curves import CurveChart, Curves
from SegAETrainerLib.app.words import state_words, time_left
from SegAETrainerLib.runs.training import RESUMABLE, RunState


class ProgressSection:
    """`on_stop` and `on_resume` are called by the buttons."""

    def __init__(self, ui: Ui, on_stop: Callable[[], None], on_resume: Callable[[], None]) -> None:
        self._ui = ui
        self._curves = Curves(ui.curvesBody)
        self._shown: tuple[Path, int, int] | None = None  # the file, when it was written, epochs in all
        self._rows: Sequence[EpochFigures] = ()
        ui.stopButton.connect("clicked()", on_stop)
        ui.resumeButton.connect("clicked()", on_resume)

    @property
    def charts(self) -> Sequence[CurveChart]:
        """Of the loss, and of the correlation."""
        return self._curves.charts

    def show(self, state: RunState | None, metrics: Path | None) -> None:
        """Show a training, or None; raises `InputError` when its curves cannot be read."""
        ui = self._ui
        state = state or RunState("none")
        left = time_left(self._rows, state)
        ui.runInfo.text = " ".join(filter(None, [state_words(state), left, state.message]))
        ui.epochBar.setVisible(state.state != "none")
        ui.epochBar.setRange(0, state.epochs)  # with 0 of 0 it shows that something goes on
        ui.epochBar.setValue(state.epoch)
        ui.stopButton.setVisible(state.state in ("running", "stopping"))
        ui.stopButton.enabled = state.state == "running"
        ui.resumeButton.setVisible(state.state in RESUMABLE)
        self._show_curves(metrics, state.epochs)

    def scene_closing(self) -> None:
        """The scene takes the nodes of the charts along."""
        self._curves.forget()
        self._shown = None

    def close(self) -> None:
        self._curves.close()

    def _show_curves(self, metrics: Path | None, epochs: int) -> None:
        stamp = None
        if metrics is not None and metrics.exists():
            stamp = (metrics, metrics.stat().st_mtime_ns, epochs)
        if stamp is None or stamp != self._shown:
            self._rows = () if metrics is None else read_metrics(metrics)
            self._curves.show(self._rows, epochs)
            self._shown = stamp
