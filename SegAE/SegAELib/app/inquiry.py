"""A question about masks that changes no score: where one is wrong, or whether names are right."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from segae.jobs.events import Failed, Result
from segae.jobs.settings import Task
from segae.labels.identify import Identification
from SegAELib.app.binding import _
from SegAELib.app.messages import MessageBar
from SegAELib.app.model_facts import ModelFacts
from SegAELib.app.run_controller import RunController, RunListener
from SegAELib.app.scoring_section import RunView, job_settings
from SegAELib.app.session import Session
from SegAELib.mrml.scene_reader import SceneCase, read_case


class Inquiry:
    """Asks with the model and on the device that the panel is set to. `on_over` is called when a question is
    answered or given up."""

    def __init__(
        self, controller: RunController, view: RunView, messages: MessageBar, on_over: Callable[[], None]
    ) -> None:
        self._controller, self._view, self._messages = controller, view, messages
        self._on_over = on_over
        self._on_result: Callable[[Result], None] | None = None

    def start(
        self,
        task: Task,
        session: Session,
        parameters: Any,
        segment_ids: Collection[str],
        organs: Mapping[str, Identification],
        on_result: Callable[[Result], None],
    ) -> SceneCase | None:
        """Begin; what was read of the scene, None when it did not begin, which is said then. `on_result` is
        called with the answer, if there is one."""
        if self._controller.running:
            return None
        self._messages.clear()
        with self._messages.telling():
            facts = ModelFacts.of(parameters.model)
            case = read_case(session.segmentation, session.volume, segment_ids=segment_ids, organs=organs)
            settings = job_settings(parameters, str(facts.path), session.volume.GetName(), task)
            listener = RunListener(
                self._view.progress, lambda _rows: None, self._answered, self._failed, self._cancelled
            )
            self._on_result = on_result
            self._controller.start(
                case.volume, case.segmentation, settings, listener, in_process=parameters.inProcess
            )
            self._view.begin()
            return case
        return None

    def _answered(self, result: Result) -> None:
        on_result = self._on_result
        self._end("")
        assert on_result is not None
        with self._messages.telling():
            on_result(result)
        self._on_over()

    def _failed(self, failed: Failed) -> None:
        self._end("")
        self._messages.error(failed.sentence)
        self._on_over()

    def _cancelled(self) -> None:
        self._end(_("Stopped."))
        self._on_over()

    def _end(self, text: str) -> None:
        self._on_result = None
        self._view.end(text)
