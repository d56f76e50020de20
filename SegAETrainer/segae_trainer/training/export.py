"""The best epoch as a model file that says what it is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from segae.models.checkpoint import Checkpoint, save_checkpoint
from segae_trainer.training.beginning import Beginning
from segae_trainer.training.keep import kept
from segae_trainer.training.progress import EpochFigures
from segae_trainer.training.run_folder import RunFolder

LIMITS = ("Validated on masks like those it was trained on; evaluate it on masks of your own segmenter.",)


def export_model(
    run: RunFolder, beginning: Beginning, trained: Iterable[int], best: EpochFigures, validated: int
) -> None:
    """Write `run.model`: the weights of `run.best`, described by how it was trained and the figures of the
    epoch `best` on `validated` slices. Scores under names that are not in `trained` are flagged
    when the model is used.

    Nothing in the file depends on when or how often the training was interrupted. Raises `OutputError`.
    """
    rows = tuple(sorted(trained))
    spec = replace(
        beginning.spec,
        trained_rows=rows,
        training={**beginning.about, "epoch": best.epoch},
        figures={
            "validation": {
                "n": validated,
                "lcc": _rounded(best.val_lcc),
                "mae": _rounded(best.val_mae),
                "loss": _rounded(best.val_loss),
            }
        },
        limits=LIMITS,
    )
    save_checkpoint(Checkpoint(spec, kept(run.best)["network"], beginning.vectors), run.model)


def _rounded(value: float) -> float | None:
    return round(value, 4) if value == value else None  # NaN is no JSON
