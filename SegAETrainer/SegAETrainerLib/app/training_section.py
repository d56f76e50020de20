"""What is trained, and where; what that will take; and the button that begins it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from SegAELib.app.binding import _
from SegAELib.app.dependencies import megabytes
from SegAELib.app.messages import counted, duration
from SegAETrainerLib.app.context import Context
from SegAETrainerLib.app.fields import ChoiceField, PathField
from SegAETrainerLib.runs.commands import RUN, TrainingChoice, train_arguments
from SegAETrainerLib.runs.plan import Plan, estimate_job
from SegAETrainerLib.runs.training import (
    RunState,
    Training,
    best_lcc,
    find_runs,
    read_orders,
    write_orders,
)


class TrainingSection:
    """The run folder, the settings of a training, and its beginning and end."""

    def attach(self, context: Context) -> None:
        self._context, ui = context, context.ui
        remembered, changed = context.remembered, context.changed
        recipes = {"segae": _("SegAE (the model that ships)"), "published": _("As published")}
        networks = {
            "": _("As in the recipe"),
            **{f"resnet{n}": _("ResNet-{layers}").format(layers=n) for n in (18, 34, 50, 101)},
            "small": _("SegAE, small"),
            "base": _("SegAE, base"),
            "wide": _("SegAE, wide"),
        }
        devices = {
            "auto": _("Automatic"),
            "cpu": _("Processor (CPU)"),
            "cuda": _("NVIDIA GPU (CUDA)"),
            "mps": _("Apple GPU (MPS)"),
        }
        self._recipe = ChoiceField(ui.recipeCombo, "recipe", remembered, recipes, changed)
        self._network = ChoiceField(ui.networkCombo, "network", remembered, networks, changed)
        self._device = ChoiceField(ui.deviceCombo, "device", remembered, devices, changed)
        self._weights = PathField(ui.weightsEdit, "weights", remembered, changed, name_filter="*.safetensors")
        ui.epochsSpinBox.value = int(remembered.get("epochs", "0"))
        ui.epochsSpinBox.connect("valueChanged(int)", self._epochs_changed)
        self.run = PathField(ui.runEdit, "run", remembered, changed)
        self._plan: tuple[Any, Plan] | None = None  # and what it is about
        self._listed: object = None
        self._folded: bool | None = None
        ui.runsCombo.connect("activated(int)", self._choose_run)
        ui.newRunButton.connect("clicked()", self._new_run)
        for button, work in (
            (ui.planButton, self._estimate),
            (ui.startButton, self._start),
            (ui.stopButton, self._stop),
            (ui.resumeButton, self._resume),
        ):
            button.connect("clicked()", work)

    @property
    def choice(self) -> TrainingChoice:
        """What is chosen now."""
        return TrainingChoice(
            self._recipe.value, self._network.value, self._context.ui.epochsSpinBox.value,
            self._device.value, self._weights.path,
        )  # fmt: skip

    def refresh(self) -> None:
        """Whether a training can begin, and why not; what it will take."""
        context, ui = self._context, self._context.ui
        context.choice = self.choice
        self.run.propose(context.in_work(RUN.format(1)))
        path = self.run.path
        if path != (None if context.training is None else context.training.run.path):
            context.training = None if path is None else Training(path)
            context.look_at_training()
        self._list_runs()
        obstacle = _obstacle(context.state, context.training_set is not None)
        new = context.state is not None and context.state.state == "none"
        ui.startInfo.text = obstacle
        ui.startInfo.setVisible(bool(obstacle))
        ui.startButton.enabled = not obstacle
        ui.startButton.setVisible(new or context.state is None)
        ui.planButton.enabled = not obstacle and not context.jobs.busy
        ui.planButton.setVisible(ui.startButton.visible)
        ui.newRunButton.enabled = context.work is not None
        download = context.choice.download if new else None
        ui.downloadInfo.setVisible(download is not None)
        if download is not None:
            ui.downloadInfo.text = _(
                "The training begins with ImageNet weights of {network}. It downloads them ({size} MB) "
                "unless this computer has them; nothing is sent."
            ).format(network=download[0], size=download[1])
        self._show_plan(new)
        if new != self._folded:  # a training that is there has its settings
            self._folded = new
            ui.settingsBox.collapsed = not new

    def detach(self) -> None:
        """Nothing stays behind."""

    def _epochs_changed(self, count: int) -> None:
        self._context.remembered.set("epochs", str(count))
        self._context.changed()

    # The run folder

    def _list_runs(self) -> None:
        """The trainings of the work folder, and which of them is shown."""
        context, combo = self._context, self._context.ui.runsCombo
        found = () if context.work is None else find_runs(context.work)
        states = tuple(map(run_words, found))
        if (found, states) != self._listed:
            self._listed = (found, states)
            combo.clear()
            combo.addItem(_("Trainings here: {count}").format(count=len(found)), "")
            for path, words in zip(found, states, strict=True):
                combo.addItem(words, str(path))
            combo.enabled = bool(found)
        combo.setCurrentIndex(max(0, combo.findData(self.run.text or "-")))

    def _choose_run(self, place: int) -> None:
        path = self._context.ui.runsCombo.itemData(place)
        if path:
            self.run.set(path)

    def _new_run(self) -> None:
        """Choose the first folder of the work folder that is not there yet."""
        number = 1
        while (path := self._context.in_work(RUN.format(number))) is not None and path.exists():
            number += 1
        if path is not None:
            self.run.set(path)

    # What it takes

    def _estimate(self) -> None:
        context, about = self._context, self._about
        if context.training_set is None or context.training is None:
            return
        if not context.begin("train", context.ui.startPlace):
            return

        def end(values: dict[str, Any]) -> str:
            self._plan = about, Plan(**values)
            return ""

        job = estimate_job(context.training_set[0], context.training.run.path, self.choice)
        context.jobs.call(context.ui.startPlace, _("Estimating"), job, end)

    @property
    def _about(self) -> tuple[object, ...]:
        """What an estimate depends on."""
        return self.choice, self._context.training_set

    def _show_plan(self, new: bool) -> None:
        label = self._context.ui.planInfo
        fresh = self._plan is not None and self._plan[0] == self._about
        label.setVisible(new and fresh)
        if self._plan is not None and fresh:
            label.text = plan_words(self._plan[1])

    # Beginning and end

    def _start(self) -> None:
        """Begin a training with what is chosen."""
        context = self._context
        training, pairs = context.training, context.training_set
        if training is not None and pairs is not None and context.begin("train", context.ui.startPlace):
            arguments = train_arguments(pairs[0], training.run.path, self.choice)

            def go() -> None:
                write_orders(training.run, arguments)
                training.start(arguments)

            self._do(go)

    def _resume(self) -> None:
        """Go on with a training, as it was started; one that was not started here, with what is chosen."""
        context, training = self._context, self._context.training
        if training is not None and context.begin("train", context.ui.startPlace):
            with context.messages.telling():
                orders = read_orders(training.run)
                if orders is None:
                    self._start()
                else:
                    self._do(lambda: training.start(orders))

    def _stop(self) -> None:
        """Ask the training to end after its step."""
        context = self._context
        context.messages.at(context.ui.startPlace)
        if context.training is not None:
            self._do(context.training.request_stop)

    def _do(self, work: Callable[[], None]) -> None:
        context = self._context
        with context.messages.telling():
            work()
        context.look_at_training()
        context.changed()


def epochs_words(count: int) -> str:
    """So many epochs."""
    return counted(count, _("{count} epoch"), _("{count} epochs"))


def run_words(folder: Path) -> str:
    """A training in one line."""
    state, lcc = best_lcc(folder)
    words = {
        "running": _("{name}: running, {epoch} of {epochs}"),
        "stopping": _("{name}: running, {epoch} of {epochs}"),
        "finished": _("{name}: finished, {epochs}"),
    }.get(state.state, _("{name}: {epoch} of {epochs}"))
    text = words.format(name=folder.name, epoch=state.epoch, epochs=epochs_words(state.epochs))
    return text if lcc is None else _("{text}, LCC {lcc}").format(text=text, lcc=f"{lcc:.2f}")


def plan_words(plan: Plan) -> str:
    """What a training will take."""
    memory = "" if plan.memory is None else _(" with {size} of memory").format(size=megabytes(plan.memory))
    text = _(
        "On {device}{memory}: about {time} for {steps} steps, if nothing else runs there. On disk about "
        "{disk}; {free} are free."
    ).format(
        device=plan.device, memory=memory, time=duration(plan.seconds), steps=f"{plan.steps:,}",
        disk=megabytes(plan.disk), free=megabytes(plan.free),
    )  # fmt: skip
    return text if plan.fits else _("{text} That is not enough: choose another disk.").format(text=text)


def _obstacle(state: RunState | None, has_set: bool) -> str:
    """Why no training can begin, "" when it can."""
    if not has_set:
        return _("Build or choose a training set above.")
    if state is None:
        return _("Choose a run folder.")
    if state.state == "none":
        return ""
    if state.is_busy:
        return _("This training is on its way. Press New for another one.")
    return _("This folder holds a training. Press New for another one.")
