"""How a training goes: its state, its curves, and the buttons that stop it and let it go on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from segae_trainer.train.progress import EpochFigures, read_metrics
from SegAELib.app.binding import Ui, _
from SegAELib.app.messages import duration
from SegAETrainerLib.app.curves import CurveChart, Curves
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


def state_words(state: RunState) -> str:
    """What a training is doing, and what can be done about it."""
    where = {"epoch": state.epoch, "epochs": state.epochs}
    sentences = {
        "none": _("No training here yet. Press Start training above."),
        "starting": _("Starting; loading the packages can take a minute."),
        "running": _("Running: {epoch} of {epochs} epochs are done. You may close Slicer, it goes on."),
        "stopping": _("Stopping after the step it is at..."),
        "stopped": _("Stopped after {epoch} of {epochs} epochs. Resume goes on from there."),
        "interrupted": _(
            "Interrupted after {epoch} of {epochs} epochs: its process is gone. Resume goes on from there."
        ),
        "failed": _("Failed after {epoch} of {epochs} epochs. Correct the cause, then press Resume."),
        "finished": _("Finished: {epoch} of {epochs} epochs. Evaluate the model below, or use it in SegAE."),
    }
    return sentences[state.state].format(**where)


def time_left(rows: Sequence[EpochFigures], state: RunState) -> str:
    """How long a training that runs will take, by the epochs that it has done; "" while nobody knows."""
    if state.state != "running" or not rows:
        return ""
    per_epoch = sum(row.seconds for row in rows) / len(rows)
    left = duration(per_epoch * (state.epochs - state.epoch))
    return _("About {time} left.").format(time=left)
