"""A model that learned from the decisions in the worklist, made in the background."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from segae.jobs.process import ExitMessages
from SegAELib.app.binding import _, qt
from SegAELib.app.calls import Calls
from SegAELib.app.context import Context
from SegAELib.app.dependencies import FOR_RECALIBRATION

LEARNING = ExitMessages(
    _("Learning from the reviews"),
    _("close other programs and press the button again"),
    _("press the button again"),
    _("report it with the log"),
)
FILTER = _("SegAE model (*.safetensors)")
_KEY = "recalibrate"


class RecalibrateSection:
    """The button below the worklist."""

    def attach(self, context: Context) -> None:
        self._context, self._calls = context, Calls()
        context.ui.recalibrateButton.connect("clicked()", self._choose_file)

    @property
    def busy(self) -> bool:
        """Whether a model is being made."""
        return _KEY in self._calls

    def refresh(self) -> None:
        """Offer it, or say that it is under way."""
        button = self._context.ui.recalibrateButton
        button.enabled = not self.busy
        button.text = _("Recalibrating...") if self.busy else _("Recalibrate...")

    def detach(self) -> None:
        """Stop what runs; no half file is left."""
        self._calls.close()

    def recalibrate(self, folder: Path, out: Path) -> None:
        """Fit the chosen model's calibration, intervals and thresholds anew from the decisions in a folder of
        results, and write it as `out`."""
        context = self._context
        if context.parameters is None:
            return
        if not context.has_packages(FOR_RECALIBRATION, _("Learning from reviews")):
            return
        arguments = {"folder": str(folder), "model": context.parameters.model, "out": str(out)}
        function = "segae.scoring.recalibrate:recalibrate_in_child"

        def done(told: dict[str, Any]) -> None:
            context.messages.info(_summary(told, out))
            context.changed()

        def failed(sentence: str) -> None:
            context.messages.error(sentence)
            context.changed()

        context.messages.clear()
        self._calls.start(_KEY, function, arguments, LEARNING, done, failed)
        context.changed()

    def _choose_file(self) -> None:
        worklist = self._context.open_worklist()
        if worklist is None:
            return
        button = self._context.ui.recalibrateButton
        proposal = str(worklist.folder / "model-site.safetensors")
        title = _("Save the recalibrated model as")
        path = qt.QFileDialog.getSaveFileName(button, title, proposal, FILTER)
        if path:
            self.recalibrate(worklist.folder, Path(path).with_suffix(".safetensors"))


def _summary(told: dict[str, Any], out: Path) -> str:
    learned = _(
        "Learned from {masks} masks of {cases} cases ({accepted} accepted). On cases left out, intervals "
        "hold for {after} of the masks{before}."
    ).format(
        masks=told["masks"],
        cases=told["cases"],
        accepted=told["accepted"],
        after=f"{told['after']:.0%}",
        before="" if told["before"] is None else _(", before {share}").format(share=f"{told['before']:.0%}"),
    )
    chosen = _("The model is in {path}: choose it under Model for the next ranking or batch.")
    return f"{learned} {chosen.format(path=out)}"
