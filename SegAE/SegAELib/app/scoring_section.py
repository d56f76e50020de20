"""What the panel's parameters mean for a job."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from segae.errors import SegAEError
from segae.jobs.events import Failed, Finished, Progress, Result
from segae.jobs.settings import JobSettings, Task
from segae.labels.identify import Identification
from segae.results.types import SliceResult
from segae.scoring.options import ScoringOptions
from SegAELib.app.binding import Ui, _
from SegAELib.app.idle_tasks import Chores
from SegAELib.app.messages import MessageBar, duration, stage_word
from SegAELib.app.model_facts import ModelFacts
from SegAELib.app.run_controller import RunController, RunListener
from SegAELib.app.session import Session


def job_settings(
    parameters: Any, model: str, case: str, task: Task = "score", options: ScoringOptions | None = None
) -> JobSettings:
    """`model`: path of the weights; the rest from a `SegAEParameterNode`."""
    return JobSettings(
        task=task,
        model=model,
        device=parameters.device,
        batch_size=parameters.batchSize,
        case=case,
        options=options or ScoringOptions(),
    )


class RunView:
    """Shown while something runs; the words stay."""

    def __init__(self, ui: Ui) -> None:
        self._ui = ui
        self._show(False)

    def begin(self) -> None:
        """A run starts."""
        self._show(True)
        self._ui.progressBar.setRange(0, 0)
        self.progress(Progress("starting"))

    def progress(self, progress: Progress) -> None:
        """How far it is."""
        if progress.total:
            self._ui.progressBar.setRange(0, progress.total)
            self._ui.progressBar.setValue(progress.done)
        self._ui.statusLabel.text = stage_word(progress)

    def end(self, text: str = "") -> None:
        """It is over."""
        self._show(False)
        self._ui.statusLabel.text = text

    def _show(self, running: bool) -> None:
        self._ui.progressBar.setVisible(running)
        self._ui.cancelButton.setVisible(running)


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
        self._messages = messages
        self._on_scores, self._on_over = on_scores, on_over
        self._session: Session | None = None
        self.controller = RunController(chores)
        self.view = RunView(ui)
        ui.cancelButton.connect("clicked()", self.cancel)

    @property
    def running(self) -> bool:
        """Whether anything runs, be it a question about masks."""
        return self.controller.running

    def start(
        self,
        session: Session,
        parameters: Any,
        segment_ids: Collection[str],
        organs: Mapping[str, Identification],
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
            options = ScoringOptions(slices=TEN if parameters.tenSlices else None, only=attempt.only)
            settings = job_settings(parameters, str(facts.path), session.volume.GetName(), options=options)
            listener = RunListener(
                self.view.progress, self._scores, self._finished, self._failed, self._cancelled
            )
            self._session = session
            self.controller.start(
                attempt.case.volume, attempt.case.segmentation, settings, listener,
                in_process=parameters.inProcess,
            )  # fmt: skip
            self.view.begin()
            return True
        return False

    def cancel(self) -> None:
        """Stop at once."""
        self.controller.cancel()

    def close(self) -> None:
        """Stop, and end the child process."""
        self.controller.close()
        self._session = None

    def _scores(self, slices: Mapping[int, tuple[SliceResult, ...]]) -> None:
        assert self._session is not None
        self._on_scores(self._session.take(slices))

    def _finished(self, result: Result) -> None:
        assert isinstance(result, Finished)
        session, report = self._end(), result.report
        ids: Collection[str] = ()
        try:
            ids = session.complete(report)
            text = _("{slices} slices scored in {time}.").format(
                slices=report.n_slices, time=duration(report.timings.get("total", 0.0))
            )
            self.view.end(text)
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
        self.view.end(_("Stopped."))
        self._on_over(())

    def _end(self) -> Session:
        session, self._session = self._session, None
        assert session is not None
        self.view.end()
        return session
