"""The buttons that start and stop scoring, and how far it is."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from segae.errors import SegAEError
from segae.report import QualityReport, SliceScore
from segae.scoring.options import ScoringOptions
from segae.worker.events import Failed, Progress
from segae.worker.settings import JobSettings
from SegAELib.app.binding import Ui, _
from SegAELib.app.chores import Chores
from SegAELib.app.message_bar import MessageBar
from SegAELib.app.model_facts import ModelFacts
from SegAELib.app.run_controller import RunController, RunListener
from SegAELib.app.session import Session
from SegAELib.app.words import duration, stage_word
from SegAELib.mrml.organ_guess import OrganGuess

TEN = 10


class ScoringSection:
    """Runs one session's scoring. `on_scores`: ids of segments that got scores; `on_over`: the same at the
    end, however it came."""

    def __init__(
        self,
        ui: Ui,
        chores: Chores,
        messages: MessageBar,
        on_scores: Callable[[Collection[str]], None],
        on_over: Callable[[Collection[str]], None],
    ) -> None:
        self._ui, self._messages = ui, messages
        self._on_scores, self._on_over = on_scores, on_over
        self._session: Session | None = None
        self.controller = RunController(
            RunListener(self._progress, self._scores, self._finished, self._failed, self._cancelled), chores
        )
        ui.cancelButton.connect("clicked()", self.cancel)
        self._show_running(False)

    @property
    def running(self) -> bool:
        return self.controller.running

    def start(
        self,
        session: Session,
        parameters: Any,
        segment_ids: Collection[str],
        organs: Mapping[str, OrganGuess],
        *,
        only: Mapping[str, Collection[int]] | None = None,
        merge: bool = False,
    ) -> bool:
        """Score segments, `only` some of their slices, as the parameters say; whether it began."""
        if self.running:
            return False
        self._messages.clear()
        with self._messages.telling():
            facts = ModelFacts.of(parameters.model)
            attempt = session.begin(facts, segment_ids, organs, only=only, merge=merge)
            settings = JobSettings(
                model=str(facts.path),
                device=parameters.device,
                batch_size=parameters.batchSize,
                case=session.volume.GetName(),
                options=ScoringOptions(slices=TEN if parameters.tenSlices else None, only=attempt.only),
            )
            self._session = session
            self.controller.start(
                attempt.case.volume, attempt.case.segmentation, settings, in_process=parameters.inProcess
            )
            self._show_running(True)
            return True
        return False

    def cancel(self) -> None:
        """Stop at once."""
        self.controller.cancel()

    def close(self) -> None:
        """Stop, and end the child process."""
        self.controller.close()
        self._session = None

    def _show_running(self, running: bool) -> None:
        self._ui.progressBar.setVisible(running)
        self._ui.cancelButton.setVisible(running)
        if running:
            self._ui.progressBar.setRange(0, 0)
            self._ui.statusLabel.text = stage_word(Progress("starting"))

    def _progress(self, progress: Progress) -> None:
        if progress.stage == "scoring":
            self._ui.progressBar.setRange(0, max(progress.total, 1))
            self._ui.progressBar.setValue(progress.done)
        self._ui.statusLabel.text = stage_word(progress)

    def _scores(self, rows: tuple[SliceScore, ...]) -> None:
        assert self._session is not None
        self._on_scores(self._session.take(rows))

    def _finished(self, report: QualityReport) -> None:
        session = self._end()
        ids: Collection[str] = ()
        try:
            ids = session.complete(report)
            self._ui.statusLabel.text = _("{slices} slices scored in {time}.").format(
                slices=len(report.slices), time=duration(report.timings.get("total", 0.0))
            )
        except SegAEError as error:
            self._messages.error(str(error))
        self._on_over(ids)

    def _failed(self, failed: Failed) -> None:
        session = self._end()
        session.abandon()
        self._messages.error(failed.sentence)
        self._on_over(())

    def _cancelled(self) -> None:
        session = self._end()
        session.abandon()
        self._ui.statusLabel.text = _("Stopped.")
        self._on_over(())

    def _end(self) -> Session:
        session, self._session = self._session, None
        assert session is not None
        self._show_running(False)
        self._ui.statusLabel.text = ""
        return session
