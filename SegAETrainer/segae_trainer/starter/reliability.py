"""The reliability plot: mean true Dice of the masks that were given about the same score."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from segae.files import whole_file
from segae_trainer.evaluate.metrics import calibration_bins
from segae_trainer.starter.asked import RAW
from segae_trainer.starter.calibration import SHOWN
from segae_trainer.starter.results import AGREEMENTS

if TYPE_CHECKING:
    import pandas as pd

_COLOURS = ("#3b6ea5", "#c0582f", "#7a3e8e", "#4d8b4a", "#8a7a2e")
_SIZE = (9.0, 4.6)  # inches


def draw_reliability(tables: Mapping[str, pd.DataFrame], path: Path) -> None:
    """A PNG with two panels: raw scores, and scores calibrated on the other patients."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=_SIZE, layout="constrained", dpi=120)
    panels = figure.subplots(1, 2, sharey=True)
    for axes, column, title in zip(panels, (RAW, SHOWN), ("raw score", "calibrated score"), strict=True):
        axes.plot((0, 1), (0, 1), color="#999999", linestyle="--", linewidth=1)
        for suite, colour in zip(AGREEMENTS, _COLOURS, strict=True):
            if suite in tables:
                scores, truth = (tables[suite][name].to_numpy(float) for name in (column, "dice"))
                there = np.isfinite(scores)
                bins = calibration_bins(scores[there], truth[there])
                axes.plot(
                    [one.predicted for one in bins], [one.truth for one in bins], color=colour, label=suite,
                    marker="o", markersize=4, linewidth=1.4,
                )  # fmt: skip
        axes.set(xlim=(0, 1), ylim=(0, 1), xlabel=f"mean {title}", aspect="equal")
    panels[0].set_ylabel("mean true Dice")
    panels[1].legend(frameon=False, loc="upper left")
    with whole_file(path) as stream:
        figure.savefig(stream, format="png", metadata={"Software": None})
