"""The way into the Segment Editor and back: what was found stays in view there, and can be taken over."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any, Literal

from SegAELib.app.binding import Widget, _, qt, slicer
from SegAELib.app.context import Context
from SegAELib.app.messages import counted
from SegAELib.mrml.part_edits import add_part, only_slice, remove_part, without
from SegAELib.mrml.slice_navigation import nearest_view, shown_slice

EDITOR, OWN = "SegmentEditor", "SegAE"  # modules
KEY = "F4"  # back to SegAE
Part = Literal["missing", "extra"]


class EditorSection:
    """Opens the Segment Editor on the chosen segment, with a bar of its own at the top of that module. It
    stays until another module is chosen; back here, what was edited is scored again."""

    def attach(self, context: Context) -> None:
        self._context = context
        self._bar: Widget = None
        self._label: Widget = None
        self._only: Widget = None
        self._buttons: dict[Part, Widget] = {}
        self._shortcut: Any = None
        self._opening = False
        for button in self._doors:
            button.connect("clicked()", self.edit)

    def refresh(self) -> None:
        """Offer what can be done now, and take the bar away when the user is back."""
        context = self._context
        for button in self._doors:
            button.enabled = context.segment is not None
        if context.editing and not self._opening and (context.visible or context.session is None):
            context.rescore_due = context.session is not None
            self._stop()
            context.check_edits()
        elif self._bar is not None:
            self._show()

    @property
    def _doors(self) -> tuple[Widget, ...]:
        """The buttons that open it: in the results, and in the worklist."""
        return self._context.ui.editButton, self._context.ui.worklistEditButton

    def detach(self) -> None:
        """Leave the Segment Editor as it was."""
        self._stop()

    def edit(self) -> None:
        """Open the Segment Editor on the chosen segment; the slice views stay where they are."""
        context, session, segment = self._context, self._context.session, self._context.segment
        if session is None or segment is None:
            return
        context.editing = self._opening = True  # before this module is left, so that what was found stays
        slicer.util.selectModule(EDITOR)
        self._opening = False
        editor = _editor()
        editor.setSegmentationNode(session.segmentation)
        editor.setSourceVolumeNode(session.volume)
        editor.setCurrentSegmentID(segment)
        self._open()
        self._show()

    def apply(self, part: Part) -> None:
        """Add the missing part to the segment, or take the extra one out; the editor's Undo reverts it."""
        context, session, found = self._context, self._context.session, self._context.found
        if session is None or found is None:
            return
        whole = getattr(found, part)
        index = self._slice_shown() if self._only.checked else None
        chosen = whole if index is None else only_slice(whole, session.axis, index)
        _editor().saveStateForUndo()
        change = add_part if part == "missing" else remove_part
        with context.messages.telling():
            count = change(session.segmentation, session.volume, found.segment_id, chosen)
            left = without(whole, chosen)
            context.found = replace(found, missing=left) if part == "missing" else replace(found, extra=left)
            one, many = (
                (_("{count} voxel was added."), _("{count} voxels were added."))
                if part == "missing"
                else (_("{count} voxel was removed."), _("{count} voxels were removed."))
            )
            self._label.text = f"{counted(count, one, many)} {_('Undo takes it back.')}"
        context.changed()

    def back(self) -> None:
        """To SegAE, where what was edited is scored again."""
        slicer.util.selectModule(OWN)

    def _open(self) -> None:
        """Put the bar into the panel of the Segment Editor."""
        if self._bar is not None:
            return
        self._bar = qt.QFrame()
        self._bar.setFrameShape(qt.QFrame.StyledPanel)
        column, row, last = qt.QVBoxLayout(self._bar), qt.QHBoxLayout(), qt.QHBoxLayout()
        self._label = qt.QLabel()
        self._label.setWordWrap(True)
        titles: dict[Part, str] = {"missing": _("Add the missing part"), "extra": _("Remove the extra part")}
        for part, title in titles.items():
            self._buttons[part] = button = qt.QPushButton(title)
            button.setToolTip(_("As the model predicts it; Undo of the Segment Editor takes it back."))
            button.connect("clicked()", partial(self.apply, part))
            row.addWidget(button)
        self._only = qt.QCheckBox(_("Only in the slice shown"))
        back = qt.QPushButton(_("Back to SegAE ({key})").format(key=KEY))
        back.setToolTip(_("What was edited is scored again."))
        back.connect("clicked()", self.back)
        column.addWidget(self._label)
        column.addLayout(row)
        last.addWidget(self._only)
        last.addWidget(back)
        column.addLayout(last)
        _panel().layout().insertWidget(0, self._bar)
        window = slicer.util.mainWindow()
        if window is not None:
            self._shortcut = qt.QShortcut(qt.QKeySequence(KEY), window)
            self._shortcut.connect("activated()", self.back)
            window.moduleSelector().connect("moduleSelected(QString)", self._module_chosen)

    def _stop(self) -> None:
        self._context.editing = False
        if self._bar is None:
            return
        window = slicer.util.mainWindow()
        if window is not None:
            window.moduleSelector().disconnect("moduleSelected(QString)", self._module_chosen)
        for thing in (self._bar, self._shortcut):
            if thing is not None:
                thing.setParent(None)
                thing.deleteLater()
        self._bar = self._label = self._only = self._shortcut = None
        self._buttons = {}

    def _module_chosen(self, name: str) -> None:
        if name not in (EDITOR, OWN) and self._context.editing:
            self._stop()
            self._context.changed()

    def _show(self) -> None:
        context = self._context
        found, results, segment = context.found, context.results, context.segment
        for part, button in self._buttons.items():
            button.enabled = found is not None and not getattr(found, part).is_empty
        self._only.setVisible(found is not None)
        if not self._label.text and results is not None and segment is not None:
            text = _("SegAE: {segment}.").format(segment=results.name(segment))
            if found is None:
                text += " " + _('Press "Show me where" before, to take over what the model finds wrong.')
            self._label.text = text

    def _slice_shown(self) -> int | None:
        session = self._context.session
        if session is None:
            return None
        view = nearest_view(slicer.mrmlScene, session.grid, session.axis)
        return None if view is None else shown_slice(view, session.grid, session.axis)


def _panel() -> Widget:
    return slicer.modules.segmenteditor.widgetRepresentation()


def _editor() -> Widget:
    return _panel().self().editor
