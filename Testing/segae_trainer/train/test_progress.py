from __future__ import annotations

import math

import pytest
from PIL import Image

from segae_trainer.train.progress import EpochFigures, Progress, draw_curves, read_epoch_count, write_metrics
from segae_trainer.train.run import train


def history(*lccs: float) -> list[EpochFigures]:
    return [
        EpochFigures(i, 10 * (i + 1), 0.3, 0.2, 0.1, 0.3, lcc, 0.1, 1e-3, 2.0) for i, lcc in enumerate(lccs)
    ]


@pytest.mark.parametrize(
    ("lccs", "best", "since"),
    [
        ((0.2, 0.5, 0.4), 1, 1),
        ((0.5, 0.5), 0, 1),  # the first of equals
        ((math.nan, 0.1), 1, 0),
        ((-0.3, math.nan), 0, 1),
        ((math.nan, math.nan), 0, 1),
    ],
)
def test_the_best_epoch_is_the_first_with_the_highest_lcc(lccs, best, since):
    progress = Progress(history=history(*lccs))
    assert progress.best is progress.history[best]
    assert progress.epochs_since_best == since


def test_progress_survives_a_checkpoint():
    progress = Progress(25, history(0.1, 0.2), (1.0, 2.0, 3.0), 4.0)
    assert Progress.from_dict(progress.as_dict()) == progress


def test_metrics_are_counted_and_curves_drawn(tmp_path):
    rows = history(0.2, math.nan, 0.4)
    assert read_epoch_count(tmp_path / "metrics.csv") == 0
    write_metrics(rows, tmp_path / "metrics.csv")
    assert read_epoch_count(tmp_path / "metrics.csv") == 3
    lines = (tmp_path / "metrics.csv").read_text().splitlines()
    assert lines[1] == "0,10,0.3,0.2,0.1,0.3,0.2,0.1,0.001,2"
    assert lines[2].split(",")[6] == "nan"
    draw_curves(rows, rows[2], tmp_path / "curves.png")
    assert Image.open(tmp_path / "curves.png").size > (600, 400)


def test_it_ends_early_when_the_lcc_no_longer_rises(training_set, tiny, tmp_path):
    """With a rate of next to nothing the network stays as it is, and so does its LCC after the first epoch
    (batch statistics settle)."""
    settings = tiny("published", epochs=30, batch=48, learning_rate=1e-12, patience=1)
    model = train(settings, training_set, tmp_path / "run")
    epochs = read_epoch_count(tmp_path / "run" / "metrics.csv")
    assert epochs < 30
    assert model.is_file()
    assert train(settings, training_set, tmp_path / "run") == model
    assert read_epoch_count(tmp_path / "run" / "metrics.csv") == epochs
