"""Model and device, and the import of published weights."""

from __future__ import annotations

from pathlib import Path

from segae.errors import SegAEError
from segae.jobs.calls import CallJob
from segae.jobs.events import Failed, Returned
from segae.jobs.process import ExitMessages
from segae.models.registry import BUNDLED, bundled_models
from SegAELib.app.binding import _, qt
from SegAELib.app.context import Context
from SegAELib.app.model_facts import ModelFacts

IMPORT = ExitMessages(
    _("The import"),
    _("close other programs and import again"),
    _("import again, and install PyTorch again if it stays so"),
    _("check the packages"),
)
POLL_MS = 200
FILTER = "SegAE (*.safetensors)"


class ModelSection:
    """The model and the device in use, and how to get another model."""

    def attach(self, context: Context) -> None:
        self._context, self._ui, self._messages = context, context.ui, context.messages
        self._import: CallJob | None = None
        self._imported = Path()
        self._shown: tuple[str, str] | None = None
        self._timer = qt.QTimer()
        self._timer.setInterval(POLL_MS)
        self._timer.connect("timeout()", self._poll)
        ui = context.ui
        for model in bundled_models():
            ui.modelCombo.addItem(_("{name} (bundled)").format(name=model.stem), model.stem)
        devices = {
            "auto": _("automatic"),
            "cpu": _("processor (CPU)"),
            "cuda": _("NVIDIA GPU (CUDA)"),
            "mps": _("Apple GPU (MPS)"),
        }
        for device, words in devices.items():
            ui.deviceCombo.addItem(words, device)
        ui.modelCombo.connect(
            "currentIndexChanged(int)", lambda n: self._set("model", ui.modelCombo.itemData(n))
        )
        ui.deviceCombo.connect(
            "currentIndexChanged(int)", lambda n: self._set("device", ui.deviceCombo.itemData(n))
        )
        ui.openModelButton.connect("clicked()", self._open)
        ui.importModelButton.connect("clicked()", self._choose_published)
        ui.advancedSection.connect("contentsCollapsed(bool)", self._describe)

    def refresh(self) -> None:
        """Show the model and the device of the parameters."""
        parameters = self._context.parameters
        if parameters is None or (parameters.model, parameters.device) == self._shown:
            return
        self._shown = (parameters.model, parameters.device)
        ui, (model, device) = self._ui, self._shown
        bundled = [path.stem for path in bundled_models()]
        wanted = bundled[0] if model == BUNDLED and bundled else model
        states = [(combo, combo.blockSignals(True)) for combo in (ui.modelCombo, ui.deviceCombo)]
        if ui.modelCombo.findData(wanted) < 0 and wanted != BUNDLED:
            ui.modelCombo.addItem(Path(wanted).name, wanted)
        ui.modelCombo.setCurrentIndex(ui.modelCombo.findData(wanted))
        ui.deviceCombo.setCurrentIndex(max(0, ui.deviceCombo.findData(device)))
        for combo, was in states:
            combo.blockSignals(was)
        self._describe()

    def detach(self) -> None:
        """Stop an import that is running."""
        self._timer.stop()
        if self._import is not None:
            self._import.close()

    def import_published(self, weights: Path, embeddings: Path, out: Path) -> None:
        """Begin to import; the new file becomes the model when it is there."""
        arguments = {"weights": str(weights), "embeddings": str(embeddings), "out": str(out)}
        job = CallJob("segae.jobs.calls:import_published_model", arguments, IMPORT)
        with self._messages.telling():
            job.start()
            self._import, self._imported = job, out
            self._ui.importModelButton.enabled = False
            self._messages.info(_("Importing the model..."))
            self._timer.start()

    def _set(self, name: str, value: str) -> None:
        if self._context.parameters is not None:
            setattr(self._context.parameters, name, value)

    def _describe(self, *_unused: object) -> None:
        """What the model's file says about itself, or why it cannot be used. Read when it can be seen."""
        ui = self._ui
        if ui.advancedSection.collapsed:
            return
        model = ui.modelCombo.itemData(ui.modelCombo.currentIndex) or BUNDLED
        try:
            facts = ModelFacts.of(model)
        except (SegAEError, ModuleNotFoundError) as error:
            ui.modelInfo.text = str(error)
            return
        parts = [facts.spec.description]
        parts.append(_("Licence: {licence}.").format(licence=facts.spec.licence))
        parts.append(_("SHA-256 begins with {sum}.").format(sum=facts.sha256[:12]))
        ui.modelInfo.text = " ".join(part for part in parts if part)

    def _open(self) -> None:
        path = qt.QFileDialog.getOpenFileName(self._ui.openModelButton, _("Open model"), "", FILTER)
        if path:
            self._set("model", path)

    def _choose_published(self) -> None:
        parent, dialog = self._ui.importModelButton, qt.QFileDialog
        weights = dialog.getOpenFileName(parent, _("Published weights"), "", "PyTorch (*.pth)")
        if not weights:
            return
        folder = str(Path(weights).parent)
        embeddings = dialog.getOpenFileName(parent, _("Its label_embedding.pkl"), folder, "Pickle (*.pkl)")
        proposal = str(Path(weights).with_suffix(".safetensors"))
        out = embeddings and dialog.getSaveFileName(parent, _("Save the imported model as"), proposal, FILTER)
        if out:
            self.import_published(Path(weights), Path(embeddings), Path(out).with_suffix(".safetensors"))

    def _poll(self) -> None:
        assert self._import is not None
        for event in self._import.poll():
            if isinstance(event, Failed):
                self._messages.error(event.sentence)
            elif isinstance(event, Returned):
                name = self._imported.name
                self._messages.info(_("The model {name} is imported and in use.").format(name=name))
                self._set("model", str(self._imported))
        if not self._import.running:
            self._timer.stop()
            self._ui.importModelButton.enabled = True
