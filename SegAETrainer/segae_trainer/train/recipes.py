"""The recipes by name: all that decides what a training learns. A new one is a new line in `RECIPES`."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from types import MappingProxyType
from typing import Any, Literal

from segae.errors import InputError
from segae.inputs.spec import InputSpec
from segae.models.registry import default_input


@dataclass(frozen=True)
class Phase:
    """`steps` on images `1 / shrink` as long as the network's, `batch` samples each, all devices together.
    The learning rate rises to `peak` times the recipe's and falls, in the second half not below `floor`."""

    steps: int
    batch: int
    shrink: int = 1
    peak: float = 1.0
    floor: float = 0.0


@dataclass(frozen=True)
class Recipe:
    """What is shown, what is predicted, and how the network is moved towards it.

    `input`: how the network sees a slice. `views` "margin": the published random margin round the mask;
    "random": turned, scaled, bent, with other grey values. `loss` "published": weighted squared error of "
    "the cropped Dice and the ranking of
    optimal pairs; "dense": the organ's pixels, areas and absolute errors of the Dice of the whole slice.
    `draw` "mask files": one random slice of each mask file and epoch, with at least `least_overlap` pixels
    of overlap; "mixed": a share of `real` masks drawn so that their Dice is even, the rest by `kind_weights`
    of their kinds. `select`: which weights become the model. `epochs` of the draw "mask files", with steps of
    `batch`; the draw "mixed" makes `phases` instead, and validates every `epoch_steps`. `clip`: largest norm
    of the gradient, 0 for none. `average`: decay of the moving average that becomes the model, 0 for none.
    `bfloat16`: precision on processors with instructions for it.
    """

    name: str
    architecture: str
    backbone: str
    input: InputSpec
    views: Literal["margin", "random"]
    loss: Literal["published", "dense"]
    draw: Literal["mask files", "mixed"]
    select: Literal["best epoch", "last"]
    optimiser: Literal["adam", "adamw"]
    learning_rate: float
    weight_decay: float
    least_overlap: int = 0
    real: float = 0.0
    kind_weights: Mapping[str, float] = field(default_factory=dict)
    epochs: int = 0
    batch: int = 0
    phases: tuple[Phase, ...] = ()
    epoch_steps: int = 0
    warm_up: float = 0.0
    clip: float = 0.0
    average: float = 0.0
    bfloat16: bool = False

    def as_dict(self) -> dict[str, Any]:
        """JSON values."""
        return json.loads(json.dumps(asdict(self)))

    def shortened(self, share: float) -> Recipe:
        """With `share` of the steps of each phase."""
        phases = tuple(replace(one, steps=max(1, round(share * one.steps))) for one in self.phases)
        return replace(self, phases=phases)


PUBLISHED = Recipe(
    name="published",
    architecture="segae-published",
    backbone="resnet50",
    input=default_input("segae-published"),
    views="margin",
    loss="published",
    draw="mask files",
    select="best epoch",
    least_overlap=20,
    optimiser="adam",
    learning_rate=1e-3,
    weight_decay=1e-4,
    epochs=30,
    batch=128,
)

SEGAE = Recipe(
    name="segae",
    architecture="segae-dense",
    backbone="base",
    input=default_input("segae-dense"),
    views="random",
    loss="dense",
    draw="mixed",
    select="last",
    real=0.35,
    # What good masks look like, and that a name can be wrong, is learned last.
    kind_weights={"fine noise": 1.8, "exact": 1.8, "wrong name": 2.5},
    optimiser="adamw",
    learning_rate=2e-3,
    weight_decay=0.02,
    # Images of half the size cost a quarter and show what is coarse; the rate ends where the next phase
    # begins.
    phases=(Phase(6400, 48, shrink=2, floor=0.2), Phase(3200, 32, peak=0.5)),
    epoch_steps=400,
    warm_up=0.05,
    clip=1.0,
    average=0.99,
    bfloat16=True,
)

RECIPES: Mapping[str, Recipe] = MappingProxyType({recipe.name: recipe for recipe in (PUBLISHED, SEGAE)})


def resolve_recipe(name: str, **changes: Any) -> Recipe:
    """The recipe called `name` with those `changes` that are not None.

    `steps` (one number for each phase) and `epochs` (of `epoch_steps`) change how long a recipe by phases
    takes, `batch` the size of all batches. Raises `InputError` for a recipe or setting that is none.
    """
    if name not in RECIPES:
        raise InputError(f'There is no recipe "{name}"; choose one of {", ".join(RECIPES)}.')
    recipe = RECIPES[name]
    given = {key: value for key, value in changes.items() if value is not None}
    steps = given.pop("steps", None)
    if "input_size" in given:
        given["input"] = replace(recipe.input, size=given.pop("input_size"))
    batch = given.pop("batch", None)
    unknown = sorted(given.keys() - {field.name for field in fields(Recipe)})
    if unknown:
        raise InputError(f'A recipe has no setting "{unknown[0]}"; leave it out.')
    epochs = given.pop("epochs", 0) if recipe.phases and steps is None else 0
    if epochs:
        recipe = recipe.shortened(epochs * recipe.epoch_steps / sum(one.steps for one in recipe.phases))
    if steps is not None:
        if len(steps) != len(recipe.phases):
            raise InputError(
                f"The recipe {name} has {len(recipe.phases)} phases; give a number of steps for each."
                if recipe.phases
                else f"The recipe {name} counts epochs; give a number of them, not of steps."
            )
        given["phases"] = tuple(replace(one, steps=n) for one, n in zip(recipe.phases, steps, strict=True))
    if batch is not None:
        phases = given.get("phases", recipe.phases)
        given |= (
            {"phases": tuple(replace(one, batch=batch) for one in phases)} if phases else {"batch": batch}
        )
    recipe = replace(recipe, **given)
    counts = [recipe.epochs, recipe.batch] if not recipe.phases else [recipe.epoch_steps]
    counts += [n for one in recipe.phases for n in (one.steps, one.batch)]
    for value in (recipe.input.size, recipe.learning_rate, *counts):
        if not value > 0:
            raise InputError(f"A size, rate or number of the recipe is {value}; it must be above 0.")
    return recipe


@dataclass(frozen=True)
class Schedule:
    """The phases of a training and its epochs of `epoch_steps`; `constant`: whether the learning rate stays
    the same within an epoch."""

    recipe: Recipe
    phases: tuple[Phase, ...]
    epoch_steps: int
    constant: bool

    @classmethod
    def of(cls, recipe: Recipe, drawn: int) -> Schedule:
        """For a recipe whose epoch draws `drawn` samples, if it counts epochs: whole batches, and what is
        left over waits for another epoch's draw."""
        if recipe.phases:
            return cls(recipe, recipe.phases, recipe.epoch_steps, False)
        steps = max(1, drawn // recipe.batch)
        return cls(recipe, (Phase(recipe.epochs * steps, recipe.batch),), steps, True)

    @property
    def steps(self) -> int:
        return sum(phase.steps for phase in self.phases)

    @property
    def epochs(self) -> int:
        """The last one may be shorter."""
        return -(-self.steps // self.epoch_steps)

    def ends_epoch(self, step: int) -> bool:
        """Whether an epoch ends when `step` steps are done."""
        return step % self.epoch_steps == 0 or step == self.steps

    def at(self, step: int) -> tuple[Phase, int]:
        """The phase of a step, and the step within it."""
        for phase in self.phases:
            if step < phase.steps:
                return phase, step
            step -= phase.steps
        return self.phases[-1], self.phases[-1].steps

    def learning_rate(self, step: int) -> float:
        """Within a phase a straight rise over the first `warm_up`, then half a cosine down to 0 or the
        floor."""
        phase, step = self.at(step - step % self.epoch_steps if self.constant else step)
        share = rise_and_fall(step, phase.steps, self.recipe.warm_up)
        share = max(share, phase.floor if step > phase.steps / 2 else 0.0)
        return self.recipe.learning_rate * phase.peak * share


def rise_and_fall(step: int, steps: int, warm_up: float) -> float:
    """Share of the learning rate: a straight rise over the first `warm_up`, then half a cosine down to 0."""
    done = step / steps
    if done < warm_up:
        return (step + 1) / (warm_up * steps + 1)
    return 0.5 * (1 + math.cos(math.pi * (done - warm_up) / (1 - warm_up)))
