"""A small U-Net that segments axial slices, and its masks of slices that it has not seen."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from segae.inputs.crops import Crops, cut
from segae.progress import Watch
from segae_trainer.data.index import Index, PseudoLabel
from segae_trainer.data.rendering import body_crop
from segae_trainer.data.sample import LabelledScan
from segae_trainer.data.scan_files import read_labelled_scan, write_label_map

SIZE = 112
_WINDOWS = ((-200.0, 300.0), (-1000.0, 0.0))
_MARGIN = 1.06  # of the body's longer side
_FEATURES = (32, 64, 96, 128)


@dataclass(frozen=True)
class SegmenterPlan:
    """`kept`: steps after which the network's masks are wanted; the last one ends the training. `bfloat16`:
    learn in that precision, where processors with instructions for it are faster and others slower.
    `dropout`: chance of a channel of the deeper levels to be left out while learning, and of `probabilities`
    that ask for it."""

    kept: tuple[int, ...] = (300, 900, 2000)
    batch: int = 8
    bfloat16: bool = True
    learning_rate: float = 3e-3
    seed: int = 2026
    dropout: float = 0.0


@dataclass(frozen=True, eq=False)
class Shown:
    """Slices as the network sees them: `images` (N, 2, S, S), `labels` (N, S, S) as places in the network's
    rows (0 is everything else), `annotated` (N, rows): which rows the slice's case has masks of, `trust`
    (N, rows + 1): how much the pixels of a place count."""

    images: Tensor
    labels: Tensor
    annotated: Tensor
    trust: Tensor


class Segmenter(nn.Module):
    """Images (B, 2, S, S) -> logits (B, rows + 1, S, S): a small U-Net on blocks of 2 x 2 pixels, which is
    four times faster than on pixels and loses little. `corner` (0..3) asks for one pixel of each block only,
    (B, rows + 1, S / 2, S / 2): training needs no more."""

    def __init__(self, rows: Sequence[int], dropout: float = 0.0) -> None:
        super().__init__()
        self.rows = tuple(rows)
        self.dropout = nn.Dropout2d(dropout) if dropout else nn.Identity()
        into = (4 * len(_WINDOWS), *_FEATURES[:-1])
        self.down = nn.ModuleList(_two(a, b) for a, b in zip(into, _FEATURES, strict=True))
        upwards = zip(_FEATURES[:0:-1], _FEATURES[-2::-1], strict=True)
        self.narrow = nn.ModuleList(nn.Conv2d(deep, shallow, 1) for deep, shallow in upwards)
        self.up = nn.ModuleList(_one(width, width) for width in _FEATURES[-2::-1])
        self.pixels = nn.Conv2d(_FEATURES[0], 4 * (len(self.rows) + 1), 1)

    def forward(self, images: Tensor, corner: int | None = None) -> Tensor:
        x, levels = functional.pixel_unshuffle(images - 0.5, 2), []
        for place, block in enumerate(self.down):
            x = block(x) if place == 0 else self.dropout(block(functional.max_pool2d(x, 2)))
            levels.append(x)
        for narrow, block, shallow in zip(self.narrow, self.up, levels[-2::-1], strict=True):
            x = block(functional.interpolate(narrow(x), scale_factor=2.0) + shallow)
        if corner is not None:
            weight, bias = self.pixels.weight, self.pixels.bias
            assert bias is not None
            return functional.conv2d(x, weight[corner::4], bias[corner::4])
        return functional.pixel_shuffle(self.pixels(x), 2)


def _one(into: int, out: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(into, out, 3, padding=1, bias=False), nn.BatchNorm2d(out), nn.ReLU(inplace=True)
    )


def _two(into: int, out: int) -> nn.Sequential:
    return nn.Sequential(_one(into, out), _one(out, out))


def train_segmenter(
    scans: Sequence[tuple[LabelledScan, Sequence[int]]],
    plan: SegmenterPlan,
    watch: Watch | None = None,
    trust: Mapping[str, Mapping[int, float]] = MappingProxyType({}),
) -> Iterator[tuple[int, Segmenter]]:
    """Train on slices of some cases; yields the network at each of `plan.kept`, ready to predict. `trust`:
    by case and structure how much the pixels of a mask count, 1 where it does not say."""
    watch = watch or Watch()
    rows = sorted(set().union(*(shown_structures(scan) for scan, _ in scans)))
    shown = _joined([_shown(scan, slices, rows, trust.get(scan.name, {})) for scan, slices in scans])
    torch.manual_seed(plan.seed)
    network = Segmenter(rows, plan.dropout).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimiser = torch.optim.AdamW(network.parameters(), lr=plan.learning_rate, weight_decay=1e-2)
    weights = class_weights(shown.labels, len(rows) + 1)
    last = plan.kept[-1]
    draw = torch.Generator().manual_seed(plan.seed)
    for step in range(1, last + 1):
        for group in optimiser.param_groups:
            group["lr"] = plan.learning_rate * min(step / 50, 0.5 * (1 + math.cos(math.pi * step / last)))
        chosen = torch.randint(len(shown.images), (plan.batch,), generator=draw)
        images, labels = _varied(shown.images[chosen], shown.labels[chosen], draw)
        network.train()
        corner = int(torch.randint(4, (1,), generator=draw))
        seen = labels[:, corner // 2 :: 2, corner % 2 :: 2]
        with torch.autocast("cpu", torch.bfloat16, enabled=plan.bfloat16):
            logits = network(images, corner)
        loss = marginal_cross_entropy(
            logits.float(), seen, shown.annotated[chosen], weights, shown.trust[chosen]
        )
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        watch.step("segmenter", step, last)
        if step in plan.kept:
            yield step, network.eval()


def segment(network: Segmenter, scan: LabelledScan, slices: Sequence[int]) -> np.ndarray:
    """Label indices (n, H, W) uint8 that the network sees in some slices of a scan."""
    height, width = scan.ct.shape[1:]
    table = torch.tensor((0, *network.rows), dtype=torch.uint8)
    found = []
    with torch.inference_mode():
        for k in slices:
            window = _window(scan, k)
            chances = _chances(network, scan, k, window)
            highest = chances.amax(dim=(0, 2, 3))
            highest[0] = 1.0  # a young network may be sure of nothing
            likely = torch.nonzero(highest > 0.25)[:, 0]
            found.append(
                table[likely[_on_slice(chances[:, likely], window, height, width).argmax(0)]].numpy()
            )
    return np.stack(found)


def probabilities(
    network: Segmenter, scan: LabelledScan, slices: Sequence[int], *, dropout: bool = False
) -> Iterator[Tensor]:
    """For each slice the probability (rows + 1, H, W) of everything else and of the network's rows.
    `dropout`: leave out channels, drawn by torch's own generator."""
    height, width = scan.labels.shape[1:]
    for k in slices:
        window = _window(scan, k)
        network.dropout.train(dropout)
        with torch.inference_mode():
            found = _on_slice(_chances(network, scan, k, window), window, height, width)
        network.dropout.eval()
        yield found


def _chances(network: Segmenter, scan: LabelledScan, k: int, window: Crops) -> Tensor:
    return network(_image(scan, k, window)).softmax(dim=1)


def _on_slice(chances: Tensor, window: Crops, height: int, width: int) -> Tensor:
    """(1, C, S, S) in the window -> (C, H, W) on the slice."""
    grid = _places(window, height, width)
    return functional.grid_sample(chances, grid, align_corners=False, padding_mode="border")[0]


def _window(scan: LabelledScan, k: int) -> Crops:
    return body_crop(scan, k).enlarged(_MARGIN)


def _image(scan: LabelledScan, k: int, window: Crops) -> Tensor:
    return cut(torch.from_numpy(scan.ct[k])[None], torch.tensor([[0]]), window, SIZE, _WINDOWS)


def _shown(
    scan: LabelledScan, slices: Sequence[int], rows: Sequence[int], trust: Mapping[int, float]
) -> Shown:
    place = np.zeros(256, np.uint8)
    place[list(rows)] = np.arange(1, len(rows) + 1)
    images, labels = [], []
    for k in slices:
        window = _window(scan, k)
        images.append(_image(scan, k, window))
        at = window.start[0] + (torch.arange(SIZE)[:, None] + 0.5) * window.length[0] / SIZE
        row, column = at[:, 0].long(), at[:, 1].long()
        height, width = scan.labels.shape[1:]
        inside = ((row >= 0) & (row < height))[:, None] & ((column >= 0) & (column < width))[None]
        there = np.ix_(row.clamp(0, height - 1).numpy(), column.clamp(0, width - 1).numpy())
        labels.append(torch.from_numpy(place[scan.labels[k][there]]) * inside)
    annotated = torch.tensor([row in shown_structures(scan) for row in rows]).expand(len(slices), -1)
    trusted = torch.tensor([1.0, *(trust.get(row, 1.0) for row in rows)]).expand(len(slices), -1)
    return Shown(torch.cat(images), torch.stack(labels), annotated, trusted)


def _joined(parts: Sequence[Shown]) -> Shown:
    return Shown(*(torch.cat([getattr(part, f) for part in parts]) for f in Shown.__dataclass_fields__))


def class_weights(labels: Tensor, count: int) -> Tensor:
    """One over the square root of a row's pixels, 1 on average: small organs count."""
    share = torch.bincount(labels.flatten().long(), minlength=count).clamp(min=1) / labels.numel()
    weights = share.rsqrt().clamp(max=60.0)
    return weights / (weights * share).sum()


def marginal_cross_entropy(
    logits: Tensor, labels: Tensor, annotated: Tensor, weights: Tensor, trust: Tensor
) -> Tensor:
    """Weighted cross-entropy of logits (B, C, H, W) and places (B, H, W), in which everything else may be any
    row that the case has no masks of. `annotated` (B, C - 1), `weights` (C,), `trust` (B, C)."""
    unmarked = ~torch.cat((torch.zeros_like(annotated[:, :1]), annotated), dim=1)
    rest = logits.masked_fill(~unmarked[:, :, None, None], -torch.inf).logsumexp(dim=1)
    own = logits.gather(1, labels.long()[:, None])[:, 0]
    missed = logits.logsumexp(dim=1) - torch.where(labels == 0, rest, own)
    trusted = trust[torch.arange(len(trust))[:, None, None], labels.long()]
    return (missed * weights[labels.long()] * trusted).mean()


def _varied(images: Tensor, labels: Tensor, draw: torch.Generator) -> tuple[Tensor, Tensor]:
    """Turned, scaled, moved, with other grey values; left stays left."""
    count = len(images)
    angle, zoom, row, column = ((torch.rand(4, count, generator=draw) - 0.5) * 2).unbind()
    angle, zoom = angle * math.radians(12), (zoom * 0.15).exp()
    cos, sin = angle.cos() * zoom, angle.sin() * zoom
    theta = torch.stack(
        (torch.stack((cos, -sin, column * 0.08), 1), torch.stack((sin, cos, row * 0.08), 1)), dim=1
    )
    grid = functional.affine_grid(theta, [count, 1, SIZE, SIZE], align_corners=False)
    turned = functional.grid_sample(images, grid, align_corners=False)
    moved = functional.grid_sample(labels[:, None].float(), grid, mode="nearest", align_corners=False)
    gain, offset = ((torch.rand(2, count, 1, 1, 1, generator=draw) - 0.5) * 2).unbind()
    noise = torch.randn(turned.shape, generator=draw) * 0.03
    return (turned * (1 + 0.15 * gain) + 0.1 * offset + noise).clamp(0, 1), moved[:, 0].to(torch.uint8)


def _places(window: Crops, height: int, width: int) -> Tensor:
    """Where the slice's pixels lie in the window (1, H, W, 2), in the coordinates of `grid_sample`."""
    (top, left), (tall, wide) = window.start[0], window.length[0]
    rows = ((torch.arange(height) + 0.5 - top) / tall) * 2 - 1
    columns = ((torch.arange(width) + 0.5 - left) / wide) * 2 - 1
    return torch.stack(torch.meshgrid(columns, rows, indexing="xy"), dim=-1)[None]


SLAB_MM = 12.0  # thin enough that most organs are in both halves, so that a network knows them


def cross_fitted(
    scans: Sequence[LabelledScan], plan: SegmenterPlan, watch: Watch | None = None
) -> Iterator[tuple[str, int, np.ndarray]]:
    """Each half of every scan (every other slab of `SLAB_MM`, less in a thin scan) by a network trained on
    the other halves: (case, step, label map (K, H, W) uint8) for every case and kept step."""
    halves = [_halves(scan) for scan in scans]
    maps = {(scan.name, step): np.zeros_like(scan.labels) for scan in scans for step in plan.kept}
    for half in (0, 1):
        training_scans = [
            (scan, split[half]) for scan, split in zip(scans, halves, strict=True) if split[half]
        ]
        if not training_scans:  # a single slice: there is no other half
            continue
        for step, network in train_segmenter(training_scans, replace(plan, seed=plan.seed + half), watch):
            for scan, split in zip(scans, halves, strict=True):
                if len(split[1 - half]):
                    maps[scan.name, step][split[1 - half]] = segment(network, scan, split[1 - half])
    for (name, step), labels in maps.items():
        yield name, step, labels


def by_others(
    training_scans: Sequence[LabelledScan],
    tested: Sequence[LabelledScan],
    plan: SegmenterPlan,
    watch: Watch | None = None,
) -> Iterator[tuple[str, int, np.ndarray]]:
    """The scans `tested` by a network trained on the scans `training_scans`; as `cross_fitted`."""
    everything = [(scan, labelled_slices(scan)) for scan in training_scans]
    for step, network in train_segmenter(everything, plan, watch):
        for scan in tested:
            yield scan.name, step, segment(network, scan, range(len(scan.ct)))


def shown_structures(scan: LabelledScan) -> frozenset[int]:
    """The structures that the scan has masks of."""
    return frozenset(int(index) for index in np.unique(scan.labels) if index)


def add_small_unet(index: Index, folder: Path, plan: SegmenterPlan, watch: Watch | None = None) -> Index:
    """`index` with the masks of small U-Nets as pseudo labels, one source for each kept step; each slice by a
    network that was trained on other slices. `folder` gets a label map for each source and scan; when all
    are there, nothing is trained."""
    files = {
        (scan.name, step): folder / source_name(step) / f"{scan.name}.nii.gz"
        for scan in index.scans
        for step in plan.kept
    }
    if not all(path.is_file() for path in files.values()):
        read = [read_labelled_scan(scan) for scan in index.scans]
        grids = {scan.name: grid for scan, grid in read}
        for name, step, labels in cross_fitted([scan for scan, _ in read], plan, watch):
            write_label_map(files[name, step], labels, grids[name])
    scans = []
    for scan in index.scans:
        structures = scan.structures if scan.known is None else scan.known
        labels = tuple(
            PseudoLabel(structure, source_name(step), files[scan.name, step], structure)
            for step in plan.kept
            for structure in structures
        )
        sources = {label.source for label in labels}
        others = tuple(label for label in scan.pseudo_labels if label.source not in sources)
        scans.append(replace(scan, pseudo_labels=(*others, *labels)))
    return replace(index, scans=tuple(scans))


def source_name(step: int) -> str:
    """What the masks of a kept step are called."""
    return f"small U-Net step {step}"


def labelled_slices(scan: LabelledScan) -> list[int]:
    """The slices that show a true mask."""
    return np.flatnonzero(scan.labels.any(axis=(1, 2))).tolist()


def _halves(scan: LabelledScan) -> tuple[list[int], list[int]]:
    slices = labelled_slices(scan)
    reach = (slices[-1] + 1 - slices[0]) * scan.slice_mm
    slab = max(min(SLAB_MM, reach / 2), scan.slice_mm)
    first = [k for k in slices if int(k * scan.slice_mm // slab) % 2 == 0]
    return first, sorted(set(slices) - set(first))
