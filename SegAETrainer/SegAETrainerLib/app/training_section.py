"""What is trained, and where."""

from __future__ import annotations

from collections.abc import Callable

from SegAELib.app.binding import Ui, _
from SegAETrainerLib.app.fields import ChoiceField, PathField, Remembered
from SegAETrainerLib.runs.commands import RUN, TrainingChoice, proposed
from SegAETrainerLib.runs.training import RunState


class TrainingSection:
    """`on_start` is called by the button, `on_run` when another run folder is chosen."""

    def __init__(
        self, ui: Ui, remembered: Remembered, on_start: Callable[[], None], on_run: Callable[[], None]
    ) -> None:
        self._ui, self._remembered = ui, remembered
        recipes = {"segae": _("SegAE (ours)"), "published": _("As published")}
        self._recipe = ChoiceField(ui.recipeCombo, "recipe", remembered, recipes)
        networks = {
            "": _("As in the recipe"),
            **{f"resnet{n}": _("ResNet-{layers}").format(layers=n) for n in (18, 34, 50, 101)},
            "small": _("SegAE, small"),
            "wide": _("SegAE, wide"),
        }
        self._network = ChoiceField(ui.networkCombo, "network", remembered, networks)
        devices = {
            "auto": _("Automatic"),
            "cpu": _("Processor (CPU)"),
            "cuda": _("NVIDIA GPU (CUDA)"),
            "mps": _("Apple GPU (MPS)"),
        }
        self._device = ChoiceField(ui.deviceCombo, "device", remembered, devices)
        ui.epochsSpinBox.value = int(remembered.get("epochs", "0"))
        ui.epochsSpinBox.connect("valueChanged(int)", lambda n: remembered.set("epochs", str(n)))
        self.run = PathField(ui.runEdit, "run", remembered, on_run)
        ui.startButton.connect("clicked()", on_start)

    @property
    def choice(self) -> TrainingChoice:
        """What is chosen now."""
        return TrainingChoice(
            self._recipe.value, self._network.value, self._ui.epochsSpinBox.value, self._device.value
        )

    def follow_work_folder(self, before: str, work: str) -> None:
        """A run folder that was proposed lies in the work folder."""
        self.run.set(proposed(self.run.text, before, work, RUN))

    def show(self, state: RunState | None, has_set: bool) -> None:
        """Whether a training can begin, and why not. `state`: of the run folder, None without one."""
        obstacle = _obstacle(state, has_set)
        self._ui.startInfo.text = obstacle
        self._ui.startInfo.setVisible(bool(obstacle))
        self._ui.startButton.enabled = not obstacle


def _obstacle(state: RunState | None, has_set: bool) -> str:
    """Why no training can begin, "" when it can."""
    if not has_set:
        return _("Build or choose a training set above.")
    if state is None:
        return _("Choose a run folder.")
    if state.state == "none":
        return ""
    if state.is_busy:
        return _("This training is on its way, see below. Choose another run folder for another one.")
    return _("This folder holds a training, see below. Choose another run folder for a new one.")
