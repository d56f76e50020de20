"""Small models and cases, so that a test takes a moment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from segae.data import Segment, Segmentation, Volume
from segae.geometry.grid import Grid
from segae.inputs.build import mask_channel
from segae.inputs.spec import CropRule, InputSpec
from segae.labels.resolver import resolve
from segae.models.output import ModelOutput
from segae.models.quality_model import QualityModel
from segae.models.spec import ModelSpec


@dataclass(frozen=True, eq=False)
class BrightCase:
    """`organ` and `mask` (K, H, W) bool on the grid of `ct`; `segment` is the mask."""

    ct: Volume
    segment: Segment
    organ: np.ndarray
    mask: np.ndarray


SMALL = ModelSpec("small", "pattern", "none", text_dim=8, input=InputSpec(size=48))


class PatternNetwork(nn.Module):
    """From the mean of image times a fixed pattern and a number for the name: a score that every shift, flip
    or mix-up changes."""

    def __init__(self, spec: ModelSpec) -> None:
        super().__init__()
        random = torch.Generator().manual_seed(5)
        pattern = torch.randn(spec.input.channels, spec.input.size, spec.input.size, generator=random)
        self.pattern = nn.Parameter(pattern)

    def forward(self, images: Tensor, text: Tensor) -> ModelOutput:
        seen = 10 * (images * self.pattern).mean(dim=(1, 2, 3)) + text.mean(dim=1)
        return ModelOutput(0.5 + 0.2 * seen)


class SeeingNetwork(nn.Module):
    """Knows the truth: the organ is what is bright in the CT."""

    def __init__(self, spec: ModelSpec) -> None:
        super().__init__()
        self.spec = spec

    def forward(self, images: Tensor, text: Tensor, position: Tensor) -> ModelOutput:
        spec = self.spec.input
        organ = (images[:, 0] * spec.ct_std + spec.ct_mean > 0.5).float()
        mask = mask_channel(images, spec)
        overlap, whole = (organ * mask).sum(dim=(1, 2)), organ.sum(dim=(1, 2))
        return ModelOutput(
            2 * overlap / (whole + mask.sum(dim=(1, 2))).clamp(min=1),
            error_map=torch.stack((organ * (1 - mask), (1 - organ) * mask), dim=1),
            areas=torch.stack((overlap, whole), dim=1),
            presence=organ.amax(dim=(1, 2)),
        )


def _model(spec: ModelSpec) -> QualityModel:
    vectors = torch.randn(145, spec.text_dim, generator=torch.Generator().manual_seed(6))
    return QualityModel(spec, PatternNetwork(spec), vectors, "5e" * 32)


@pytest.fixture(scope="session")
def small_model() -> QualityModel:
    """Sees 48 x 48 pixels in the orientation LAS, cut as published."""
    return _model(SMALL)


@pytest.fixture(scope="session")
def context_model() -> QualityModel:
    """The same with two HU windows and a crop in millimetres."""
    crop = CropRule("context", scale=1.5, millimetres=10)
    shown = InputSpec(size=48, hu_windows=((-200, 200), (-1000, 1000)), crop=crop)
    return _model(replace(SMALL, input=shown))


@pytest.fixture(scope="session")
def seeing_model() -> QualityModel:
    """A network that knows the truth of `bright_case`. Its window is as many pixels as it sees, so that
    nothing is lost in between."""
    crop = CropRule("context", scale=1.0, millimetres=44.0)
    shown = InputSpec(size=64, crop=crop, position_features=True)
    spec = ModelSpec("seeing", "truth", "none", 4, input=shown, outputs=("error_map", "areas", "presence"))
    return QualityModel(spec, SeeingNetwork(spec), torch.zeros(145, 4), "5e" * 32)


@pytest.fixture
def bright_case() -> Callable[..., BrightCase]:
    """slice_mm -> a CT of 1 mm pixels whose bright square is the liver, and a mask 4 mm behind it that leaves
    out two slices at the lower end, three at the upper end and one in between."""

    def make(slice_mm: float = 6.0) -> BrightCase:
        organ, mask = (np.zeros((16, 96, 96), bool) for _ in range(2))
        organ[2:14, 30:50, 40:60] = True
        mask[4:11, 26:46, 40:60] = True
        mask[7] = False
        grid = Grid((96, 96, 16), np.diag([-1.0, 1.0, slice_mm, 1.0]))  # LAS
        voxels = np.where(organ, 200, -200).astype(np.int16)
        segment = Segment.from_mask("liver", resolve("liver").structure, mask, grid)
        return BrightCase(Volume(voxels, grid), segment, organ, mask)

    return make


@pytest.fixture
def make_case() -> Callable[..., tuple[Volume, Segmentation]]:
    """(mask, name, spacing) -> a CT of soft tissue, fat and noise on the mask's grid, and the mask."""

    def make(
        mask: np.ndarray, name: str = "liver", spacing: tuple[float, float, float] = (1.0, 1.0, 1.0)
    ) -> tuple[Volume, Segmentation]:
        depth, rows, columns = mask.shape
        grid = Grid((columns, rows, depth), np.diag([-spacing[0], spacing[1], spacing[2], 1.0]))  # LAS
        noise = np.random.default_rng(0).normal(0, 20, mask.shape)
        tissue = np.where(np.arange(columns) % 16 < 4, -100, 40)
        voxels = (tissue + noise + 60 * mask).astype(np.int16)
        segment = Segment.from_mask(name, resolve(name).structure, mask, grid)
        return Volume(voxels, grid), Segmentation((segment,))

    return make
