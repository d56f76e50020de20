"""The masks whose Dice a method predicts worst."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import ndimage

from segae.geometry.box import Box
from segae.report.style import window
from segae_trainer.data.sample import Sample
from segae_trainer.evaluate.evaluation import Evaluation

EACH = 6
Picture = Callable[[int], str | None]


@dataclass(frozen=True)
class Miss:
    """A mask with its true and predicted Dice; `row`: its place in the suite."""

    row: int
    structure: str
    case: str
    slice: int
    source: str
    dice: float
    predicted: float
    picture: str | None


def worst_misses(
    evaluation: Evaluation, picture: Picture, *, flattered: bool, each: int = EACH
) -> tuple[Miss, ...]:
    """The `each` masks whose prediction is furthest above the truth (`flattered`) or below it, at most one
    per organ and case: neighbouring slices look alike."""
    table = evaluation.tables["slice"]
    miss = (table["predicted"] - table["dice"]) * (1 if flattered else -1)
    missed = table.assign(miss=miss, row=range(len(table))).take(np.flatnonzero(miss > 0))
    worst = missed.sort_values(by="miss", ascending=False, kind="stable")
    worst = worst.drop_duplicates(["case", "structure_index"]).head(each)
    return tuple(_miss(dict(zip(worst.columns, values, strict=True)), picture) for values in worst.to_numpy())


def _miss(values: dict[str, Any], picture: Picture) -> Miss:
    row = int(values["row"])
    return Miss(
        row, values["structure"], values["case"], int(values["slice"]), values["source"],
        float(values["dice"]), float(values["predicted"]), picture(row),
    )  # fmt: skip


MASK_COLOUR, TRUTH_COLOUR = (255, 140, 26), (64, 200, 255)
_SIDE = 280  # pixels
_MARGIN_MM, _SMALLEST_MM = 20.0, 90.0
_STROKE = 2


def picture(sample: Sample) -> str:
    """A square round mask and truth in radiological display (the patient's right is on the left), outlines of
    the mask in orange and of the truth in blue, as "data:image/png;base64,...."."""
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(drawn(sample)).save(stream, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode()


def drawn(sample: Sample) -> np.ndarray:
    """The picture (S, S, 3) uint8."""
    rows, columns = _view(sample)
    low, high = window(sample.label.name)
    grey = (_sampled(sample.ct, rows, columns, 1, cval=-1024.0) - low) / (high - low)
    rgb = np.repeat((np.clip(grey, 0, 1) * 255).astype(np.uint8)[..., None], 3, axis=2)
    for mask, hue in ((sample.truth, TRUTH_COLOUR), (sample.mask, MASK_COLOUR)):
        rgb[_outline(_sampled(mask.astype(np.float32), rows, columns, 0, cval=0.0) > 0.5)] = hue
    return rgb


def _view(sample: Sample) -> tuple[np.ndarray, np.ndarray]:
    """Row and column (S,) in the slice that each line of the picture shows; rows run to posterior."""
    shown = sample.mask | sample.truth
    if not shown.any():
        shown = np.ones_like(shown)
    box = Box.of_mask(shown)
    sides = [n * mm for n, mm in zip(box.shape, sample.scan.pixel_mm, strict=True)]
    side = max(max(sides) + 2 * _MARGIN_MM, _SMALLEST_MM)
    step = (np.arange(_SIDE) + 0.5) / _SIDE - 0.5
    rows, columns = (
        (extent.start + extent.stop - 1) / 2 + step * side / mm
        for extent, mm in zip(box, sample.scan.pixel_mm, strict=True)
    )
    return rows[::-1], columns


def _sampled(image: np.ndarray, rows: np.ndarray, columns: np.ndarray, order: int, cval: float) -> np.ndarray:
    places = np.meshgrid(rows, columns, indexing="ij")
    return np.asarray(
        ndimage.map_coordinates(image.astype(np.float32), places, order=order, mode="constant", cval=cval)
    )


def _outline(mask: np.ndarray) -> np.ndarray:
    return mask & ~np.asarray(ndimage.binary_erosion(mask, iterations=_STROKE, border_value=1), bool)
