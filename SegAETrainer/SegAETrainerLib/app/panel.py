"""The panel: who hears of what. Each part does its own work."""

from __future__ import annotations

from collections.abc import Sequence

from segae.errors import InputError
from SegAELib.app.binding import Ui, _, qt
from SegAELib.app.dependencies import missing_packages
from SegAELib.app.messages import MessageBar
from SegAELib.app.packages_section import PackagesSection
from SegAETrainerLib.app.data_section import DataSection
from SegAETrainerLib.app.evaluation_section import EvaluationSection
from SegAETrainerLib.app.fields import Remembered
from SegAETrainerLib.app.job_bar import JobBar
from SegAETrainerLib.app.progress_section import ProgressSection
from SegAETrainerLib.app.training_section import TrainingSection
from SegAETrainerLib.runs.commands import TRAINING_PACKAGES, train_arguments
from SegAETrainerLib.runs.training import RunState, Training, read_orders, write_orders

POLL_MS = 1000


class Panel:
    """Lives as long as the module's widget. It looks at the run folder once a second, so that a training is
    shown whoever started it; a training goes on when the panel is closed."""

    def __init__(self, ui: Ui) -> None:
        self.ui = ui
        self.state: RunState | None = None
        self._training: Training | None = None
        self._problem = ""
        remembered = Remembered()
        self.messages = MessageBar(ui.messageLabel)
        self.missing = missing_packages(TRAINING_PACKAGES)
        self.packages = PackagesSection(TRAINING_PACKAGES, _("Training"))
        self.packages.attach(self)
        self.packages.refresh()
        self.jobs = JobBar(ui, self.messages, self._jobs_changed)
        self.training = TrainingSection(ui, remembered, self.start, self._run_changed)
        self.progress = ProgressSection(ui, self.stop, self.resume)
        self.evaluation = EvaluationSection(
            ui, self.jobs, self.messages, self.has_packages, lambda: self.training.choice.device
        )
        self.data = DataSection(
            ui, remembered, self.jobs, self.has_packages, self.training.follow_work_folder, self._update
        )
        self._timer = qt.QTimer()
        self._timer.setInterval(POLL_MS)
        self._timer.connect("timeout()", self.poll)
        self._run_changed()
        self.data.refresh()
        self._timer.start()

    def has_packages(self) -> bool:
        """Whether work can begin; says what to do when it cannot."""
        self.missing = missing_packages(TRAINING_PACKAGES)
        if self.missing:
            self.messages.error(_("Install what is missing first: see Packages below."))
        self.packages.refresh()
        return not self.missing

    def changed(self) -> None:
        """Packages were installed."""
        self._update()

    def start(self) -> None:
        """Begin a training with what is chosen."""
        training_set = self.data.training_set
        if self._training is not None and training_set is not None and self.has_packages():
            arguments = train_arguments(training_set[0], self._training.run.path, self.training.choice)
            with self.messages.telling():
                write_orders(self._training.run, arguments)
                self._go(self._training, arguments)

    def resume(self) -> None:
        """Go on with a training, as it was started; one that was not started here, with what is chosen."""
        if self._training is not None and self.has_packages():
            with self.messages.telling():
                orders = read_orders(self._training.run)
                if orders is None:
                    self.start()
                else:
                    self._go(self._training, orders)

    def stop(self) -> None:
        """Ask the training to end after its step."""
        if self._training is not None:
            with self.messages.telling():
                self._training.request_stop()
            self.poll()

    def poll(self) -> None:
        """See how everything goes on."""
        self.jobs.poll()
        self._look_at_run()

    def scene_closing(self) -> None:
        self.progress.scene_closing()

    def close(self) -> None:
        """Leave nothing behind but a training that is on its way."""
        self._timer.stop()
        self.jobs.close()
        self.progress.close()

    def _go(self, training: Training, arguments: Sequence[str]) -> None:
        self.messages.clear()
        training.start(arguments)
        self._look_at_run()

    def _run_changed(self) -> None:
        """Follow the training of the chosen folder."""
        path = self.training.run.path
        self._training = None if path is None else Training(path)
        self._look_at_run()
        self._update()

    def _look_at_run(self) -> None:
        state, problem = None, ""
        try:
            if self._training is not None:
                state = self._training.state()
                self.progress.show(state, self._training.run.metrics)
            else:
                self.progress.show(None, None)
        except InputError as error:
            problem = str(error)
        if problem != self._problem:
            self._problem = problem
            self.messages.error(problem)  # or hidden, when there is none any more
        if state != self.state:
            before, self.state = self.state, state
            if before is not None and before.is_busy and state is not None and state.went_wrong:
                self.messages.error(state.message)
            self._update()

    def _jobs_changed(self) -> None:
        self.data.update_buttons()
        self._update()

    def _update(self) -> None:
        """What can be pressed now."""
        self.training.show(self.state, self.data.training_set is not None)
        run = None if self._training is None else self._training.run
        self.evaluation.show(run, self.data.training_set)
