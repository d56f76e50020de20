"""Draws the modules' icons and the thumbnail of the sample data: python Resources/draw_icon.py

SegAE: an organ in a CT slice that is good on one side and poor on the other, with the strip of its slices
beside it. SegAETrainer: the same organ, with the curve of a loss that falls in front of it.
"""

from __future__ import annotations

from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, Rectangle
from scipy.interpolate import splev, splprep

ROOT = Path(__file__).resolve().parents[1]
ICONS = ROOT / "SegAE" / "Resources" / "Icons"
TRAINER_ICONS = ROOT / "SegAETrainer" / "Resources" / "Icons"
CASE = ROOT / "SegAE" / "Resources" / "SampleData" / "totalsegmentator_s0001"
POOR, WEAK, FAIR, GOOD = "#e8322b", "#f58a1f", "#f2d21b", "#3fae49"
BACKGROUND, ORGAN = "#20262e", "#c9ced6"
OUTLINE = ((14, 64), (22, 96), (50, 106), (78, 92), (90, 66), (74, 44), (48, 34), (26, 40))
STRIP = (GOOD, GOOD, FAIR, WEAK, POOR, POOR, WEAK, FAIR, GOOD)


def icon(path: Path) -> None:
    """The module SegAE."""
    figure, axes = _canvas()
    x, y = _organ(axes)
    axes.plot(x, y, color="white", linewidth=1.6)
    for n, colour in enumerate(STRIP):
        axes.add_patch(Rectangle((102, 16 + n * 11), 12, 9, color=colour))
    _save(figure, path)


def trainer_icon(path: Path) -> None:
    """The module SegAETrainer."""
    figure, axes = _canvas()
    _organ(axes, alpha=0.45)
    epochs = np.linspace(0, 1, 60)
    axes.plot(18 + 94 * epochs, 26 + 78 * np.exp(-4 * epochs), color="white", linewidth=4)
    for epoch in (0.0, 0.14, 0.36, 0.66, 1.0):
        axes.plot(18 + 94 * epoch, 26 + 78 * np.exp(-4 * epoch), "o", color=FAIR, markersize=7)
    axes.plot((14, 14, 114), (108, 16, 16), color="white", linewidth=2)
    _save(figure, path)


def _canvas(size: int = 128) -> tuple[Figure, Axes]:
    """A square picture with transparent corners."""
    figure = plt.figure(figsize=(size / 100, size / 100), dpi=100)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, 128), ylim=(0, 128))
    axes.axis("off")
    axes.add_patch(
        FancyBboxPatch((4, 4), 120, 120, boxstyle="round,pad=0,rounding_size=18", color=BACKGROUND)
    )
    return figure, axes


def _organ(axes: Axes, alpha: float = 0.9) -> tuple[np.ndarray, np.ndarray]:
    """Poor at its upper end, good at its lower; returns its outline."""
    closed = np.array([*OUTLINE, OUTLINE[0]], float).T
    spline, _ = splprep(closed, s=0, per=True)
    x, y = splev(np.linspace(0, 1, 200), spline)
    (organ,) = axes.fill(x, y, color=ORGAN, alpha=min(1.0, alpha + 0.1))
    for low, colour in ((34, GOOD), (52, FAIR), (66, WEAK), (80, POOR)):
        band = Rectangle((0, low), 128, 26, color=colour, alpha=alpha)
        axes.add_patch(band)
        band.set_clip_path(organ)
    return x, y


def _save(figure: Figure, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, transparent=True)
    plt.close(figure)


def thumbnail(path: Path) -> None:
    """A coronal picture of the sample's CT, 260 x 280 pixels."""
    import SimpleITK

    image = SimpleITK.ReadImage(str(CASE / "ct.nii.gz"))
    voxels = SimpleITK.GetArrayFromImage(image)
    figure = plt.figure(figsize=(2.6, 2.8), dpi=100, facecolor="black")
    axes = figure.add_axes((0, 0, 1, 1))
    axes.axis("off")
    axes.imshow(voxels[voxels.shape[0] // 2], cmap="gray", vmin=-160, vmax=240, origin="upper")
    figure.savefig(path, facecolor="black")
    plt.close(figure)


if __name__ == "__main__":
    icon(ICONS / "SegAE.png")
    trainer_icon(TRAINER_ICONS / "SegAETrainer.png")
    thumbnail(ICONS / "SegAESample.png")
