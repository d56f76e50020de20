"""The panel: who hears of what. Each part does its own work."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from SegAELib.app.binding import Ui, qt, slicer
from SegAELib.app.chart import Chart
from SegAELib.app.colours import Colours, ColoursSection
from SegAELib.app.edit_segment import edit_segment
from SegAELib.app.errors_section import ErrorsSection
from SegAELib.app.exports import export_review, export_scores
from SegAELib.app.idle_tasks import Chores
from SegAELib.app.inputs_section import InputsSection, default_segmentation, default_volume, reference_of
from SegAELib.app.inquiry import Inquiry
from SegAELib.app.messages import MessageBar
from SegAELib.app.model_section import AdvancedSection
from SegAELib.app.names_section import NamesSection
from SegAELib.app.packages_section import PackagesSection
from SegAELib.app.panel_state import show_state
from SegAELib.app.results_section import ResultsSection
from SegAELib.app.review_section import Reviews, ReviewSection
from SegAELib.app.scoring_section import ScoringSection
from SegAELib.app.segment_table import OrganChoices
from SegAELib.app.session import Session
from SegAELib.app.shortcuts import Shortcuts
from SegAELib.mrml.binding import Node

AFTER_EDIT_MS = 500  # an edit with the brush is many; they are looked at when there is a pause


class Panel:
    """Lives as long as the module's widget. `bind` it to a parameter node, `enter` it when it is shown."""

    def __init__(self, ui: Ui) -> None:
        self.ui = ui
        self.parameters: Any = None
        self.session: Session | None = None
        self.reviews: Reviews | None = None
        self._entered = False
        self._applied: dict[tuple[str, ...], list[Any]] = {}
        self._segmentation: Node | None = None  # whose session was loaded last
        self._chores = Chores()
        self.messages = MessageBar(ui.messageLabel)
        self.colours = Colours(self._chores)
        self.inputs = InputsSection(ui, self._update_buttons)
        self.scoring = ScoringSection(ui, self._chores, self.messages, self._scores_came, self._scoring_over)
        inquiry = Inquiry(self.scoring.controller, self.scoring.view, self.messages, self._inquiry_over)
        self.errors = ErrorsSection(ui, inquiry, self.messages)
        self.names = NamesSection(ui, inquiry, self.messages, self._renamed)
        self.results = ResultsSection(
            ui, self.colours, self._current_changed, lambda order: self._set("order", order)
        )
        self.review = ReviewSection(ui, self._marked)
        self._colours_section = ColoursSection(ui, lambda palette: self._set("palette", palette))
        self._chart = Chart(ui.chartSection)
        self.advanced = AdvancedSection(
            ui,
            self.messages,
            lambda model: self._set("model", model),
            lambda device: self._set("device", device),
        )
        self.packages = PackagesSection(ui, self.messages)
        self._shortcuts = Shortcuts(self.results.next, self.results.previous)
        self._edit_timer = qt.QTimer()
        self._edit_timer.setSingleShot(True)
        self._edit_timer.setInterval(AFTER_EDIT_MS)
        self._edit_timer.connect("timeout()", self.check_edits)
        for name, action in {
            "rankButton": self.rank, "rankOneButton": self.rank_one, "rescoreButton": self.rescore,
            "editButton": self.edit, "whereButton": self.show_where, "checkNamesButton": self.check_names,
            "exportScoresButton": self._export_scores,
            "exportReviewButton": self._export_review,
        }.items():  # fmt: skip
            getattr(ui, name).connect("clicked()", action)

    def bind(self, parameters: Any) -> None:
        """Work with a parameter node (`SegAEParameterNode`), None for none."""
        self.parameters, self._applied = parameters, {}
        if parameters is None:
            self._drop_session()
        else:
            self.fill_in()
            self.apply()

    def fill_in(self) -> None:
        """Choose nodes where none are chosen."""
        parameters = self.parameters
        if parameters.segmentation is None:
            parameters.segmentation = default_segmentation(slicer.mrmlScene)
        if parameters.volume is None:
            parameters.volume = default_volume(slicer.mrmlScene, parameters.segmentation)

    def apply(self) -> None:
        """Follow the parameters where they changed."""
        for names, react in (
            (("threshold",), self._threshold_changed),
            (("palette", "opacity"), self._colours_changed),
            (("onlyPoor", "order"), self._filter_changed),
            (("segmentation", "volume"), self._nodes_changed),
            (("showColours", "keepColours"), self._show_colours),
            (("model", "device"), self._model_changed),
        ):
            if self.parameters is None:
                return
            values = [getattr(self.parameters, name) for name in names]
            if self._applied.get(names) != values:
                self._applied[names] = values
                react()

    def enter(self) -> None:
        """The module is shown."""
        self._entered = True
        self._shortcuts.enable(True)
        self.results.follow_views()
        if self.parameters is not None:
            self._show_inputs()
        self.check_edits()
        self._show_colours()

    def leave(self) -> None:
        """Another module is shown: the user's own colours come back. Scoring goes on."""
        self._entered = False
        self._shortcuts.enable(False)
        self.results.stop()
        self.colours.hide()
        self.errors.hide()

    def scene_closing(self) -> None:
        """Nothing of the scene may be touched any more."""
        self.parameters, self._applied = None, {}
        self.scoring.cancel()
        self._chores.clear()
        self.colours.forget()
        self.errors.forget()
        self._chart.forget()
        self._drop_session()

    def node_removed(self, node: Node) -> None:
        """A node is about to go."""
        if self.session is not None and node in (self.session.segmentation, self.session.volume):
            self._drop_session()
            self._applied.pop(("segmentation", "volume"), None)

    def node_added(self) -> None:
        """Something was loaded: choose it, when it is complete and nothing is chosen yet."""
        if self._entered and self.parameters is not None:
            self._chores.add("fill in", self._fill_in_later)
            self.scoring.controller.wake()

    def close(self) -> None:
        """Leave nothing behind: no process, no node, no key."""
        self.scoring.cancel()
        self._drop_session()
        self.scoring.close()
        self.advanced.close()
        self.results.close()
        self._chart.close()
        self._shortcuts.close()
        self._edit_timer.stop()

    def rank(self) -> None:
        """Score all checked segments."""
        if self.session is not None and self.packages.require():
            self.colours.hide()
            started = self._start(self.inputs.table.checked)
            if not started:
                self._show_colours()

    def rank_one(self) -> None:
        """Score the chosen segment only."""
        if self.results.segment is not None and self.packages.require():
            self._start([self.results.segment], merge=True)

    def rescore(self) -> None:
        """Score the slices that were edited since."""
        session = self.session
        if session is None or session.results is None or not self.packages.require():
            return
        self.check_edits()
        only = session.stale_slices(session.results.changes)
        if only:
            self._start(list(only), only=only, merge=True)

    def show_where(self) -> None:
        """Show the errors of the chosen segment, or take them away."""
        key, wanted = self.results.current, bool(self.ui.whereButton.checked)
        self.errors.hide()
        if wanted and self.session is not None and key is not None and self.packages.require():
            self.errors.ask(self.session, self.parameters, key, self.inputs.table.organs)
        self._update_buttons()

    def check_names(self) -> None:
        """Ask which of the checked segments look like something else."""
        if self.session is not None and self.packages.require():
            self.names.check(self.session, self.parameters, self.inputs.table)
            self._update_buttons()

    def edit(self) -> None:
        """Open the Segment Editor on the chosen segment."""
        if self.session is not None and self.results.segment is not None:
            edit_segment(self.session.segmentation, self.results.segment, self.session.volume)

    def check_edits(self) -> None:
        """See what was edited since it was scored."""
        if self.session is None:
            return
        with self.messages.telling():
            if set(self.session.segmentation.GetSegmentation().GetSegmentIDs()) != set(
                self.inputs.table.organs
            ):
                self._show_inputs()
            edited = self.session.check_edits()
            if self.errors.segment in edited:
                self.errors.hide()
            if edited:
                self._refresh()
                self.results.follow_views()

    def _fill_in_later(self) -> None:
        if self.parameters is not None and not slicer.mrmlScene.IsClosing():
            self.fill_in()

    def _start(self, segment_ids: Collection[str], **what: Any) -> bool:
        assert self.session is not None
        # No WaitCursor: it handles events, and another press on the button would come in between.
        organs = self.inputs.table.organs
        started = self.scoring.start(self.session, self.parameters, segment_ids, organs, **what)
        self._refresh()
        return started

    def _scores_came(self, segment_ids: Collection[str]) -> None:
        if not self._colours_fit():
            self._show_colours()
        self.colours.paint(segment_ids)
        self._chores.add("refresh", self._refresh)

    def _scoring_over(self, segment_ids: Collection[str]) -> None:
        if segment_ids and self._colours_fit():
            self.colours.paint(segment_ids)
        else:
            self._show_colours()
        self._refresh()
        self.results.follow_views()
        self._chores.add("edits", self.check_edits)
        self.scoring.controller.wake()

    def _colours_fit(self) -> bool:
        """Whether what is coloured are the scores that are shown."""
        return self.colours.is_shown or not self._may_colour()

    def _may_colour(self) -> bool:
        return bool(
            self._entered and self.parameters is not None and self.parameters.showColours
            and self.session is not None and self.session.shown
        )  # fmt: skip

    def _show_colours(self) -> None:
        self.colours.hide()
        if self._may_colour() and self.session is not None:
            with self.messages.telling():
                self.colours.show(self.session)
                self.colours.keep_with_scene(self.parameters.keepColours)
        if self.parameters is not None:
            self.errors.keep_with_scene(self.parameters.keepColours)
            self.scoring.controller.wake()

    def _nodes_changed(self) -> None:
        """Begin with the chosen nodes; scores that the scene holds are shown."""
        parameters = self.parameters
        if parameters.segmentation is not self._segmentation:
            self._segmentation = parameters.segmentation
            volume = reference_of(parameters.segmentation)
            if volume is None and parameters.volume is None:
                volume = default_volume(slicer.mrmlScene, parameters.segmentation)
            if volume is not None and volume is not parameters.volume:
                parameters.volume = volume  # which brings us here again
                return
        self._drop_session()
        segmentation, volume = self.parameters.segmentation, self.parameters.volume
        self._show_inputs()
        self.messages.clear()
        if segmentation is not None and volume is not None:
            with self.messages.telling():
                self.session = Session(segmentation, volume, self._chores, self._edited)
                self.session.set_threshold(self.parameters.threshold)
                self.reviews = Reviews(segmentation)
                self.session.restore()
        self.results.attach(self.session, self.reviews)
        self._refresh()
        if self._entered:
            self.results.follow_views()
            self._show_colours()

    def _drop_session(self) -> None:
        self.scoring.cancel()
        self.colours.hide()
        self.errors.hide()
        self.names.forget()
        self._chores.finish()
        self.results.stop()
        if self.session is not None:
            self.session.close()
        self.session = self.reviews = self._segmentation = None
        self.results.attach(None, None)
        self._update_buttons()

    def _show_inputs(self) -> None:
        parameters = self.parameters
        self.inputs.show(parameters.segmentation, parameters.volume, OrganChoices(parameters.organs))

    def _edited(self) -> None:
        if self._entered:
            self._edit_timer.start()

    def _refresh(self) -> None:
        self.results.refresh()
        self._current_changed()
        self._update_buttons()

    def _inquiry_over(self) -> None:
        self.errors.over()
        self._update_buttons()
        self.scoring.controller.wake()

    def _renamed(self) -> None:
        self._show_inputs()
        self._refresh()

    def _current_changed(self) -> None:
        self.errors.follow(self.results.segment)
        shown = self.session.shown if self.session is not None else None
        self.review.show(self.reviews, shown, self.results.current)
        segment = self.results.segment
        if shown and segment in shown.scored_ids:
            self._chart.show(shown.name(segment), shown.slices(segment), shown.report.threshold)

    def _marked(self, go_on: bool) -> None:
        self.results.refresh()
        if go_on:
            self.results.next()

    def _threshold_changed(self) -> None:
        self.colours.set_threshold(self.parameters.threshold)
        if self.session is not None:
            self.session.set_threshold(self.parameters.threshold)
        self._colours_section.show(self.colours)
        self._refresh()

    def _colours_changed(self) -> None:
        self.colours.set_palette(self.parameters.palette)
        self.colours.set_opacity(self.parameters.opacity)
        self._colours_section.show(self.colours)
        self._refresh()

    def _filter_changed(self) -> None:
        self.results.only_poor = self.parameters.onlyPoor
        self.results.show_order(self.parameters.order)
        self._refresh()

    def _model_changed(self) -> None:
        self.advanced.show(self.parameters.model, self.parameters.device)

    def _set(self, name: str, value: str) -> None:
        if self.parameters is not None:
            setattr(self.parameters, name, value)

    def _update_buttons(self) -> None:
        table, segment = self.inputs.table, self.results.segment
        show_state(self.ui, self.session, table, segment, self.scoring.running)

    def _export_scores(self) -> None:
        if self.session is not None and self.session.shown:
            report = self.session.shown.whole_report()
            export_scores(self.ui.exportScoresButton, self.messages, report, self.results.order)

    def _export_review(self) -> None:
        if self.reviews is not None:
            export_review(self.ui.exportReviewButton, self.messages, self.reviews)
