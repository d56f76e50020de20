"""What a task needs that Slicer does not bring along, and the button that installs it."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from segae.errors import SegAEError
from segae.jobs.calls import CallJob
from segae.jobs.events import Failed, Progress, Returned
from SegAELib.app.binding import Ui, _, qt, slicer
from SegAELib.app.dependencies import (
    REQUIRED,
    PackageState,
    Plan,
    downloads_from,
    explain_missing,
    install_job,
    install_torch,
    missing_packages,
    package_states,
    plan_of,
    verify_job,
)
from SegAELib.app.messages import MessageBar, bring_into_view

POLL_MS = 200


class Host(Protocol):
    """What the section needs to know of a panel. `missing`: packages that keep it from working."""

    ui: Ui
    missing: tuple[PackageState, ...]

    @property
    def messages(self) -> MessageBar: ...

    def changed(self) -> None: ...


class PackagesSection:
    """Nothing is installed before the user has seen what and how much, and pressed the button again.

    `required`: name and lowest version of each package; `purpose`: what needs them, as the beginning of a
    sentence. `need` changes both.
    """

    def __init__(self, required: dict[str, str] = REQUIRED, purpose: str = "") -> None:
        self._required, self._purpose = required, purpose or _("Scoring")

    def attach(self, context: Host) -> None:
        self._host, self._ui, self._messages = context, context.ui, context.messages
        self._shown: tuple[str, tuple[PackageState, ...]] | None = None
        self._plan: Plan | None = None
        self._job: CallJob | None = None
        self._then: Callable[[Any], None] = lambda _value: None
        self._timer = qt.QTimer()
        self._timer.setInterval(POLL_MS)
        self._timer.connect("timeout()", self.poll)
        self._ui.installButton.connect("clicked()", self._pressed)
        self._ui.wheelsButton.connect("clicked()", self._choose_files)
        self._ui.cancelInstallButton.connect("clicked()", self._cancel)
        self._show_work("")

    @property
    def busy(self) -> bool:
        """Whether it looks for packages, installs or checks them."""
        return self._job is not None

    def need(self, required: dict[str, str], purpose: str) -> None:
        """What is needed from now on, and what for."""
        if (required, purpose) != (self._required, self._purpose):
            self._required, self._purpose, self._plan = required, purpose, None
            self.refresh()

    def refresh(self) -> None:
        """Show what is there and what is missing."""
        missing, ui = self._host.missing, self._ui
        if (self._purpose, missing) == self._shown:
            if missing and self._messages.text:
                ui.packagesSection.collapsed = False
            return
        self._shown = (self._purpose, missing)
        if missing:
            ui.packagesLabel.text = explain_missing(missing, self._purpose)
            ui.packagesSection.collapsed = False
        else:
            installed = (f"{state.name} {state.installed}" for state in package_states(self._required))
            ui.packagesLabel.text = _("Everything is installed: {packages}.").format(
                packages=", ".join(installed)
            )
        self._show_buttons()

    def poll(self) -> None:
        """Show how the work goes on, and go to the next step at its end."""
        for event in [] if self._job is None else self._job.poll():
            if isinstance(event, Progress):
                self._show_work(_stage(event), event.done, event.total)
            elif isinstance(event, Failed):
                self._end()
                self._messages.error(event.sentence)
            elif isinstance(event, Returned):
                then = self._then
                self._end()
                then(event.value)

    def ask(self) -> None:
        """Something was to be done that needs what is missing: ask there what is to be installed."""
        if self._host.missing and not self.busy and self._plan is None:
            self._messages.bring(self._ui.packagesSection)
            self._ui.packagesSection.collapsed = False
            self._look(None)

    def detach(self) -> None:
        """Stop what is running; nothing stays behind."""
        self._timer.stop()
        if self._job is not None:
            self._job.close()
            self._job = None

    def _pressed(self) -> None:
        if self._plan is None:
            self._look(None)
        else:
            self._install(self._plan)

    def _choose_files(self) -> None:
        folder = qt.QFileDialog.getExistingDirectory(self._ui.wheelsButton, _("Folder with wheel files"))
        if folder:
            self._look(Path(folder))

    def _look(self, wheels: Path | None) -> None:
        """Find out what would be installed, and ask."""
        self._messages.clear()
        with self._messages.telling():
            plan = plan_of(missing_packages(self._required), wheels)
            if isinstance(plan, Plan):
                self._ask(plan)
            else:
                words = _("Finding out what belongs to it...")
                self._begin(plan, words, lambda found: self._ask(Plan(downloads_from(found), wheels=wheels)))

    def _ask(self, plan: Plan) -> None:
        self._plan = plan
        self._ui.packagesLabel.text = plan.question()
        bring_into_view(self._ui.packagesLabel)
        self._show_buttons()

    def _install(self, plan: Plan) -> None:
        self._plan = None
        if not plan.through_extension:
            self._begin(install_job(plan), _("Installing..."), lambda _value: self._check())
            return
        self._show_work(_("The PyTorch extension installs torch..."))
        self._ui.installButton.enabled = False  # the wait cursor handles events
        try:
            with slicer.util.WaitCursor():
                install_torch()
        except SegAEError as error:
            self._messages.error(str(error))
            return
        finally:
            self._show_work("")
            self._ui.installButton.enabled = True
        self._host.missing = missing_packages(self._required)
        if self._host.missing:
            self._look(None)
        else:
            self._check()

    def _check(self) -> None:
        self._begin(
            verify_job(self._required), _("Checking what was installed..."), lambda _value: self._done()
        )

    def _done(self) -> None:
        importlib.invalidate_caches()
        self._host.missing = missing_packages(self._required)
        self._messages.info(_("Everything is installed."))
        self._host.changed()

    def _cancel(self) -> None:
        running = self._job is not None
        if self._job is not None:
            self._job.close()
        self._end()
        self._plan, self._shown = None, None
        if running:
            self._messages.info(_("Stopped. What was not installed yet is not there."))
        self.refresh()

    def _begin(self, job: CallJob, words: str, then: Callable[[Any], None]) -> None:
        with self._messages.telling():
            job.start()
            self._job, self._then = job, then
            self._show_work(words)
            self._timer.start()

    def _end(self) -> None:
        self._timer.stop()
        self._job = None
        self._show_work("")

    def _show_work(self, words: str, done: int = 0, total: int = 0) -> None:
        """What is being done; "" for nothing."""
        bar = self._ui.packagesBar
        bar.setVisible(bool(words))
        bar.setRange(0, total)
        bar.setValue(done)
        if words:
            self._ui.packagesLabel.text = words
        self._show_buttons()

    def _show_buttons(self) -> None:
        ui, missing = self._ui, bool(self._host.missing)
        working = self._job is not None
        ui.installButton.setVisible(missing and not working)
        ui.installButton.text = _("Install what is missing...") if self._plan is None else _("Install this")
        ui.wheelsButton.setVisible(missing and not working and self._plan is None)
        ui.cancelInstallButton.setVisible(working or self._plan is not None)


def _stage(progress: Progress) -> str:
    stages = {
        "asking pip": _("Finding out what belongs to it..."),
        "asking for sizes": _("Asking for sizes: {done} of {total}"),
        "downloading": _("Downloading: {done} of {total} packages"),
        "installing": _("Installing..."),
    }
    return stages[progress.stage].format(done=progress.done, total=progress.total)
