"""How good the trained model is, and the way from it to the module SegAE."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from segae.errors import InputError
from segae_trainer.train.run_folder import RunFolder
from SegAELib.app.binding import Ui, Widget, _, qt, slicer
from SegAELib.app.messages import MessageBar
from SegAELib.app.parameters import SegAEParameterNode
from SegAELib.app.table_widgets import prepare, text_item
from SegAETrainerLib.app.job_bar import JobBar
from SegAETrainerLib.runs.commands import evaluate_arguments
from SegAETrainerLib.runs.contents import MAIN, PAGE, Figure, MethodFigures, SetSummary, read_figures

METHOD = 1  # the column that takes the room that is left


class FiguresTable:
    """One row for each suite and method."""

    def __init__(self, table: Widget) -> None:
        self._table = table
        titles = [_("Masks"), _("Method"), _("LCC"), _("MAE"), _("AUROC < 0.7")]
        prepare(table, titles, METHOD)

    def show(self, rows: Sequence[MethodFigures]) -> None:
        table = self._table
        table.setVisible(bool(rows))
        table.setRowCount(len(rows))
        for n, row in enumerate(rows):
            masks = _("{count} masks in single slices").format(count=row.masks)
            table.setItem(n, 0, text_item(row.suite, masks))
            table.setItem(n, METHOD, text_item(row.method, row.method))
            for column, name in enumerate(MAIN, start=METHOD + 1):
                table.setItem(n, column, text_item(*_cell(row.figures[name])))
        for column in range(table.columnCount):
            if column != METHOD:
                table.resizeColumnToContents(column)


def _cell(figure: Figure) -> tuple[str, str]:
    """The value, and its interval as a tool tip."""
    if not math.isfinite(figure.value):
        return "-", _("Not defined for these masks.")
    value = f"{figure.value:.3f}"
    if not math.isfinite(figure.low):
        return value, _("No interval: too few patients.")
    return value, _("95 % interval over patients: {low} to {high}").format(
        low=f"{figure.low:.3f}", high=f"{figure.high:.3f}"
    )


def use_in_segae(model: Path) -> None:
    """Let the module SegAE score with `model` from now on, and show it."""
    logic = slicer.util.getModuleLogic("SegAE")
    parameters: Any = SegAEParameterNode
    parameters(logic.getParameterNode()).model = str(model)
    slicer.util.selectModule("SegAE")


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
            self._jobs.start(_("Evaluating the model"), arguments, run.log, lambda: None)

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
