"""The data: folders, the check of them, and the training set that is made of them."""

from __future__ import annotations

import tempfile
from pathlib import Path

from segae.errors import InputError
from SegAELib.app.binding import Widget, _, qt
from SegAETrainerLib.app.context import Context
from SegAETrainerLib.app.fields import ChoiceField, PathField
from SegAETrainerLib.runs.commands import (
    INDEX,
    TRAINING_SET,
    index_arguments,
    training_set_arguments,
)
from SegAETrainerLib.runs.contents import (
    IndexSummary,
    SetSummary,
    describe_index,
    describe_set,
    set_stamp,
    stamp,
)
from SegAETrainerLib.runs.plan import drawing_job

LOG = "panel.log"
SHOWN = 200  # findings


class Step:
    """A section that folds when it is done, and then says in its title what there is."""

    def __init__(self, button: Widget) -> None:
        self._button, self._title, self._done = button, button.text, False

    def show(self, done: bool, summary: str) -> None:
        self._button.text = f"{self._title}: {summary}" if summary else self._title
        if done != self._done:
            self._done = done
            self._button.collapsed = done


class DataSection:
    """The folders, and the list of scans that the check makes of them."""

    def attach(self, context: Context) -> None:
        self._context, ui = context, context.ui
        remembered, changed = context.remembered, context.changed
        self._step = Step(ui.dataSection)
        self._stamp: object = ""
        self.work = PathField(ui.workEdit, "work", remembered, changed)
        self.ct = PathField(ui.ctEdit, "ct", remembered, changed)
        self.masks = PathField(ui.masksEdit, "masks", remembered, changed)
        self.labels = PathField(ui.labelsEdit, "labels", remembered, changed, name_filter="*.csv")
        self.index = PathField(ui.indexEdit, "index", remembered, changed, name_filter="*.json")
        ui.checkButton.connect("clicked()", self._check)

    def refresh(self) -> None:
        context = self._context
        context.work = self.work.path
        self.index.propose(context.in_work(INDEX))
        now = stamp(self.index.path)
        if now != self._stamp:
            self._stamp = now
            self._show(self.index.path if now is not None else None)
        context.ui.checkButton.enabled = bool(self.ct.text and self.index.text) and not context.jobs.busy

    def detach(self) -> None:
        """Nothing stays behind."""

    def _check(self) -> None:
        ct, index, context = self.ct.path, self.index.path, self._context
        if ct is not None and index is not None and context.begin("check", context.ui.checkPlace):
            arguments = index_arguments(ct, self.masks.path, index, self.labels.path)
            words = _("Checking CTs and masks")
            context.jobs.run(context.ui.checkPlace, words, arguments, index.parent / LOG, self._checked)

    def _checked(self) -> None:
        self._stamp = ""
        self._context.changed()
        self._context.ui.findingsBox.collapsed = not self._context.ui.findingsText.plainText

    def _show(self, path: Path | None) -> None:
        """Show the list of scans, when there is one."""
        ui, context, findings, summary = self._context.ui, self._context, (), None
        if path is None:
            ui.indexInfo.text = _(
                "Choose a work folder and the folder of the CTs (and that of the masks, if it is another "
                "one), then press Check data."
            )
        else:
            try:
                summary = describe_index(path)
                ui.indexInfo.text, findings = scans_words(summary), summary.findings
            except InputError as error:
                ui.indexInfo.text = str(error)
        context.index = path if summary is not None else None
        ui.findingsBox.setVisible(bool(findings))
        ui.findingsBox.title = _("Findings ({count})").format(count=len(findings))
        ui.findingsText.plainText = "\n\n".join(findings[:SHOWN])
        title = "" if summary is None else _("{scans} scans of {patients} patients").format(
            scans=summary.scans, patients=summary.patients
        )  # fmt: skip
        self._step.show(summary is not None and not findings, title)


class SetSection:
    """The training set, how it is built, and a look at some of its pairs."""

    def attach(self, context: Context) -> None:
        self._context, ui = context, context.ui
        self._step = Step(ui.setSection)
        self._stamp: object = ""
        self._looks, self._folder = 0, tempfile.TemporaryDirectory(prefix="segae-pairs-")
        self.set = PathField(ui.setEdit, "set", context.remembered, context.changed)
        rules = {
            "whole": _("All in which mask or organ has pixels"),
            "published": _("As published: mask and organ share 20 pixels"),
        }
        self._rule = ChoiceField(ui.ruleCombo, "rule", context.remembered, rules)
        ui.buildButton.connect("clicked()", self._build)
        ui.pairsButton.connect("clicked()", self._draw_pairs)
        ui.hidePairsButton.connect("clicked()", self._hide_pairs)
        self._hide_pairs()

    def refresh(self) -> None:
        context, ui = self._context, self._context.ui
        self.set.propose(context.in_work(TRAINING_SET))
        now = set_stamp(self.set.path)
        if now != self._stamp:
            self._stamp = now
            self._show(self.set.path if now is not None else None)
            self._hide_pairs()
        ui.buildButton.enabled = context.index is not None and bool(self.set.text) and not context.jobs.busy
        ui.pairsButton.enabled = context.training_set is not None and not context.jobs.busy

    def detach(self) -> None:
        self._folder.cleanup()

    def _build(self) -> None:
        context, folder = self._context, self.set.path
        if context.index is None or folder is None or not context.begin("build", context.ui.buildPlace):
            return
        arguments = training_set_arguments(context.index, folder, self._rule.value)
        words, log = _("Building the training set"), folder.parent / LOG
        context.jobs.run(context.ui.buildPlace, words, arguments, log, context.changed)

    def _show(self, path: Path | None) -> None:
        """The training set and what it holds, when there is one."""
        label, self._context.training_set, summary = self._context.ui.setInfo, None, None
        if path is None:
            label.text = _("Press Build training set, or choose a training set that you have.")
        else:
            try:
                summary = describe_set(path)
                label.text = set_words(summary)
                self._context.training_set = path, summary
            except InputError as error:
                label.text = str(error)
        pairs = "" if summary is None else _("{pairs} pairs").format(pairs=summary.pairs)
        self._step.show(summary is not None and not summary.findings, pairs)

    def _draw_pairs(self) -> None:
        context = self._context
        if context.training_set is None or not context.begin("build", context.ui.pairsPlace):
            return
        self._looks += 1
        path = Path(self._folder.name) / "pairs.png"
        job = drawing_job(context.training_set[0], path, self._looks)
        context.jobs.call(
            context.ui.pairsPlace, _("Drawing pairs"), job, lambda _value: self._show_pairs(path)
        )

    def _show_pairs(self, path: Path) -> str:
        picture = self._context.ui.pairsPicture
        picture.setPixmap(qt.QPixmap(str(path)))
        picture.setVisible(True)
        self._context.ui.hidePairsButton.setVisible(True)
        return ""

    def _hide_pairs(self) -> None:
        self._context.ui.pairsPicture.setVisible(False)
        self._context.ui.hidePairsButton.setVisible(False)


def scans_words(index: IndexSummary) -> str:
    """What a list of scans holds."""
    return _(
        "{scans} scans of {patients} patients: {train} for training, {val} for validation, {test} for "
        "testing; {labels} predicted masks. Findings: {findings}."
    ).format(
        scans=index.scans, patients=index.patients, labels=index.pseudo_labels or _("no"),
        findings=len(index.findings) or _("none"), **index.by_split,
    )  # fmt: skip


def set_words(summary: SetSummary) -> str:
    """What a training set holds."""
    text = _(
        "{pairs} pairs of mask and truth from {scans} scans: {train} for training, {val} for validation, "
        "{test} for testing."
    ).format(pairs=summary.pairs, scans=summary.scans, **summary.by_split)
    return " ".join([text, *summary.findings])
