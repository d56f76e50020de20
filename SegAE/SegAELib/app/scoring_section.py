"""Ranking: what is scored, what can be pressed, and what is said while there are no scores."""

from __future__ import annotations

from collections.abc import Collection, Generator, Mapping
from dataclasses import replace

from segae.errors import SegAEError
from segae.jobs.events import Failed, Finished, Result
from segae.jobs.settings import JobSettings
from segae.results.types import SliceResult
from segae.scoring.options import ScoringOptions
from SegAELib.app.binding import _
from SegAELib.app.context import Context
from SegAELib.app.messages import counted, duration
from SegAELib.app.model_facts import ModelFacts
from SegAELib.app.runs import RunListener, Work
from SegAELib.app.session import Attempt, Session

TEN = 10


class ScoringSection:
    """Scores the segments of the session, all of them, one, or what was edited."""

    def attach(self, context: Context) -> None:
        self._context = context
        for name, action in {
            "rankButton": self.rank, "rankOneButton": self.rank_one, "rescoreButton": self.rescore,
            "cancelButton": context.runs.cancel,
        }.items():  # fmt: skip
            getattr(context.ui, name).connect("clicked()", action)

    def refresh(self) -> None:
        """What can be pressed, what was edited, and what the preflight had to say."""
        context, ui = self._context, self._context.ui
        running, chosen = context.runs.running, context.segment is not None
        if context.rescore_due and context.visible and not running:
            context.rescore_due = False
            context.later("re-score", self.rescore)
        obstacle = _obstacle(context)
        ui.rankButton.enabled = not running and not obstacle
        ui.rankButton.toolTip = obstacle or _("Predict the Dice of every slice of the checked segments.")
        ui.rankOneButton.enabled = not running and chosen
        ui.emptyLabel.setVisible(context.results is None)
        ui.emptyLabel.text = (
            _("Scoring...") if running else obstacle or _("No scores yet. Press Rank segments by quality.")
        )
        self._show_changes()
        findings = () if context.results is None else context.results.report.findings
        notes = [finding.message for finding in findings if finding.severity != "info"]
        ui.notesBox.setVisible(bool(notes))
        ui.notesLabel.text = "\n".join(notes)

    def detach(self) -> None:
        """Nothing stays behind: the context ends what runs."""

    @property
    def running(self) -> bool:
        """Whether anything runs, be it a question about masks."""
        return self._context.runs.running

    def rank(self) -> None:
        """Score all checked segments."""
        if self._context.has_packages():
            self._start(self._context.checked)

    def rank_one(self) -> None:
        """Score the chosen segment only."""
        segment = self._context.segment
        if segment is not None and self._context.has_packages():
            self._start([segment], merge=True)

    def rescore(self) -> None:
        """Score the slices that were edited since."""
        context = self._context
        if not context.has_packages():
            return
        context.check_edits()
        session = context.session
        only = {} if session is None or session.results is None else session.stale_slices()
        if only:
            self._start(list(only), only=only, merge=True)

    def _start(
        self,
        segment_ids: Collection[str],
        *,
        only: Mapping[str, Collection[int]] | None = None,
        merge: bool = False,
    ) -> None:
        """Score segments, `only` some of their slices, as the parameters say."""
        context, session = self._context, self._context.session
        if session is None or context.runs.running:
            return
        # No WaitCursor: it handles events, and another press on the button would come in between.
        context.messages.clear()
        with context.messages.telling():
            facts = ModelFacts.of(context.parameters.model)
            slices = TEN if context.parameters.tenSlices else None
            settings = context.job_settings(facts, options=ScoringOptions(slices=slices))
            reading = session.begin(facts, segment_ids, dict(context.organs), only=only, merge=merge)
            work = self._work(reading, settings)
            context.runs.start(work, len(segment_ids), self._listener(session))
        context.changed()

    def _work(self, reading: Generator[int, None, Attempt], settings: JobSettings) -> Work:
        attempt = yield from reading
        self._context.change_soon()  # what was shown is replaced by what comes in
        options = replace(settings.options, only=attempt.only)
        return attempt.case.volume, attempt.case.segmentation, replace(settings, options=options)

    def _listener(self, session: Session) -> RunListener:
        context = self._context

        def scores(slices: Mapping[int, tuple[SliceResult, ...]]) -> None:
            session.take(slices)
            context.change_soon()

        def finished(result: Result) -> None:
            assert isinstance(result, Finished)
            report = result.report
            try:
                merged = session.attempt is not None and session.attempt.merge
                session.complete(report)
                context.ui.inputsSection.collapsed = context.ui.inputsSection.collapsed or not merged
                time = duration(report.timings.get("total", 0.0))
                one, many = _("{count} slice scored in {time}."), _("{count} slices scored in {time}.")
                context.runs.say(counted(report.n_slices, one, many, time=time))
            except SegAEError as error:
                context.messages.error(str(error))
            over()

        def failed(failure: Failed) -> None:
            session.abandon()
            context.messages.error(failure.sentence)
            over()

        def cancelled() -> None:
            session.abandon()
            over()

        def over() -> None:
            context.check_edits_soon()
            context.changed()

        return RunListener(finished, failed, cancelled, scores)

    def _show_changes(self) -> None:
        context, button = self._context, self._context.ui.rescoreButton
        results = None if context.session is None else context.session.results
        changes = {} if results is None else results.changes
        slices = sum(len(change.rescore) + len(change.removed) for change in changes.values())
        button.setVisible(bool(changes))
        button.enabled = not context.runs.running
        button.text = counted(
            slices, _("Re-score {count} changed slice"), _("Re-score {count} changed slices")
        )


def _obstacle(context: Context) -> str:
    """Why ranking cannot begin, "" when it can."""
    if context.session is None:
        return _("Choose a segmentation and its CT above.")
    if not context.checked:
        return _("Check at least one segment above.")
    if all(context.organs[segment_id].structure is None for segment_id in context.checked):
        return _("Choose the organ of at least one checked segment above.")
    return ""
