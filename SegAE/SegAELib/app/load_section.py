"""Masks of one's own: loaded from files with their names, or named by the values of a label map."""

from __future__ import annotations

from pathlib import Path

from segae.errors import InputError
from segae.io.dicom_masks import needs_highdicom
from segae.io.label_names import names_given
from segae.jobs.calls import CallJob
from segae.jobs.events import Failed, Returned
from segae.jobs.payload import read_masks
from segae.jobs.process import ExitMessages
from segae.jobs.scratch import Scratch
from segae.labels.schemes import schemes
from SegAELib.app.binding import _, qt, slicer
from SegAELib.app.context import Context
from SegAELib.app.dependencies import FOR_DICOM_MASKS, missing_packages
from SegAELib.app.messages import counted
from SegAELib.mrml.binding import SegmentationNode, VolumeNode
from SegAELib.mrml.matrices import volume_place
from SegAELib.mrml.new_segmentation import add_segmentation
from SegAELib.mrml.nodes import default_volume
from SegAELib.mrml.segment_names import Naming, label_values, naming_of, namings_by_value, set_naming

READING = ExitMessages(
    _("Reading the masks"),
    _("close other programs and load again"),
    _("check the files and load again"),
    _("check the files"),
)
POLL_MS = 100
FILTER = "Masks (*.nii *.nii.gz *.nrrd *.mha *.mhd *.dcm);;All (*)"
FROM_FILE, ASK = "", "ask"  # choices beside the named schemes


class LoadSection:
    """Reads masks in a child process, so that a damaged file cannot end the application."""

    def attach(self, context: Context) -> None:
        self._context, self._ui = context, context.ui
        self._job: CallJob | None = None
        self._scratch: Scratch | None = None
        self._path, self._names = Path(), FROM_FILE
        self._renamed: tuple[SegmentationNode, dict[str, Naming]] | None = None
        self._shown: tuple[object, ...] = ()
        self._timer = qt.QTimer()
        self._timer.setInterval(POLL_MS)
        self._timer.connect("timeout()", self._poll)
        ui = context.ui
        ui.labelNamesCombo.addItem(_("as the files say"), FROM_FILE)
        for scheme in schemes().values():
            ui.labelNamesCombo.addItem(scheme.origin, scheme.key)
        ui.labelNamesCombo.addItem(_("names file..."), ASK)
        ui.labelNamesCombo.connect("activated(int)", self._names_chosen)
        ui.loadFolderButton.connect("clicked()", self._choose_folder)
        ui.loadFileButton.connect("clicked()", self._choose_file)
        ui.nameSegmentsButton.connect("clicked()", self.name_segments)
        ui.undoNamesButton.connect("clicked()", self.undo)

    def refresh(self) -> None:
        """Offer names when segments are called after values."""
        context, ui = self._context, self._ui
        node = None if context.parameters is None else context.parameters.segmentation
        busy, undo = self._job is not None, self._renamed is not None and self._renamed[0] is node
        shown = (node, context.reread, busy, undo)
        if len(self._shown) == len(shown) and all(
            a is b or a == b for a, b in zip(shown, self._shown, strict=True)
        ):
            return
        self._shown = shown
        generic = 0 if node is None else len(label_values(node))
        for button in (ui.loadFolderButton, ui.loadFileButton):
            button.enabled = not busy
        ui.nameSegmentsButton.setVisible(bool(generic))
        ui.nameSegmentsButton.text = counted(
            generic,
            _("Name {count} segment by its label value"),
            _("Name {count} segments by their label values"),
        )
        ui.undoNamesButton.setVisible(undo)

    def detach(self) -> None:
        """Stop reading."""
        self._end()

    def load(self, path: Path) -> None:
        """Begin to read masks; they become a segmentation on the chosen CT, which is chosen then."""
        context, volume = self._context, self._volume
        if volume is None:
            context.messages.error(_("Load the CT first; masks are placed on it."))
            return
        with context.messages.telling():
            self._scratch = Scratch()
            arguments = {
                "path": str(path), "names": self._names or None, "folder": str(self._scratch.path),
                "ct": volume_place(volume).to_json(),
            }  # fmt: skip
            self._job = CallJob("segae.jobs.calls:read_mask_files", arguments, READING)
            self._path = path
            self._job.start()
            self._timer.start()
            context.messages.info(_("Reading {name}...").format(name=path.name))
        context.changed()

    def name_segments(self) -> None:
        """Call segments what the chosen scheme or file says of their values; it can be undone."""
        context = self._context
        node = context.parameters.segmentation
        if not self._names:
            context.messages.error(
                _("The names cannot be seen from the values: choose whose label map it is under Label names.")
            )
            return
        with context.messages.telling():
            labels = names_given(Path(self._names))
            names = {label.values[0]: label.name for label in labels if len(label.values) == 1}
            namings = namings_by_value(node, names)
            if not namings:
                raise InputError(
                    f'None of the values in "{node.GetName()}" has a name there; choose other names.'
                )
            left = len(label_values(node)) - len(namings)
            self._renamed = (node, {i: naming_of(node, i) for i in namings})
            self._set(node, namings)
            text = counted(len(namings), _("{count} segment is named."), _("{count} segments are named."))
            if left:
                one, many = _("{count} value has no name there."), _("{count} values have no name there.")
                text += " " + counted(left, one, many)
            context.messages.info(text)

    def undo(self) -> None:
        """Give the segments their former names."""
        if self._renamed is not None:
            node, before = self._renamed
            self._renamed = None
            with self._context.messages.telling():
                self._set(node, before)

    def _set(self, node: SegmentationNode, namings: dict[str, Naming]) -> None:
        was = node.StartModify()
        for segment_id, naming in namings.items():
            set_naming(node, segment_id, naming)
        node.EndModify(was)
        self._context.reread += 1
        self._context.changed()

    @property
    def _volume(self) -> VolumeNode | None:
        parameters = self._context.parameters
        chosen = None if parameters is None else parameters.volume
        return chosen or default_volume(slicer.mrmlScene, None)

    def _poll(self) -> None:
        for event in [] if self._job is None else self._job.poll():
            if isinstance(event, Failed):
                self._end()
                self._context.messages.error(event.sentence)
                self._ask_for_packages()
                self._context.changed()
            elif isinstance(event, Returned):
                with self._context.messages.telling():
                    self._take()
                self._end()
                self._context.changed()

    def _ask_for_packages(self) -> None:
        """Masks could not be read: it may be that a package for their format is missing."""
        context = self._context
        with context.messages.telling():
            if needs_highdicom(self._path) and missing_packages(FOR_DICOM_MASKS):
                context.messages.clear()
                context.has_packages(FOR_DICOM_MASKS, _("Reading DICOM masks"))

    def _take(self) -> None:
        context, volume = self._context, self._volume
        assert self._scratch is not None
        masks = read_masks(self._scratch.path)
        if volume is None or context.parameters is None:  # the scene was closed meanwhile
            return
        name = self._path.name.split(".")[0]
        node = add_segmentation(slicer.mrmlScene, masks, volume, name)
        context.parameters.segmentation, context.parameters.volume = node, volume
        text = counted(len(masks.segments), _("{count} mask was loaded."), _("{count} masks were loaded."))
        notes = [finding.message for finding in masks.findings if finding.severity != "info"]
        context.messages.info(" ".join([text, *notes]))

    def _end(self) -> None:
        self._timer.stop()
        if self._job is not None:
            self._job.close()
        if self._scratch is not None:
            self._scratch.remove()
        self._job = self._scratch = None

    def _choose_folder(self) -> None:
        folder = qt.QFileDialog.getExistingDirectory(self._ui.loadFolderButton, _("Folder of masks"))
        if folder:
            self.load(Path(folder))

    def _choose_file(self) -> None:
        path = qt.QFileDialog.getOpenFileName(self._ui.loadFileButton, _("File with masks"), "", FILTER)
        if path:
            self.load(Path(path))

    def _names_chosen(self, index: int) -> None:
        combo = self._ui.labelNamesCombo
        choice = combo.itemData(index)
        if choice == ASK:
            path = qt.QFileDialog.getOpenFileName(combo, _("File with label names"), "", "All (*)")
            choice = path or self._names
            if path:
                combo.insertItem(index, Path(path).name, path)
            combo.setCurrentIndex(max(0, combo.findData(choice)))
        self._names = choice
