"""The data: folders, the check of them, and the training set that is made of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from segae.errors import InputError
from SegAELib.app.binding import Ui, _
from SegAETrainerLib.app.fields import ChoiceField, PathField, Remembered
from SegAETrainerLib.app.job_bar import JobBar
from SegAETrainerLib.runs.commands import (
    INDEX,
    TRAINING_SET,
    index_arguments,
    proposed,
    training_set_arguments,
)
from SegAETrainerLib.runs.contents import IndexSummary, SetSummary, describe_index, describe_set

LOG = "panel.log"
SHOWN = 200  # findings


class DataSection:
    """`training_set`: its folder and what it holds, when there is one.

    `may_begin` says what is missing when nothing can begin; `on_work` is called with the work folder before
    and now when it changes, `on_change` when there may be another training set."""

    def __init__(
        self,
        ui: Ui,
        remembered: Remembered,
        jobs: JobBar,
        may_begin: Callable[[], bool],
        on_work: Callable[[str, str], None],
        on_change: Callable[[], None],
    ) -> None:
        self._ui, self._jobs, self._may_begin = ui, jobs, may_begin
        self._on_work, self._on_change = on_work, on_change
        self.training_set: tuple[Path, SetSummary] | None = None
        self._has_index = False
        self.work = PathField(ui.workEdit, "work", remembered, self._work_changed)
        self._work_before = self.work.text
        self.ct = PathField(ui.ctEdit, "ct", remembered, self.update_buttons)
        self.masks = PathField(ui.masksEdit, "masks", remembered, self.update_buttons)
        self.index = PathField(ui.indexEdit, "index", remembered, self.refresh, name_filter="*.json")
        self.set = PathField(ui.setEdit, "set", remembered, self.refresh)
        rules = {
            "whole": _("All in which mask or organ has pixels"),
            "published": _("As published: mask and organ share 20 pixels"),
        }
        self._rule = ChoiceField(ui.ruleCombo, "rule", remembered, rules)
        ui.checkButton.connect("clicked()", self._check)
        ui.buildButton.connect("clicked()", self._build)

    def refresh(self) -> None:
        """Show what index and training set hold now."""
        self._has_index = self._show_index(self.index.path)
        self.training_set = self._show_set(self.set.path)
        self.update_buttons()
        self._on_change()

    def update_buttons(self) -> None:
        ui, busy = self._ui, self._jobs.busy
        ui.checkButton.enabled = bool(self.ct.text and self.index.text) and not busy
        ui.buildButton.enabled = bool(self._has_index and self.set.text) and not busy

    def _work_changed(self) -> None:
        before, self._work_before = self._work_before, self.work.text
        for field, name in ((self.index, INDEX), (self.set, TRAINING_SET)):
            field.set(proposed(field.text, before, self.work.text, name))
        self._on_work(before, self.work.text)
        self.refresh()

    def _check(self) -> None:
        ct, index = self.ct.path, self.index.path
        if ct is not None and index is not None and self._may_begin():
            arguments = index_arguments(ct, self.masks.path, index)
            self._jobs.start(_("Checking CTs and masks"), arguments, index.parent / LOG, self._checked)

    def _checked(self) -> None:
        self.refresh()
        self._ui.findingsBox.collapsed = not self._ui.findingsText.plainText

    def _build(self) -> None:
        index, folder = self.index.path, self.set.path
        if index is not None and folder is not None and self._may_begin():
            arguments = training_set_arguments(index, folder, self._rule.value)
            words = _("Building the training set")
            self._jobs.start(words, arguments, folder.parent / LOG, self.refresh)

    def _show_index(self, path: Path | None) -> bool:
        """Whether there is an index."""
        label, findings = self._ui.indexInfo, ()
        if path is None or not path.exists():
            label.text = _(
                "Choose a work folder and the folder of the CTs (and that of the masks, if it is another "
                "one), then press Check data."
            )
            found = False
        else:
            try:
                summary = describe_index(path)
                label.text, findings, found = scans_words(summary), summary.findings, True
            except InputError as error:
                label.text, found = str(error), False
        self._ui.findingsBox.setVisible(bool(findings))
        self._ui.findingsBox.title = _("Findings ({count})").format(count=len(findings))
        self._ui.findingsText.plainText = "\n\n".join(findings[:SHOWN])
        return found

    def _show_set(self, path: Path | None) -> tuple[Path, SetSummary] | None:
        """The training set and what it holds, when there is one."""
        label = self._ui.setInfo
        if path is None or not path.exists():
            label.text = _("Press Build training set, or choose a training set that you have.")
            return None
        try:
            summary = describe_set(path)
        except InputError as error:
            label.text = str(error)
            return None
        label.text = set_words(summary)
        return path, summary


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
