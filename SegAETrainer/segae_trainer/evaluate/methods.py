"""What can be evaluated: anything that gives masks a predicted Dice, a checkpoint among them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, overload

import numpy as np

from segae.data import Segment, Volume, pack
from segae.geometry.box import Box
from segae.geometry.grid import Grid
from segae.inputs.build import ModelInput
from segae.inputs.prepare import prepare
from segae.inputs.stack import CTStack
from segae.labels import by_index
from segae.models.quality_model import QualityModel
from segae.scoring.device import AUTO, choose_device
from segae.scoring.engines import make_runner
from segae_trainer.data.mask_measures import dice


@dataclass(frozen=True, eq=False)
class MaskSlice:
    """`ct` (H, W) in HU, `mask` and `truth` (H, W) bool, all in LAS order: columns run to the patient's left,
    rows to anterior. `structure`: the row of the label table that the mask is said to be. `pixel_mm`: between
    rows and between columns. `slice`: index in LAS order. `source`: who made the mask; `kind`: "pseudo
    label", "eroded", ... `scan` (K, H, W): the whole CT that the slice is part of, `slice_mm` between its
    slices."""

    ct: np.ndarray
    mask: np.ndarray
    truth: np.ndarray
    structure: int
    pixel_mm: tuple[float, float]
    slice: int
    case: str
    patient: str
    source: str
    kind: str
    scan: np.ndarray
    slice_mm: float

    @property
    def n_slices(self) -> int:
        """Of the whole CT."""
        return len(self.scan)

    @property
    def dice(self) -> float:
        """True Dice of the whole slice."""
        return dice(self.mask, self.truth)

    def square_mm(self, mask: np.ndarray) -> float:
        """Area of `mask` in mm2."""
        return float(np.count_nonzero(mask)) * self.pixel_mm[0] * self.pixel_mm[1]


class LazyMasks(Sequence[MaskSlice]):
    """Masks that are made when they are asked for, each from an entry of `recipes`, the same every time."""

    def __init__(self, recipes: Sequence[Any], make: Callable[[Any], MaskSlice]) -> None:
        self._recipes, self._make = recipes, make

    def __len__(self) -> int:
        return len(self._recipes)

    @overload
    def __getitem__(self, place: int) -> MaskSlice: ...
    @overload
    def __getitem__(self, place: slice) -> LazyMasks: ...
    def __getitem__(self, place: int | slice) -> MaskSlice | LazyMasks:
        if isinstance(place, slice):
            return LazyMasks(self._recipes[place], self._make)
        return self._make(self._recipes[place])


@dataclass(frozen=True, eq=False)
class Estimates:
    """`predicted` (N,): raw Dice, NaN where there is none. `interval` (N, 2): low and high, from the methods
    that have one."""

    predicted: np.ndarray
    interval: np.ndarray | None = None


class Method(Protocol):
    """`name`: what tables call it. `predict`: estimates for masks, NaN for the empty ones."""

    @property
    def name(self) -> str: ...

    def predict(self, masks: Sequence[MaskSlice]) -> Estimates: ...


def on_filled(masks: Sequence[MaskSlice]) -> np.ndarray:
    """Which masks (N,) have a pixel: the others cannot be scored."""
    return np.array([bool(mask.mask.any()) for mask in masks], bool)


BATCH = 32


class NetworkMethod:
    """A loaded model on a device. Raises `InputError` when there is no such model or device, `ModelError`
    when its file cannot be used."""

    def __init__(self, model: str | Path | QualityModel, device: str = AUTO, name: str | None = None) -> None:
        self.model = QualityModel.load(model)
        self.name = name or self.model.spec.name
        self._runner = make_runner(self.model, choose_device(device))
        self._stack: CTStack | None = None
        self._case = ""

    def predict(self, masks: Sequence[MaskSlice]) -> Estimates:
        """NaN for empty masks and for names that the model has no vector for."""
        usable = on_filled(masks) & [self.model.knows(by_index(mask.structure)) for mask in masks]
        predicted = np.full(len(masks), np.nan)
        rows = np.flatnonzero(usable)
        for start in range(0, len(rows), BATCH):
            batch = rows[start : start + BATCH]
            inputs = ModelInput.concatenate([self._input(masks[row]) for row in batch])
            predicted[batch] = self._runner.run(inputs).score.numpy()
        return Estimates(predicted)

    def _input(self, mask: MaskSlice) -> ModelInput:
        """The slice of its CT, in the model's axis order."""
        structure, k = by_index(mask.structure), slice(mask.slice, mask.slice + 1)
        rows, columns = Box.of_mask(mask.mask)
        box, bits = Box((k, rows, columns)), pack(mask.mask[None, rows, columns])
        stack = self._stack_of(mask)
        segment = Segment(structure.name, structure, "given by the suite", stack.file_grid, box, bits)
        return next(prepare(stack, segment, self.model.spec.input, only=[mask.slice])).input

    def _stack_of(self, mask: MaskSlice) -> CTStack:
        """The whole CT; masks of one case follow each other, so that one is kept."""
        if self._stack is None or self._case != mask.case:
            volume = Volume(mask.scan, _grid(mask))
            self._stack = CTStack.of(volume, self.model.spec.input, self._runner.device)
            self._case = mask.case
        return self._stack


def _grid(mask: MaskSlice) -> Grid:
    """Of the whole CT, LAS: i runs to the left, where x falls."""
    slices, rows, columns = mask.scan.shape
    steps = [-mask.pixel_mm[1], mask.pixel_mm[0], mask.slice_mm, 1.0]
    return Grid((columns, rows, slices), np.diag(steps))
