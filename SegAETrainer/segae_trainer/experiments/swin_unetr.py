"""SwinUNETR of MONAI on patches of the volume, as the paper's semi-supervised experiment has it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from segae.progress import Watch
from segae.scoring.device import choose_device
from segae_trainer.data.sample import LabelledScan
from segae_trainer.experiments.segmenters import SegmenterSettings, Trust
from segae_trainer.pseudo_labels.small_unet import class_weights, marginal_cross_entropy, shown_structures
from segae_trainer.train.run_folder import keep, kept

WINDOW_HU = (-175.0, 250.0)
LEARNING_RATE, WEIGHT_DECAY = 4e-4, 1e-5
_OVERLAP = 0.5  # of neighbouring patches in a prediction
_SHRINK = 32  # SwinUNETR halves a patch so often
_ON_ORGAN = 0.7  # of the patches are centred on a voxel with a mask


class SwinUNETRSegmenter:
    """A trained SwinUNETR with its rows of the label table."""

    def __init__(self, network: nn.Module, rows: Sequence[int], settings: SegmenterSettings) -> None:
        self._network, self._rows, self._settings = network.eval(), tuple(rows), settings
        self._device = choose_device(settings.device)

    @property
    def rows(self) -> tuple[int, ...]:
        return self._rows

    def label(self, scan: LabelledScan) -> np.ndarray:
        table = torch.tensor((0, *self._rows), dtype=torch.uint8)
        return np.stack([table[one.argmax(dim=0)].numpy() for one in self.probabilities(scan)])

    def probabilities(self, scan: LabelledScan, *, dropout: bool = False) -> Iterator[Tensor]:
        from monai.inferers.utils import sliding_window_inference

        image = _image(scan, self._settings.spacing_mm)[None]
        for module in self._network.modules():
            if isinstance(module, nn.Dropout):
                module.train(dropout)
        with torch.inference_mode():
            logits = sliding_window_inference(
                image.to(self._device), _roi(self._settings), 1, self._network, overlap=_OVERLAP,
                mode="gaussian", device=torch.device("cpu"),
            )  # fmt: skip
            assert isinstance(logits, Tensor)
            whole = functional.interpolate(logits, scan.labels.shape, mode="trilinear").softmax(dim=1)
        self._network.eval()
        return iter(whole[0].unbind(dim=1))

    def save(self, path: Path) -> None:
        weights = {key: value.cpu() for key, value in self._network.state_dict().items()}
        keep({"rows": list(self._rows), "weights": weights}, path)

    @classmethod
    def load(cls, path: Path, settings: SegmenterSettings) -> SwinUNETRSegmenter:
        content = kept(path)
        network = _network(len(content["rows"]), settings)
        network.load_state_dict(content["weights"])
        return cls(network, content["rows"], settings)

    @classmethod
    def train(
        cls, scans: Sequence[LabelledScan], settings: SegmenterSettings, seed: int, watch: Watch, trust: Trust
    ) -> Iterator[tuple[int, SwinUNETRSegmenter]]:
        rows = sorted(frozenset[int]().union(*map(shown_structures, scans)))
        torch.manual_seed(seed)
        network, device = _network(len(rows), settings), choose_device(settings.device)
        shown = [_Shown(scan, rows, settings.spacing_mm, trust.get(scan.name, {})) for scan in scans]
        weights = class_weights(torch.cat([one.labels.flatten() for one in shown]), len(rows) + 1).to(device)
        optimiser = torch.optim.AdamW(network.parameters(), LEARNING_RATE, weight_decay=WEIGHT_DECAY)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, settings.steps)
        draw = np.random.default_rng(seed)
        for step in range(1, settings.steps + 1):
            network.train()
            chosen = [shown[i] for i in draw.integers(len(shown), size=settings.batch)]
            patches = [one.patch(_roi(settings)[0], draw) for one in chosen]
            images, labels = (torch.stack(part).to(device) for part in zip(*patches, strict=True))
            logits = network(images)
            loss = marginal_cross_entropy(
                logits.flatten(2, 3).float(), labels.flatten(1, 2),
                torch.stack([one.annotated for one in chosen]).to(device), weights,
                torch.stack([one.trust for one in chosen]).to(device),
            )  # fmt: skip
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimiser.step()
            schedule.step()
            watch.step("segmenter", step, settings.steps)
            if step in settings.kept:
                yield step, cls(network, rows, settings)


class _Shown:
    """A scan as the network sees it: `image` (1, K, H, W), `labels` (K, H, W) as places in the rows."""

    def __init__(
        self, scan: LabelledScan, rows: Sequence[int], spacing_mm: float, trust: Mapping[int, float]
    ) -> None:
        self.image = _image(scan, spacing_mm)
        places = np.zeros(256, np.uint8)
        places[list(rows)] = np.arange(1, len(rows) + 1)
        labels = torch.from_numpy(places[scan.labels])[None, None].float()
        size = self.image.shape[1:]
        self.labels = functional.interpolate(labels, size, mode="nearest-exact")[0, 0].to(torch.uint8)
        self.annotated = torch.tensor([row in shown_structures(scan) for row in rows])
        self.trust = torch.tensor([1.0, *(trust.get(row, 1.0) for row in rows)])
        self._marked = torch.nonzero(self.labels)

    def patch(self, roi: int, draw: np.random.Generator) -> tuple[Tensor, Tensor]:
        """A cube of `roi` voxels; what lies beyond the scan is air."""
        if len(self._marked) and draw.random() < _ON_ORGAN:
            centre = self._marked[draw.integers(len(self._marked))].tolist()
        else:
            centre = [int(draw.integers(n)) for n in self.labels.shape]
        image, labels = self.image, self.labels
        pads, starts = [], []
        for n, middle in zip(labels.shape, centre, strict=True):
            missing = max(0, roi - n)
            pads.append((missing // 2, missing - missing // 2))
            starts.append(min(max(middle - roi // 2, 0), max(0, n - roi)))
        flat = [edge for pair in reversed(pads) for edge in pair]
        image, labels = functional.pad(image, flat), functional.pad(labels, flat)
        part = tuple(slice(start, start + roi) for start in starts)
        return image[(slice(None), *part)], labels[part]


def _image(scan: LabelledScan, spacing_mm: float) -> Tensor:
    """(1, K, H, W) of 0..1 on voxels of about `spacing_mm`."""
    low, high = WINDOW_HU
    voxels = torch.from_numpy(scan.ct).float().clamp(low, high).sub(low).div(high - low)
    size = [max(1, round(n * mm / spacing_mm)) for n, mm in zip(scan.ct.shape, scan.spacing, strict=True)]
    return functional.interpolate(voxels[None, None], size, mode="trilinear")[0]


def _roi(settings: SegmenterSettings) -> tuple[int, int, int]:
    side = -(-settings.roi // _SHRINK) * _SHRINK
    return side, side, side


def _network(rows: int, settings: SegmenterSettings) -> nn.Module:
    from monai.networks.nets.swin_unetr import SwinUNETR

    network = SwinUNETR(1, rows + 1, feature_size=settings.features, drop_rate=settings.dropout)
    return network.to(choose_device(settings.device))
