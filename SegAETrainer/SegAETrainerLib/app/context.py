"""What the sections of the panel share: what is chosen and found, the work that is done, and word of
changes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from segae.errors import InputError
from SegAELib.app.binding import Ui, Widget, _
from SegAELib.app.dependencies import PackageState, missing_packages
from SegAELib.app.packages_section import PackagesSection
from SegAETrainerLib.app.fields import Remembered
from SegAETrainerLib.app.job_bar import JobBar, PlacedMessages
from SegAETrainerLib.runs.commands import PACKAGES, Task, TrainingChoice
from SegAETrainerLib.runs.contents import SetSummary
from SegAETrainerLib.runs.training import RunState, Training


class Section(Protocol):
    """A part of the panel. It does its work when its widgets are used, and tells `Context.changed`."""

    def attach(self, context: Context) -> None:
        """Connect the widgets; called once, before anything is shown."""
        ...

    def refresh(self) -> None:
        """Show what is so now. Called after every change of anything, so it must be quick when nothing of
        its own has changed."""
        ...

    def detach(self) -> None:
        """Leave nothing behind: no process, no node, no timer."""
        ...


class Context:
    """`work`: the work folder. `index`, `training_set`: the list of scans and the training set that are
    there. `choice`: how to train. `training`, `state`: of the chosen run folder. `missing`: packages that
    keep the last work that was asked for from beginning.

    `refresh` is called by `changed`.
    """

    def __init__(self, ui: Ui, refresh: Callable[[], None]) -> None:
        self.ui = ui
        self.remembered = Remembered()
        self.messages = PlacedMessages(ui.messageLabel)
        self.jobs = JobBar(ui, self.messages, refresh)
        self.work: Path | None = None
        self.index: Path | None = None
        self.training_set: tuple[Path, SetSummary] | None = None
        self.choice = TrainingChoice()
        self.training: Training | None = None
        self.state: RunState | None = None
        self._refresh = refresh
        first: Task = "check"
        self.missing: tuple[PackageState, ...] = missing_packages(PACKAGES[first])
        # Where the word of an installation stands; connected first, so that it stands there in time.
        ui.installButton.connect("clicked()", lambda: self.messages.at(ui.packagesPlace))
        ui.wheelsButton.connect("clicked()", lambda: self.messages.at(ui.packagesPlace))
        self.packages = PackagesSection(PACKAGES[first], task_words(first))

    def changed(self) -> None:
        """Something is another now: every section is refreshed."""
        self._refresh()

    def in_work(self, name: str) -> Path | None:
        """A place in the work folder, when there is one."""
        return None if self.work is None else self.work / name

    def has_packages(self, task: Task) -> bool:
        """Whether work can begin; says what to do when it cannot."""
        self.missing = missing_packages(PACKAGES[task])
        self.packages.need(PACKAGES[task], task_words(task))
        if self.missing:
            self.messages.at(self.ui.packagesPlace)
            self.messages.error(_("Install what is missing first."))
            self.changed()
        return not self.missing

    def begin(self, task: Task, place: Widget) -> bool:
        """Whether work can begin whose button is at `place`."""
        self.messages.at(place)
        return not self.jobs.busy and self.has_packages(task)

    def look_at_training(self) -> str:
        """See what the training of the run folder does now; returns what is wrong with the folder, or ""."""
        try:
            self.state = None if self.training is None else self.training.state()
        except InputError as error:
            self.state = None
            return str(error)
        return ""

    def close(self) -> None:
        """Leave nothing behind: no process, no timer."""
        self.jobs.close()
        self.packages.detach()
        self.messages.close()


def task_words(task: Task) -> str:
    """The beginning of a sentence on what packages are needed for."""
    words = {
        "check": _("Checking data"),
        "build": _("Building a training set"),
        "train": _("Training"),
        "evaluate": _("Evaluating a model"),
    }
    return words[task]
