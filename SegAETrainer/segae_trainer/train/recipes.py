"""The recipes by name: all that decides what a training learns. A new one is a new line in `RECIPES`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from types import MappingProxyType
from typing import Any, Literal

from segae.errors import InputError
from segae.inputs.spec import PUBLISHED_CROP, CropRule
from segae.models.registry import ARCHITECTURES


@dataclass(frozen=True)
class Recipe:
    """What is shown, what is asked, and how the network is moved towards it.

    `crop`: the window that scoring cuts; `random_margin`: trained with the published random margin instead.
    `target`: a name of `losses.TARGETS`. `draw` "mask files": one random slice of each mask file and epoch;
    "even dice": as many slices, drawn so that the Dice spreads evenly over 0..1, of them `missed` with an
    empty mask. `least_overlap`: pixels that mask and truth must share. `batch`: slices per optimiser step,
    all devices together. `warm_up`: share of the steps in which the rate rises; `steps_of_rate` "epoch" keeps
    it constant within an epoch. `clip`: largest norm of the gradient, 0 for none.
    """

    name: str
    architecture: str
    backbone: str
    input_size: int
    crop: CropRule
    random_margin: bool
    augment: bool
    target: Literal["published", "whole_slice"]
    draw: Literal["mask files", "even dice"]
    least_overlap: int
    missed: float
    weighted: bool
    ranking: Literal["optimal pairs", "margin"]
    ranking_weight: float
    optimiser: Literal["adam", "adamw"]
    learning_rate: float
    weight_decay: float
    warm_up: float
    steps_of_rate: Literal["epoch", "step"]
    clip: float
    open_gates: bool
    epochs: int
    batch: int
    hu_windows: tuple[tuple[float, float], ...] = ((-200.0, 200.0),)

    def as_dict(self) -> dict[str, Any]:
        """JSON values."""
        return asdict(self) | {"hu_windows": [list(window) for window in self.hu_windows]}


PUBLISHED = Recipe(
    name="published",
    architecture="segae-published",
    backbone="resnet50",
    input_size=256,
    crop=PUBLISHED_CROP,
    random_margin=True,
    augment=False,
    target="published",
    draw="mask files",
    least_overlap=20,
    missed=0.0,
    weighted=True,
    ranking="optimal pairs",
    ranking_weight=1.0,
    optimiser="adam",
    learning_rate=1e-3,
    weight_decay=1e-4,
    warm_up=0.0,
    steps_of_rate="epoch",
    clip=0.0,
    open_gates=False,
    epochs=30,
    batch=128,
)

SEGAE = replace(
    PUBLISHED,
    name="segae",
    crop=CropRule("context", scale=1.35, millimetres=70.0),
    random_margin=False,
    augment=True,
    target="whole_slice",
    draw="even dice",
    least_overlap=0,
    missed=0.02,
    weighted=False,
    ranking="margin",
    ranking_weight=0.3,
    optimiser="adamw",
    weight_decay=0.02,
    warm_up=0.06,
    steps_of_rate="step",
    clip=1.0,
    open_gates=True,
)

RECIPES: Mapping[str, Recipe] = MappingProxyType({recipe.name: recipe for recipe in (PUBLISHED, SEGAE)})

_POSITIVE = ("input_size", "learning_rate", "epochs", "batch")
_DENSE_BACKBONE = "base"


def resolve_recipe(name: str, **changes: Any) -> Recipe:
    """The recipe called `name` with those `changes` that are not None.

    `segae-dense` gets a width of its own unless a backbone is given. Raises `InputError` for a recipe,
    architecture or setting that is none.
    """
    if name not in RECIPES:
        raise InputError(f'There is no recipe "{name}"; choose one of {", ".join(RECIPES)}.')
    given = {key: value for key, value in changes.items() if value is not None}
    unknown = sorted(given.keys() - {field.name for field in fields(Recipe)})
    if unknown:
        raise InputError(f'A recipe has no setting "{unknown[0]}"; leave it out.')
    if given.get("architecture") == "segae-dense":
        given = {"backbone": _DENSE_BACKBONE} | given
    recipe = replace(RECIPES[name], **given)
    if recipe.architecture not in ARCHITECTURES:
        known = ", ".join(ARCHITECTURES)
        raise InputError(f'There is no architecture "{recipe.architecture}"; choose one of {known}.')
    for field in _POSITIVE:
        if not getattr(recipe, field) > 0:
            raise InputError(f"{field} is {getattr(recipe, field)}; it must be above 0.")
    return recipe


def learning_rate(recipe: Recipe, step: int, steps_per_epoch: int) -> float:
    """A straight rise over the first `warm_up` of all steps, then half a cosine down to 0 at the end; with
    `steps_of_rate` "epoch" the rate of an epoch's first step is that of the whole epoch.

    Without warm-up and by epochs this is rate (1 + cos(pi epoch / epochs)) / 2.
    """
    if recipe.steps_of_rate == "epoch":
        step -= step % steps_per_epoch
    total = recipe.epochs * steps_per_epoch
    rise = recipe.warm_up * total
    if step < rise:
        return recipe.learning_rate * (step + 1) / (rise + 1)
    return recipe.learning_rate * 0.5 * (1 + math.cos(math.pi * (step - rise) / (total - rise)))
