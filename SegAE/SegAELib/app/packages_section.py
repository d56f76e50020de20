"""What a task needs that Slicer does not bring along, and the button that installs it."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from SegAELib.app.binding import Ui, _, qt, slicer
from SegAELib.app.dependencies import (
    REQUIRED,
    DependencyError,
    PackageState,
    application_tools,
    explain_missing,
    install,
    missing_packages,
    package_states,
)
from SegAELib.app.messages import MessageBar


class Host(Protocol):
    """What the section needs to know of a panel. `missing`: packages that keep it from working."""

    ui: Ui
    messages: MessageBar
    missing: tuple[PackageState, ...]


class PackagesSection:
    """Nothing is installed before the user presses the button. `required`: name and lowest version of each
    package; `purpose`: what needs them, as the beginning of a sentence."""

    def __init__(self, required: dict[str, str] = REQUIRED, purpose: str = "") -> None:
        self._required, self._purpose = required, purpose or _("Scoring")

    def attach(self, context: Host) -> None:
        self._host, self._ui, self._messages = context, context.ui, context.messages
        self._shown: tuple[PackageState, ...] | None = None
        self._ui.installButton.connect("clicked()", self._install_from_index)
        self._ui.wheelsButton.connect("clicked()", self._install_from_files)

    def refresh(self) -> None:
        """Show what is there and what is missing."""
        missing, ui = self._host.missing, self._ui
        if missing == self._shown:
            if missing and self._messages.text:
                ui.packagesSection.collapsed = False
            return
        self._shown = missing
        if missing:
            ui.packagesLabel.text = explain_missing(missing, self._purpose)
            ui.packagesSection.collapsed = False
        else:
            installed = (f"{state.name} {state.installed}" for state in package_states(self._required))
            ui.packagesLabel.text = _("Everything is installed: {packages}.").format(
                packages=", ".join(installed)
            )
        ui.installButton.setVisible(bool(missing))
        ui.wheelsButton.setVisible(bool(missing))

    def detach(self) -> None:
        """Nothing stays behind."""

    def _install_from_index(self) -> None:
        self._install(None)

    def _install_from_files(self) -> None:
        folder = qt.QFileDialog.getExistingDirectory(self._ui.wheelsButton, _("Folder with wheel files"))
        if folder:
            self._install(Path(folder))

    def _install(self, wheels: Path | None) -> None:
        self._messages.clear()
        # The wait cursor handles events: a second press on a button must not come in between.
        self._enable(False)
        try:
            with slicer.util.WaitCursor():
                install(application_tools(), missing_packages(self._required), wheels=wheels)
        except DependencyError as error:
            self._messages.error(str(error))
        else:
            self._messages.info(_("Everything is installed."))
        finally:
            self._enable(True)
        self._host.missing = missing_packages(self._required)
        self.refresh()

    def _enable(self, enabled: bool) -> None:
        for button in (self._ui.installButton, self._ui.wheelsButton):
            button.enabled = enabled
