"""One training: its recipe, where its numbers come from, and the machine it runs on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from segae.scoring.device import AUTO
from segae_trainer.train.recipes import Recipe

ImageNet = Literal["try", "demand", "no"]


@dataclass(frozen=True)
class Machine:
    """What may change when a training is resumed.

    `devices`: how many of the kind of `device`; more than one share each batch (ddp). `accumulate`: parts of
    a device's share that are computed one after the other. `workers`: processes that render, None for a
    choice by the number of processors. `precision`: a name of Lightning's such as "bf16-mixed", or "auto":
    half where the device has it. `cache`: folder in which the patches of the training set are kept, so that
    they are rendered once; None for none on a GPU, and one in the run folder on a CPU. `keep_every_steps`,
    `keep_every_seconds`: how much a power cut may cost.
    """

    device: str = AUTO
    devices: int = 1
    precision: str = AUTO
    accumulate: int = 1
    workers: int | None = None
    cache: Path | None = None
    keep_every_steps: int = 1000
    keep_every_seconds: float = 120.0


@dataclass(frozen=True)
class TrainingSettings:
    """`name`: the model's, None for that of the run folder. `weights`: a model to start from, whose vectors
    of the names are used too. `imagenet`: start the backbone from ImageNet weights when they can be had
    ("try"), or not at all without them ("demand"). `names`: file with the vectors of the names (a pickle as
    published, or a `.safetensors` model); None for the sentence encoder. `patience`: epochs without a better
    LCC after which it ends, None for never. `val_samples`: at most so many slices are validated on.
    `real_share`: share of the masks of segmenters that the draw "mixed" uses.
    """

    recipe: Recipe
    name: str | None = None
    seed: int = 2026
    weights: Path | None = None
    imagenet: ImageNet = "try"
    names: Path | None = None
    patience: int | None = None
    val_samples: int | None = 2000
    real_share: float = 0.5
    licence: str = "not stated"
    description: str = ""
    machine: Machine = Machine()
