"""How a training goes: its state, its first weights, its curves, the epoch of the model, its log."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from segae.errors import InputError
from segae.jobs.detached import Log
from segae_trainer.train.progress import EpochFigures, Progress, read_metrics
from segae_trainer.train.run_folder import read_config
from SegAELib.app.binding import _
from SegAELib.app.messages import duration
from SegAETrainerLib.app.context import Context
from SegAETrainerLib.app.curves import CurveChart, Curves
from SegAETrainerLib.app.training_section import epochs_words
from SegAETrainerLib.runs.contents import stamp
from SegAETrainerLib.runs.training import RESUMABLE, RunState


class ProgressSection:
    """Follows the training of the run folder, whoever started it."""

    def attach(self, context: Context) -> None:
        self._context, ui = context, context.ui
        self._curves = Curves(ui.curvesBody)
        self._shown: tuple[object, ...] | None = None
        self._rows: Sequence[EpochFigures] = ()
        self._log_stamp: object = ""
        self._was: RunState | None = None
        ui.logBox.collapsed = True
        ui.logCheckBox.connect("toggled(bool)", self._axis_changed)
        ui.logBox.connect("toggled(bool)", self.refresh)

    @property
    def charts(self) -> Sequence[CurveChart]:
        """Of the loss, the correlation, and the mean absolute error."""
        return self._curves.charts

    def refresh(self, *_unused: object) -> None:
        """Show the training."""
        ui, state = self._context.ui, self._context.state
        problem = ""
        try:
            self._show_curves()
        except InputError as error:
            problem = str(error)
        if self._context.training is not None and state is None:
            problem = self._context.look_at_training()
        shown = state or RunState("none")
        left = time_left(self._rows, shown)
        ui.runInfo.text = problem or " ".join(filter(None, [state_words(shown), left, shown.message]))
        ui.epochBar.setVisible(shown.state != "none")
        ui.epochBar.setRange(0, shown.epochs)  # with 0 of 0 it shows that something goes on
        ui.epochBar.setValue(shown.epoch)
        ui.stopButton.setVisible(shown.state in ("running", "stopping"))
        ui.stopButton.enabled = shown.state == "running"
        ui.resumeButton.setVisible(shown.state in RESUMABLE)
        self._show_log()
        self._tell_end()

    def scene_closing(self) -> None:
        """The scene takes the nodes of the charts along."""
        self._curves.forget()
        self._shown = None

    def detach(self) -> None:
        self._curves.close()

    def _tell_end(self) -> None:
        """A training that ended otherwise than asked for while it was watched says why where it began."""
        before, now = self._was, self._context.state
        self._was = now
        if before is not None and before.is_busy and now is not None and now.went_wrong:
            self._context.messages.at(self._context.ui.startPlace)
            self._context.messages.error(now.message)

    def _axis_changed(self, *_unused: object) -> None:
        self._shown = None
        self.refresh()

    def _show_curves(self) -> None:
        """Raises `InputError` when they cannot be read."""
        training, ui = self._context.training, self._context.ui
        run = None if training is None else training.run
        state = self._context.state or RunState("none")
        now = (run, None if run is None else (stamp(run.metrics), stamp(run.config)), state.epochs)
        if now == self._shown:
            return
        self._shown, self._rows = now, ()
        config = None if run is None else read_config(run)
        self._rows = () if run is None else read_metrics(run.metrics)
        begun = "" if config is None else str(config.get("start", ""))
        ui.weightsInfo.text = _("It began with {start}.").format(start=begun)
        ui.weightsInfo.setVisible(bool(begun))
        chosen = chosen_epoch(self._rows, config)
        ui.chosenInfo.text = chosen_words(chosen, config)
        self._curves.show(self._rows, state.epochs, chosen, logarithmic=ui.logCheckBox.checked)

    def _show_log(self) -> None:
        training, ui = self._context.training, self._context.ui
        path = None if training is None else training.run.log
        now = stamp(path)
        ui.logBox.setVisible(now is not None)
        if path is not None and not ui.logBox.collapsed and (path, now) != self._log_stamp:
            self._log_stamp = (path, now)
            ui.logText.plainText = log_text(path)


def log_text(path: Path) -> str:
    """The end of a log."""
    return "\n".join(Log(path, whole=True).lines())


def chosen_epoch(rows: Sequence[EpochFigures], config: dict | None) -> EpochFigures | None:
    """The epoch whose weights are the model, so far."""
    if _takes_last(config):
        return rows[-1] if rows else None
    return Progress(history=list(rows)).best


def chosen_words(chosen: EpochFigures | None, config: dict | None) -> str:
    """Which epoch becomes the model, and why."""
    if chosen is None:
        return ""
    if math.isfinite(chosen.val_lcc):
        figures = _("LCC {lcc}, mean absolute error {mae} on validation scans").format(
            lcc=f"{chosen.val_lcc:.3f}", mae=f"{chosen.val_mae:.3f}"
        )
    else:
        figures = _("nothing was measured on validation scans")
    if _takes_last(config):
        text = _(
            "The model is the moving average of the weights, now after epoch {epoch}, counted from 0: "
            "{figures}."
        )
    else:
        text = _(
            "The model is that of epoch {epoch}, counted from 0, the one with the highest LCC so far: "
            "{figures}."
        )
    return text.format(epoch=chosen.epoch, figures=figures)


def _takes_last(config: dict | None) -> bool:
    recipe = {} if config is None else config["learning"].get("recipe", {})
    return recipe.get("select") == "last"


def state_words(state: RunState) -> str:
    """What a training is doing, and what can be done about it."""
    where = {"epoch": state.epoch, "epochs": epochs_words(state.epochs)}
    sentences = {
        "none": _("No training here yet. Press Start training."),
        "starting": _("Starting; loading the packages can take a minute."),
        "running": _("Running: {epoch} of {epochs} are done. You may close Slicer, it goes on."),
        "stopping": _("Stopping after the step it is at..."),
        "stopped": _("Stopped after {epoch} of {epochs}. Resume goes on from there."),
        "interrupted": _(
            "Interrupted after {epoch} of {epochs}: its process is gone. Resume goes on from there."
        ),
        "failed": _("Failed after {epoch} of {epochs}. Correct the cause, then press Resume."),
        "finished": _("Finished: {epoch} of {epochs}. Evaluate the model below, or use it in SegAE."),
    }
    return sentences[state.state].format(**where)


def time_left(rows: Sequence[EpochFigures], state: RunState) -> str:
    """How long a training that runs will take, by the epochs that it has done; "" while nobody knows."""
    if state.state != "running" or not rows:
        return ""
    per_epoch = sum(row.seconds for row in rows) / len(rows)
    left = duration(per_epoch * (state.epochs - state.epoch))
    return _("About {time} left.").format(time=left)
