"""How good the trained model is, and the way from it to the module SegAE."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from segae.errors import InputError
from SegAELib.app.binding import Ui, _, qt
from SegAELib.app.message_bar import MessageBar
from SegAETrainerLib.app.figures_table import FiguresTable
from SegAETrainerLib.app.job_bar import JobBar
from SegAETrainerLib.app.use_in_segae import use_in_segae
from SegAETrainerLib.runs.commands import evaluate_arguments
from SegAETrainerLib.runs.described import SetSummary
from SegAETrainerLib.runs.figures import PAGE, read_figures
from SegAETrainerLib.runs.run_folder import RunFolder


class EvaluationSection:
    """`may_begin` says what is missing when nothing can begin; `device` tells the chosen one."""

    def __init__(
        self,
        ui: Ui,
        jobs: JobBar,
        messages: MessageBar,
        may_begin: Callable[[], bool],
        device: Callable[[], str],
    ) -> None:
        self._ui, self._jobs, self._messages = ui, jobs, messages
        self._may_begin, self._device = may_begin, device
        self._run: RunFolder | None = None
        self._set: tuple[Path, SetSummary] | None = None
        self._table = FiguresTable(ui.figuresTable)
        ui.evaluateButton.connect("clicked()", self.evaluate)
        ui.openPageButton.connect("clicked()", self._open_page)
        ui.useButton.connect("clicked()", self._use)

    def show(self, run: RunFolder | None, training_set: tuple[Path, SetSummary] | None) -> None:
        """Show what there is for a run; `training_set`: its folder and what it holds."""
        self._run, self._set = run, training_set
        has_model = run is not None and run.model.exists()
        ui = self._ui
        ui.evaluateButton.enabled = has_model and training_set is not None and not self._jobs.busy
        ui.useButton.enabled = has_model
        figures = ()
        if not has_model:
            ui.evaluationInfo.text = _("There is no model yet: it is written at the end of the training.")
        elif training_set is None:
            ui.evaluationInfo.text = _("Choose the training set above to evaluate the model.")
        else:
            ui.evaluationInfo.text = _(
                "Evaluate compares predicted and true Dice on the {scans} scans, with simple methods beside."
            ).format(scans=_split_words(self._split))
        if run is not None:
            try:
                figures = read_figures(run.evaluation)
            except InputError as error:
                ui.evaluationInfo.text = str(error)
        self._table.show(figures)
        ui.openPageButton.setVisible(run is not None and (run.evaluation / PAGE).exists())

    def evaluate(self) -> None:
        """Measure the model in a child process; the report is offered when it is there."""
        run, training_set = self._run, self._set
        if run is not None and training_set is not None and self._may_begin():
            arguments = evaluate_arguments(
                training_set[0], run.model, run.evaluation, self._split, self._device()
            )
            self._jobs.start(_("Evaluating the model"), arguments, run.log, lambda _child: None)

    @property
    def _split(self) -> str:
        """Scans that were never seen, or at least not trained on."""
        return "test" if self._set is not None and self._set[1].by_split["test"] else "val"

    def _open_page(self) -> None:
        if self._run is not None:
            qt.QDesktopServices.openUrl(qt.QUrl.fromLocalFile(str(self._run.evaluation / PAGE)))

    def _use(self) -> None:
        if self._run is not None:
            with self._messages.telling():
                use_in_segae(self._run.model)


def _split_words(split: str) -> str:
    return {"test": _("test"), "val": _("validation")}[split]
