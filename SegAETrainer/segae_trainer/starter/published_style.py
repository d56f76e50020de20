"""The published architecture and loss, trained on the masks that a fold may learn from: what the starter
model is compared with."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from segae.inputs.build import model_input_of_slices
from segae.inputs.crops import crops_around, mask_boxes
from segae.inputs.spec import InputSpec
from segae.models.checkpoint import Checkpoint
from segae.models.quality_model import QualityModel
from segae.models.registry import build_network, new_spec
from segae.models.spec import ModelSpec
from segae.progress import Watch
from segae_trainer.evaluate.methods import MaskSlice
from segae_trainer.train.losses import ranking_loss, weighted_mse
from segae_trainer.train.recipes import PUBLISHED

NAME = "published style"
BATCH = 32


def train_published(
    masks: Sequence[MaskSlice],
    text_vectors: Tensor,
    size: int,
    steps: int,
    seed: int,
    watch: Watch | None = None,
) -> QualityModel:
    """A ResNet18 gated by the names (`text_vectors`, (145, D)) after `steps` batches of `masks`, from
    scratch. It sees `size` pixels; the published 256 cost much more than the starter model's."""
    watch = watch or Watch()
    spec = new_spec(
        NAME,
        "segae-published",
        "resnet18",
        text_dim=text_vectors.shape[1],
        input=InputSpec(size=size),
    )
    shown, targets, rows = _rendered(masks, spec, watch)
    torch.manual_seed(seed)
    network = build_network(spec).train()
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimiser = torch.optim.Adam(
        network.parameters(), lr=PUBLISHED.learning_rate, weight_decay=PUBLISHED.weight_decay
    )
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    draw = torch.Generator().manual_seed(seed)
    for step in range(steps):
        chosen = torch.randint(len(shown), (BATCH,), generator=draw)
        images, text = shown[chosen].float(), text_vectors[rows[chosen]]
        predicted = network(images.contiguous(memory_format=torch.channels_last), text).score
        loss = weighted_mse(predicted, targets[chosen])
        loss = loss + PUBLISHED.ranking_weight * ranking_loss(predicted, targets[chosen], text)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        watch.step(f"training {NAME}", step + 1, steps)
    return QualityModel.from_checkpoint(Checkpoint(spec, network.state_dict(), text_vectors))


def _rendered(masks: Sequence[MaskSlice], spec: ModelSpec, watch: Watch) -> tuple[Tensor, Tensor, Tensor]:
    """Pictures (N, 2, S, S) in half precision, Dice (N,), and rows (N,)."""
    size = spec.input.size
    shown = torch.empty((len(masks), spec.input.channels, size, size), dtype=torch.float16)
    targets, rows = [], []
    for place, mask in enumerate(masks):
        shown[place] = _picture(mask, spec)
        targets.append(mask.dice)
        rows.append(mask.structure)
        watch.step(f"rendering for {NAME}", place + 1, len(masks))
    return shown, torch.tensor(targets, dtype=torch.float32), torch.tensor(rows)


def _picture(mask: MaskSlice, spec: ModelSpec) -> Tensor:
    boxes = mask_boxes(torch.from_numpy(mask.mask[None]))
    height, width = mask.mask.shape
    crops = crops_around(boxes, spec.input.crop, height, width, mask.pixel_mm)
    ct, masks = [mask.ct[None]], [mask.mask[None]]
    return model_input_of_slices(ct, masks, crops, [mask.structure], spec.input).images[0]
