"""The segmenters that experiments train: the small U-Net, and SwinUNETR as in the paper."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, Protocol

import numpy as np
import torch
from torch import Tensor

from segae.errors import InputError
from segae.progress import Watch
from segae.scoring.device import AUTO
from segae_trainer.data.sample import LabelledScan
from segae_trainer.pseudo_labels import small_unet
from segae_trainer.pseudo_labels.small_unet import SegmenterPlan, labelled_slices, shown_structures
from segae_trainer.train.run_folder import keep, kept

Trust = Mapping[str, Mapping[int, float]]  # by scan and structure how much a mask counts
LEAST_ROI = 64  # voxels: SwinUNETR halves a patch five times and needs two in the end
NOTHING: Trust = MappingProxyType({})


@dataclass(frozen=True)
class SegmenterSettings:
    """`steps`: of a training; `early`: shares of the steps after which a network makes masks that a scorer
    learns from, besides the last one. `roi` (voxels along each axis), `spacing_mm`, `features`, `device`: of
    SwinUNETR."""

    network: Literal["small-unet", "swin-unetr"] = "small-unet"
    steps: int = 1000
    early: tuple[float, ...] = (0.2,)
    batch: int = 8
    dropout: float = 0.1
    roi: int = 96
    spacing_mm: float = 1.5
    features: int = 24
    device: str = AUTO

    def __post_init__(self) -> None:
        if min(self.steps, self.batch, self.roi, self.features) < 1 or self.spacing_mm <= 0:
            raise InputError("Steps, batch, patch and voxels of the segmenter must be above 0; correct them.")
        if self.network == "swin-unetr" and self.roi < LEAST_ROI:
            raise InputError(f"SwinUNETR needs patches of {LEAST_ROI} voxels or more; correct the number.")
        if not 0 < self.dropout < 1:
            raise InputError(f"A dropout of {self.dropout:g} is no chance between 0 and 1; correct it.")

    @property
    def kept(self) -> tuple[int, ...]:
        """The steps after which there are masks for a scorer."""
        early = {max(1, round(share * self.steps)) for share in self.early}
        return tuple(sorted(early | {self.steps}))

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self) | {"early": list(self.early)}


class Segmenter(Protocol):
    """A trained network. `rows`: the structures that it knows."""

    @property
    def rows(self) -> tuple[int, ...]: ...

    def label(self, scan: LabelledScan) -> np.ndarray:
        """Label indices (K, H, W) uint8."""
        ...

    def probabilities(self, scan: LabelledScan, *, dropout: bool = False) -> Iterator[Tensor]:
        """For each slice (1 + rows, H, W), everything else first."""
        ...

    def save(self, path: Path) -> None:
        """Write the weights; `load_segmenter` reads them."""
        ...


class SmallUNet:
    """The small U-Net of pseudo labels, slice by slice."""

    def __init__(self, network: small_unet.Segmenter) -> None:
        self._network = network.eval()

    @property
    def rows(self) -> tuple[int, ...]:
        return self._network.rows

    def label(self, scan: LabelledScan) -> np.ndarray:
        return small_unet.segment(self._network, scan, range(len(scan.ct)))

    def probabilities(self, scan: LabelledScan, *, dropout: bool = False) -> Iterator[Tensor]:
        return small_unet.probabilities(self._network, scan, range(len(scan.ct)), dropout=dropout)

    def save(self, path: Path) -> None:
        keep({"rows": list(self.rows), "weights": self._network.state_dict()}, path)

    @classmethod
    def load(cls, path: Path, settings: SegmenterSettings) -> SmallUNet:
        content = kept(path)
        network = small_unet.Segmenter(content["rows"], settings.dropout)
        network.load_state_dict(content["weights"])
        return cls(network)

    @classmethod
    def train(
        cls, scans: Sequence[LabelledScan], settings: SegmenterSettings, seed: int, watch: Watch, trust: Trust
    ) -> Iterator[tuple[int, SmallUNet]]:
        plan = SegmenterPlan(
            settings.kept, settings.batch, torch.ops.mkldnn._is_mkldnn_bf16_supported(), seed=seed,
            dropout=settings.dropout,
        )  # fmt: skip
        slices = [(scan, labelled_slices(scan)) for scan in scans]
        for step, network in small_unet.train_segmenter(slices, plan, watch, trust):
            yield step, cls(network)


def _architecture(settings: SegmenterSettings) -> Any:
    if settings.network == "small-unet":
        return SmallUNet
    from segae_trainer.experiments.swin_unetr import SwinUNETRSegmenter  # loads MONAI

    return SwinUNETRSegmenter


def train_segmenters(
    scans: Sequence[LabelledScan],
    settings: SegmenterSettings,
    seed: int,
    watch: Watch | None = None,
    trust: Trust = NOTHING,
) -> Iterator[tuple[int, Segmenter]]:
    """Train on the masks of some scans; yields (step, segmenter) at each of `settings.kept`. Structures that
    a scan has no mask of may be anywhere in it. `trust`: how much a mask counts, 1 where it does not say."""
    scans = [scan for scan in scans if shown_structures(scan)]
    if not scans:
        raise InputError("No annotated mask has a voxel, so that no segmenter can be trained; add patients.")
    yield from _architecture(settings).train(scans, settings, seed, watch or Watch(), trust)


def segmenter_at(
    path: Path,
    scans: Callable[[], Sequence[LabelledScan]],
    settings: SegmenterSettings,
    seed: int,
    watch: Watch | None = None,
    trust: Trust = NOTHING,
) -> Segmenter:
    """The segmenter kept at `path`, trained now, on the scans that `scans` reads, if there is none."""
    if not path.is_file():
        for step, segmenter in train_segmenters(scans(), settings, seed, watch, trust):
            if step == settings.steps:
                segmenter.save(path)
    return load_segmenter(path, settings)


def load_segmenter(path: Path, settings: SegmenterSettings) -> Segmenter:
    """What `Segmenter.save` wrote. Raises `InputError` for a damaged file."""
    return _architecture(settings).load(path, settings)
