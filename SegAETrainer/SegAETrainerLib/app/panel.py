"""The panel: a host for its sections."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from segae.errors import speak_to_panel
from SegAELib.app.binding import Ui, qt
from SegAETrainerLib.app.context import Context, Section
from SegAETrainerLib.app.data_section import DataSection, SetSection
from SegAETrainerLib.app.evaluation_section import EvaluationSection
from SegAETrainerLib.app.progress_section import ProgressSection
from SegAETrainerLib.app.training_section import TrainingSection

# By the name under which the panel offers them, in the order in which they are refreshed.
SECTIONS: dict[str, Callable[[], Section]] = {
    "data": DataSection,
    "pairs": SetSection,
    "training": TrainingSection,
    "progress": ProgressSection,
    "evaluation": EvaluationSection,
}
POLL_MS = 1000
_MOST_ROUNDS = 5  # of refreshing, when a section changes something while it is refreshed


class Panel:
    """Lives as long as the module's widget. It looks at the run folder once a second, so that a training is
    shown whoever started it; a training goes on when the panel is closed."""

    def __init__(self, ui: Ui) -> None:
        speak_to_panel()
        self._refreshing = self._again = False
        self._sections: dict[str, Section] = {}
        self.context = Context(ui, self.refresh)
        for name, make in SECTIONS.items():
            self._sections[name] = make()
        for section in self._sections.values():
            section.attach(self.context)
        self.context.packages.attach(self.context)
        self._timer = qt.QTimer()
        self._timer.setInterval(POLL_MS)
        self._timer.connect("timeout()", self.poll)
        self.refresh()
        self._timer.start()

    def __getattr__(self, name: str) -> Any:
        """A section by its name, or what the sections share."""
        if name.startswith("_") or name == "context":
            raise AttributeError(name)
        return self._sections.get(name) or getattr(self.context, name)

    def refresh(self) -> None:
        """Let every section show what is so now."""
        if self._refreshing:  # a section has changed something meanwhile
            self._again = True
            return
        self._refreshing = True
        try:
            for _round in range(_MOST_ROUNDS):
                self._again = False
                for section in self._sections.values():
                    section.refresh()
                self.context.packages.refresh()
                if not self._again:
                    return
        finally:
            self._refreshing = False

    def poll(self) -> None:
        """See how everything goes on."""
        context, before = self.context, self.context.state
        context.jobs.poll()
        context.look_at_training()
        if context.state != before:
            self.refresh()
        else:
            self.progress.refresh()

    def scene_closing(self) -> None:
        self.progress.scene_closing()

    def close(self) -> None:
        """Leave nothing behind but a training that is on its way."""
        self._timer.stop()
        self.context.close()
        for section in self._sections.values():
            section.detach()
