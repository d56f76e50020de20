"""How good the trained model is, and the way from it to the module SegAE."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from segae.errors import InputError
from segae_trainer.train.run_folder import RunFolder
from SegAELib.app.binding import Widget, _, qt, slicer
from SegAELib.app.parameters import SegAEParameterNode
from SegAELib.app.table_widgets import prepare, text_item
from SegAETrainerLib.app.context import Context
from SegAETrainerLib.runs.commands import evaluate_arguments
from SegAETrainerLib.runs.contents import (
    MAIN,
    PAGE,
    TABLE,
    Comparison,
    Figure,
    MethodFigures,
    comparisons,
    read_figures,
    stamp,
)

METHOD, AUROC = 0, 3  # columns; the first takes the room that is left


class FiguresTable:
    """One row for each method, below a row that names the suite of masks."""

    def __init__(self, table: Widget) -> None:
        self._table = table
        titles = [_("Method"), _("LCC"), _("MAE"), _("AUROC"), _("Verdict")]
        prepare(table, titles, METHOD)
        table.horizontalHeaderItem(AUROC).setToolTip(
            _("How well masks with a true Dice below 0.7 are found.")
        )

    def show(self, rows: Sequence[MethodFigures], compared: Sequence[Comparison]) -> None:
        table, verdicts = self._table, {(one.suite, one.method): one for one in compared}
        suites = list(dict.fromkeys(row.suite for row in rows))
        table.setVisible(bool(rows))
        table.clearSpans()
        table.setRowCount(len(rows) + len(suites))
        n = 0
        for suite in suites:
            own = [row for row in rows if row.suite == suite]
            title = _("{suite}, {count} masks in single slices").format(suite=suite, count=own[0].masks)
            table.setSpan(n, 0, 1, table.columnCount)
            table.setItem(n, METHOD, text_item(title))
            for row in own:
                n += 1
                table.setItem(n, METHOD, text_item(row.method, row.method))
                for column, name in enumerate(MAIN, start=METHOD + 1):
                    table.setItem(n, column, text_item(*_cell(row.figures[name])))
                table.setItem(n, AUROC + 1, text_item(*_verdict(verdicts.get((suite, row.method)))))
            n += 1
        for column in range(METHOD + 1, table.columnCount):
            table.resizeColumnToContents(column)


def _cell(figure: Figure) -> tuple[str, str]:
    """The value, and its interval as a tool tip."""
    if not math.isfinite(figure.value):
        return "-", _("Not defined for these masks.")
    value = f"{figure.value:.3f}"
    if not math.isfinite(figure.low):
        return value, _("No interval: too few patients.")
    return value, _("95% interval over patients: {low} to {high}").format(
        low=f"{figure.low:.3f}", high=f"{figure.high:.3f}"
    )


def _verdict(one: Comparison | None) -> tuple[str, str]:
    """By how much a model is better than mask features, and the whole sentence as a tool tip."""
    if one is None:
        return "", ""
    better = _("{mae} better") if one.better_by > 0 else _("{mae} worse")
    return better.format(mae=f"{abs(one.better_by):.3f}"), comparison_words(one)


def use_in_segae(model: Path) -> None:
    """Let the module SegAE score with `model` from now on, and show it."""
    logic = slicer.util.getModuleLogic("SegAE")
    parameters: Any = SegAEParameterNode
    parameters(logic.getParameterNode()).model = str(model)
    slicer.util.selectModule("SegAE")


class EvaluationSection:
    """Measures the model in a child process, says what it is worth, and hands it over."""

    def attach(self, context: Context) -> None:
        self._context, ui = context, context.ui
        self._table = FiguresTable(ui.figuresTable)
        self._shown: object = ""
        self._compared: tuple[Comparison, ...] = ()
        self._warned: object = None  # the evaluation of which the user was warned
        ui.evaluateButton.connect("clicked()", self._evaluate)
        ui.openPageButton.connect("clicked()", self._open_page)
        ui.useButton.connect("clicked()", self._use)

    def refresh(self) -> None:
        """Show what there is for the run."""
        context, run, ui = self._context, self._run, self._context.ui
        has_model = run is not None and run.model.exists()
        ui.evaluateButton.enabled = has_model and context.training_set is not None and not context.jobs.busy
        ui.useButton.enabled = has_model
        if not has_model:
            ui.evaluationInfo.text = _("There is no model yet: it is written at the end of the training.")
        elif context.training_set is None:
            ui.evaluationInfo.text = _("Choose the training set above to evaluate the model.")
        else:
            ui.evaluationInfo.text = _(
                "Evaluate compares predicted and true Dice on the {scans} scans, with simple methods beside."
            ).format(scans=_split_words(self._split))
        self._show_figures(run)

    def detach(self) -> None:
        """Nothing stays behind."""

    @property
    def _run(self) -> RunFolder | None:
        return None if self._context.training is None else self._context.training.run

    def _show_figures(self, run: RunFolder | None) -> None:
        """The table of an evaluation, and what follows from it in words."""
        ui = self._context.ui
        now = None if run is None else (run, stamp(run.evaluation / TABLE), stamp(run.evaluation / PAGE))
        if now == self._shown:
            return
        self._shown, problem, figures = now, "", ()
        if run is not None:
            try:
                figures = read_figures(run.evaluation)
            except InputError as error:
                problem = str(error)
        self._compared = comparisons(figures)
        self._table.show(figures, self._compared)
        words = problem or "\n".join(map(comparison_words, self._compared))
        ui.verdictInfo.text = words
        ui.verdictInfo.setVisible(bool(words))
        ui.openPageButton.setVisible(now is not None and now[2] is not None)

    def _evaluate(self) -> None:
        context, run, pairs = self._context, self._run, self._context.training_set
        place = context.ui.evaluatePlace
        if run is not None and pairs is not None and context.begin("evaluate", place):
            arguments = evaluate_arguments(
                pairs[0], run.model, run.evaluation, self._split, context.choice.device
            )
            context.jobs.run(place, _("Evaluating the model"), arguments, run.log, context.changed)

    @property
    def _split(self) -> str:
        """Scans that were never seen, or at least not trained on."""
        pairs = self._context.training_set
        return "test" if pairs is not None and pairs[1].by_split["test"] else "val"

    def _open_page(self) -> None:
        if self._run is not None:
            qt.QDesktopServices.openUrl(qt.QUrl.fromLocalFile(str(self._run.evaluation / PAGE)))

    def _use(self) -> None:
        """Hand the model over; of one that is not better than the mask alone only when that was said."""
        context, run = self._context, self._run
        context.messages.at(context.ui.usePlace)
        if run is None:
            return
        warning = use_warning(self._compared)
        if warning and self._warned != self._shown:
            self._warned = self._shown
            context.messages.error(warning)
            return
        with context.messages.telling():
            use_in_segae(run.model)


def comparison_words(one: Comparison) -> str:
    """What a model is worth beside a look at the mask alone."""
    figures = _("mean absolute error {mae} against {simple}, {difference}").format(
        mae=f"{one.mae:.3f}", simple=f"{one.simple:.3f}", difference=f"{abs(one.better_by):.3f}"
    )
    if one.better_by > 0:
        text = _("{suite}: {method} is better than mask features ({figures} lower).")
    else:
        text = _("{suite}: {method} is not better than mask features ({figures} higher).")
    return text.format(suite=one.suite, method=one.method, figures=figures)


def use_warning(compared: Sequence[Comparison]) -> str:
    """Why a model should not be used, or ""."""
    worse = [one for one in compared if not one.better_by > 0]
    if worse:
        return _(
            "This model is not better than a regression on mask features, which sees no CT. {figures} Train "
            "longer, or check CTs, masks and names of the training set. Press Use in SegAE again to use it "
            "all the same."
        ).format(figures=" ".join(map(comparison_words, worse)))
    if not compared:
        return _(
            "Nobody knows yet whether this model is better than a regression on mask features, which sees no "
            "CT: press Evaluate. Press Use in SegAE again to use it all the same."
        )
    return ""


def _split_words(split: str) -> str:
    return {"test": _("test"), "val": _("validation")}[split]
