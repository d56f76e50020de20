"""What can be evaluated: anything that gives masks a predicted Dice, a checkpoint among them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, NamedTuple, Protocol

import numpy as np
import torch

from segae.data import Segment, Segmentation, Volume
from segae.geometry.grid import Grid
from segae.geometry.orientation import orient_array, slice_index_in_orientation
from segae.inputs.build import ModelInput, mask_channel, model_input
from segae.inputs.crops import crops_around, mask_boxes
from segae.inputs.stack import CTStack
from segae.models.quality_model import QualityModel
from segae.progress import Watch
from segae.scoring.calibration import SLICE, calibrated, interval_for
from segae.scoring.device import AUTO, choose_device
from segae.scoring.engines import make_runner
from segae.scoring.options import ScoringOptions
from segae.scoring.scorer import Scorer, count_implausible, refuse_implausible
from segae_trainer.data.sample import LabelledScan, Sample
from segae_trainer.data.synthetic_errors import dice

if TYPE_CHECKING:
    from segae.results.types import CaseReport

BATCH = 32


@dataclass(frozen=True, eq=False)
class Estimates:
    """Columns (N,) of a method's predictions, NaN where there is none. `predicted`: the Dice that people see,
    `raw`: before calibration; `interval_low`, `interval_high`; `overlap_mm2`, `organ_mm2`: predicted areas;
    `error_dice`: Dice of the predicted wrong pixels with the true ones in the crop."""

    predicted: np.ndarray
    raw: np.ndarray
    interval_low: np.ndarray
    interval_high: np.ndarray
    overlap_mm2: np.ndarray
    organ_mm2: np.ndarray
    error_dice: np.ndarray

    COLUMNS: ClassVar[tuple[str, ...]] = (
        "predicted", "raw", "interval_low", "interval_high", "overlap_mm2", "organ_mm2", "error_dice",
    )  # fmt: skip

    @classmethod
    def nothing(cls, count: int) -> Estimates:
        """All NaN, to be filled in."""
        return cls(*(np.full(count, np.nan) for _ in cls.COLUMNS))

    @classmethod
    def of(cls, predicted: np.ndarray) -> Estimates:
        """Of a method that gives a Dice and nothing else."""
        found = cls.nothing(len(predicted))
        found.predicted[:], found.raw[:] = predicted, predicted
        return found


class Method(Protocol):
    """`name`: what tables call it. `predict`: estimates for samples, NaN for empty masks."""

    @property
    def name(self) -> str: ...

    def predict(self, samples: Sequence[Sample]) -> Estimates: ...


def on_filled(samples: Sequence[Sample]) -> np.ndarray:
    """Which samples (N,) have a mask with pixels: the others cannot be scored."""
    return np.array([bool(sample.mask.any()) for sample in samples], bool)


class Agreement:
    """The Dice between a mask and what a network that saw neither the mask nor the patient makes of the
    scan. `maps`: its label map (K, H, W) of each scan."""

    name = "agreement"

    def __init__(self, maps: dict[str, np.ndarray]) -> None:
        self._maps = maps

    def predict(self, samples: Sequence[Sample]) -> Estimates:
        """NaN for empty masks."""
        found = [dice(one.mask, self._maps[one.scan.name][one.slice] == one.structure) for one in samples]
        return Estimates.of(np.where(on_filled(samples), found, np.nan))


class _Shown(NamedTuple):
    """`input` and `truth` (1, S, S) of a sample, and the area of one of their pixels."""

    input: ModelInput
    truth: torch.Tensor
    pixel_mm2: float


class NetworkMethod:
    """A loaded model on a device, which scores single slices as `segae score` does. Raises `InputError` when
    there is no such model or device, `ModelError` when its file cannot be used."""

    def __init__(self, model: str | Path | QualityModel, device: str = AUTO, name: str | None = None) -> None:
        self.model = QualityModel.load(model)
        self.name = name or self.model.spec.name
        self.device = choose_device(device)
        self._runner = make_runner(self.model, self.device)
        self._scorer = Scorer(self.model, device=str(self.device))
        self._stacks: tuple[LabelledScan, CTStack] | None = None

    def predict(self, samples: Sequence[Sample]) -> Estimates:
        """NaN for empty masks and for names that the model has no vector for."""
        found = Estimates.nothing(len(samples))
        known = [self.model.knows(sample.label) for sample in samples]
        usable = np.flatnonzero(on_filled(samples) & np.array(known, bool))
        for start in range(0, len(usable), BATCH):
            self._fill(found, samples, usable[start : start + BATCH])
        if len(usable):
            self._calibrate(found, samples, usable)
        return found

    def refuse_implausible(self, raw: np.ndarray) -> None:
        """Raises `ModelError` when more than a few raw scores (N,) are no Dice; NaN is none at all."""
        given = torch.from_numpy(raw[~np.isnan(raw)])
        refuse_implausible(self.model, count_implausible(given), len(given))

    def _fill(self, found: Estimates, samples: Sequence[Sample], places: np.ndarray) -> None:
        shown = [self._shown(samples[place]) for place in places.tolist()]
        inputs = ModelInput.concatenate([one.input for one in shown])
        out = self._runner.submit(inputs)()
        found.raw[places] = out.score.numpy()
        if out.areas is not None:
            pixels = np.array([one.pixel_mm2 for one in shown])
            found.overlap_mm2[places], found.organ_mm2[places] = (out.areas.numpy() * pixels[:, None]).T
        if out.error_map is not None:
            truth = torch.cat([one.truth for one in shown]).cpu() > 0.5
            mask = mask_channel(inputs.images.cpu(), self.model.spec.input)
            organ = mask + out.error_map[:, 0] - out.error_map[:, 1]
            found.error_dice[places] = _error_dice(mask > 0.5, truth, organ > 0.5)

    def _calibrate(self, found: Estimates, samples: Sequence[Sample], places: np.ndarray) -> None:
        table, raw = self.model.spec.intervals, found.raw[places]
        found.predicted[places] = np.clip(raw, 0, 1)
        if SLICE in table:
            areas = np.array([samples[place].square_mm(samples[place].mask) for place in places.tolist()])
            structures = [samples[place].structure for place in places.tolist()]
            found.predicted[places] = calibrated(raw, table)
            found.interval_low[places], found.interval_high[places] = interval_for(
                raw, areas, structures, table
            ).T

    def _shown(self, sample: Sample) -> _Shown:
        """The slice of its CT as the network sees it, and its truth in the same crop."""
        spec, stack = self.model.spec.input, self._stack(sample.scan)
        grid = volume_of(sample.scan).grid
        one = Grid((*grid.size[:2], 1), grid.affine)
        masks = [orient_array(m[None], one, stack.orientation)[0] for m in (sample.mask, sample.truth)]
        binary = torch.from_numpy(np.stack(masks))[None].to(stack.device)
        k = slice_index_in_orientation(sample.slice, grid, stack.orientation)
        height, width = binary.shape[2:]
        crop = crops_around(mask_boxes(binary[:, 0]), spec.crop, height, width, stack.spacing[1:])
        seen = model_input(stack, np.array([k]), binary, crop, [sample.structure], spec)
        area = float(crop.length.prod()) * stack.pixel_mm2 / spec.size**2
        return _Shown(
            ModelInput(seen.images[:, :-1], seen.structures, seen.position), seen.images[:, -1], area
        )

    def _stack(self, scan: LabelledScan) -> CTStack:
        """The whole CT; samples of one scan follow each other, so that one is kept."""
        if self._stacks is None or self._stacks[0] is not scan:
            self._stacks = scan, CTStack.of(volume_of(scan), self.model.spec.input, self._runner.device)
        return self._stacks[1]

    def score_masks(self, samples: Sequence[Sample], watch: Watch | None = None) -> CaseReport:
        """What `segae score` says of whole masks: `samples` are all slices of masks of one scan by one
        source. Slices of the report count along the scan's slices."""
        scan = samples[0].scan
        volume, by_label = volume_of(scan), {}
        for sample in samples:
            masks = by_label.setdefault(sample.label, np.zeros(scan.ct.shape, bool))
            masks[sample.slice] = sample.mask
        segments = tuple(
            Segment.from_mask(str(label), label, masks, volume.grid)
            for label, masks in sorted(by_label.items(), key=lambda item: item[0].index)
        )
        segmentation = Segmentation(segments, scan.name)
        return self._scorer.score_case(
            volume, segmentation, case=scan.name, options=ScoringOptions(), watch=watch
        )


def volume_of(scan: LabelledScan) -> Volume:
    """The CT on a grid of its own, in the axis order LAS: i runs to the left, where x falls."""
    slices, rows, columns = scan.ct.shape
    slice_mm, row_mm, column_mm = scan.spacing
    return Volume(
        np.asarray(scan.ct), Grid((columns, rows, slices), np.diag([-column_mm, row_mm, slice_mm, 1.0]))
    )


def _error_dice(mask: torch.Tensor, truth: torch.Tensor, organ: torch.Tensor) -> np.ndarray:
    """Dice (B,) of the predicted wrong pixels, missing and extra together, with the true ones; NaN where
    there is neither."""
    wrong, predicted = mask ^ truth, mask ^ organ
    both = (wrong & predicted).sum(dim=(1, 2)).double()
    total = wrong.sum(dim=(1, 2)) + predicted.sum(dim=(1, 2))
    return torch.where(total > 0, 2 * both / total, torch.nan).numpy()
