"""The panel: a host for its sections."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from segae.errors import speak_to_panel
from SegAELib.app.binding import Ui, qt
from SegAELib.app.chart import ChartSection
from SegAELib.app.colours import ColoursSection
from SegAELib.app.compare_section import CompareSection
from SegAELib.app.context import Context, Section
from SegAELib.app.editor_section import EditorSection
from SegAELib.app.errors_section import ErrorsSection, SurfaceSection
from SegAELib.app.inputs_section import InputsSection
from SegAELib.app.load_section import LoadSection
from SegAELib.app.model_section import ModelSection
from SegAELib.app.names_section import NamesSection
from SegAELib.app.packages_section import PackagesSection
from SegAELib.app.recalibrate_section import RecalibrateSection
from SegAELib.app.results_section import ResultsSection
from SegAELib.app.review_section import ReviewSection
from SegAELib.app.scoring_section import ScoringSection
from SegAELib.app.worklist_section import WorklistSection
from SegAELib.mrml.binding import Node

# By the name under which the panel offers them, in the order in which they are refreshed.
SECTIONS: dict[str, Callable[[], Section]] = {
    "worklist": WorklistSection,
    "recalibrate": RecalibrateSection,
    "inputs": InputsSection,
    "load": LoadSection,
    "scoring": ScoringSection,
    "colours": ColoursSection,
    "results": ResultsSection,
    "chart": ChartSection,
    "compare": CompareSection,
    "review": ReviewSection,
    "errors": ErrorsSection,
    "surface": SurfaceSection,
    "editor": EditorSection,
    "names": NamesSection,
    "model": ModelSection,
    "packages": PackagesSection,
}
_MOST_ROUNDS = 5  # of refreshing, when a section changes something while it is refreshed


# Their texts are names of the user, of any length.
_NAMED = ("segmentationSelector", "volumeSelector", "correctNameButton", "rescoreButton")


def _keep_narrow(ui: Ui) -> None:
    """Let no text widen the panel: Slicer's module panel grows with it and never becomes narrow again."""
    widgets = vars(ui).values()
    texts = [widget for widget in widgets if widget.className() == "QLabel" and widget.wordWrap]
    for widget in (*texts, *(getattr(ui, name) for name in _NAMED)):
        policy = widget.sizePolicy
        policy.setHorizontalPolicy(qt.QSizePolicy.Ignored)
        widget.setSizePolicy(policy)


class Panel:
    """Lives as long as the module's widget. `bind` it to a parameter node, `enter` it when it is shown."""

    def __init__(self, ui: Ui) -> None:
        speak_to_panel()
        self._refreshing = self._again = False
        self._sections: dict[str, Section] = {}
        _keep_narrow(ui)
        self.context = Context(ui, self.refresh)
        for name, make in SECTIONS.items():
            self._sections[name] = make()
        for section in self._sections.values():
            section.attach(self.context)
        self.context.need_packages, self.context.ask_for_packages = self.packages.need, self.packages.ask
        self.context.show_where = self.errors.look
        self.context.open_worklist = lambda: self.worklist.worklist
        self.refresh()

    def __getattr__(self, name: str) -> Any:
        """A section by its name, or what the sections share."""
        if name.startswith("_") or name == "context":
            raise AttributeError(name)
        return self._sections.get(name) or getattr(self.context, name)

    def refresh(self) -> None:
        """Let every section show what is so now."""
        if self._refreshing:  # a section, or a parameter that it has set, changed something meanwhile
            self._again = True
            return
        self._refreshing = True
        try:
            for _round in range(_MOST_ROUNDS):
                self._again = False
                self.context.follow_parameters()
                for section in self._sections.values():
                    section.refresh()
                if not self._again:
                    return
        finally:
            self._refreshing = False

    def bind(self, parameters: Any) -> None:
        """Work with a parameter node (`SegAEParameterNode`), None for none."""
        self.context.bind(parameters)

    def enter(self) -> None:
        """The module is shown."""
        self.context.visible = True
        self.context.reread += 1  # names may have been changed in another module
        self.refresh()
        self.context.check_edits()

    def leave(self) -> None:
        """Another module is shown: the user's own colours come back. Scoring goes on."""
        self.context.visible = False
        self.refresh()

    def scene_closing(self) -> None:
        """Nothing of the scene may be touched any more."""
        self.context.bind(None)

    def node_added(self) -> None:
        """Something was loaded."""
        self.context.fill_in_soon()

    def node_removed(self, node: Node) -> None:
        """A node is about to go."""
        self.context.node_removed(node)

    def close(self) -> None:
        """Leave nothing behind: no process, no node, no key."""
        self.context.close()
        self.refresh()
        for section in self._sections.values():
            section.detach()
