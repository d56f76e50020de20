"""Model and device, and the import of published weights."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import segae
from segae.errors import ModelError, SegAEError
from segae.jobs.process import child_environment, python_executable
from segae.models.registry import BUNDLED, bundled_models
from SegAELib.app.binding import Ui, _, qt
from SegAELib.app.messages import MessageBar
from SegAELib.app.model_facts import ModelFacts

_REFUSED = 65  # exit code of the child for files that cannot be used; its sentence is on stderr
_CODE = f"""
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from segae.errors import SegAEError
from segae.models.checkpoint import save_checkpoint
from segae.models.published_import import import_published
weights, embeddings, out = map(Path, sys.argv[2:])
try:
    save_checkpoint(import_published(weights, embeddings), out)
except SegAEError as error:
    print(error, file=sys.stderr)
    sys.exit({_REFUSED})
"""


class ModelImport:
    """One import at a time; ask `poll` until it calls `on_done` with the new file. No Qt."""

    def __init__(self, on_done: Callable[[Path], None]) -> None:
        self._on_done = on_done
        self._process: subprocess.Popen[str] | None = None
        self._out = Path()

    @property
    def running(self) -> bool:
        return self._process is not None

    def start(self, weights: Path, embeddings: Path, out: Path) -> None:
        """Begin; raises `ModelError` when the child cannot be started."""
        assert segae.__file__ is not None
        root = str(Path(segae.__file__).resolve().parents[1])
        command = [python_executable(), "-c", _CODE, root, str(weights), str(embeddings), str(out)]
        self._out = out
        try:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                text=True, errors="replace", env=child_environment(os.environ),
            )  # fmt: skip
        except OSError as error:
            raise ModelError(f"Python cannot be started for it ({error}); install Slicer again.") from error

    def poll(self) -> None:
        """Raises `ModelError` with the reason when the import failed."""
        if self._process is None or self._process.poll() is None:
            return
        process, self._process = self._process, None
        _, said = process.communicate()
        if process.returncode == 0:
            self._on_done(self._out)
            return
        last = (said.strip().splitlines() or ["no message"])[-1]
        if process.returncode == _REFUSED:
            raise ModelError(last)
        raise ModelError(f"The import ended with code {process.returncode} ({last}); check the packages.")

    def close(self) -> None:
        """Stop an import that is running."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None


POLL_MS = 200
FILTER = "SegAE (*.safetensors)"


class AdvancedSection:
    """`on_model`, `on_device`: called with what the user chose."""

    def __init__(
        self, ui: Ui, messages: MessageBar, on_model: Callable[[str], None], on_device: Callable[[str], None]
    ) -> None:
        self._ui, self._messages, self._on_model = ui, messages, on_model
        self._import = ModelImport(self._imported)
        self._timer = qt.QTimer()
        self._timer.setInterval(POLL_MS)
        self._timer.connect("timeout()", self._poll)
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
        ui.modelCombo.connect("currentIndexChanged(int)", lambda n: on_model(ui.modelCombo.itemData(n)))
        ui.deviceCombo.connect("currentIndexChanged(int)", lambda n: on_device(ui.deviceCombo.itemData(n)))
        ui.openModelButton.connect("clicked()", self._open)
        ui.importModelButton.connect("clicked()", self._choose_published)
        ui.advancedSection.connect("contentsCollapsed(bool)", self._describe)

    def show(self, model: str, device: str) -> None:
        """What is in use."""
        ui = self._ui
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

    def import_published(self, weights: Path, embeddings: Path, out: Path) -> None:
        """Begin to import; the new file becomes the model when it is there."""
        with self._messages.telling():
            self._import.start(weights, embeddings, out)
            self._ui.importModelButton.enabled = False
            self._messages.info(_("Importing the model..."))
            self._timer.start()

    def close(self) -> None:
        """Stop an import that is running."""
        self._timer.stop()
        self._import.close()

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
        if facts.spec.demonstration:
            parts.append(_("A demonstration model: do not rely on its numbers."))
        parts.append(_("Licence: {licence}.").format(licence=facts.spec.licence))
        parts.append(_("SHA-256 begins with {sum}.").format(sum=facts.sha256[:12]))
        ui.modelInfo.text = " ".join(part for part in parts if part)

    def _open(self) -> None:
        path = qt.QFileDialog.getOpenFileName(self._ui.openModelButton, _("Open model"), "", FILTER)
        if path:
            self._on_model(path)

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
        with self._messages.telling():
            self._import.poll()
        if not self._import.running:
            self._timer.stop()
            self._ui.importModelButton.enabled = True

    def _imported(self, path: Path) -> None:
        self._messages.info(_("The model {name} is imported and in use.").format(name=path.name))
        self._on_model(str(path))
