"""Words of the panel that several of its parts use."""

from __future__ import annotations

from collections.abc import Sequence

from segae_trainer.train.progress import EpochFigures
from SegAELib.app.binding import _
from SegAELib.app.messages import duration
from SegAETrainerLib.runs.contents import IndexSummary, SetSummary
from SegAETrainerLib.runs.training import RunState


def state_words(state: RunState) -> str:
    """What a training is doing, and what can be done about it."""
    where = {"epoch": state.epoch, "epochs": state.epochs}
    sentences = {
        "none": _("No training here yet. Press Start training above."),
        "starting": _("Starting; loading the packages can take a minute."),
        "running": _("Running: {epoch} of {epochs} epochs are done. You may close Slicer, it goes on."),
        "stopping": _("Stopping after the step it is at..."),
        "stopped": _("Stopped after {epoch} of {epochs} epochs. Resume goes on from there."),
        "interrupted": _(
            "Interrupted after {epoch} of {epochs} epochs: its process is gone. Resume goes on from there."
        ),
        "failed": _("Failed after {epoch} of {epochs} epochs. Correct the cause, then press Resume."),
        "finished": _("Finished: {epoch} of {epochs} epochs. Evaluate the model below, or use it in SegAE."),
    }
    return sentences[state.state].format(**where)


def time_left(rows: Sequence[EpochFigures], state: RunState) -> str:
    """How long a training that runs will take, by the epochs that it has done; "" while nobody knows."""
    if state.state != "running" or not rows:
        return ""
    per_epoch = sum(row.seconds for row in rows) / len(rows)
    left = duration(per_epoch * (state.epochs - state.epoch))
    return _("About {time} left.").format(time=left)


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
