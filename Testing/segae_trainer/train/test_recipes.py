from __future__ import annotations

import json
from dataclasses import replace

import pytest

from segae.errors import InputError
from segae.inputs.spec import CropRule, InputSpec
from segae.models.checkpoint import read_spec
from segae.models.registry import find_model
from segae_trainer.train.recipes import RECIPES, resolve_recipe


def test_the_published_recipe_has_the_published_values():
    recipe = RECIPES["published"]
    assert (recipe.architecture, recipe.backbone) == ("segae-published", "resnet50")
    assert (recipe.optimiser, recipe.learning_rate, recipe.weight_decay) == ("adam", 1e-3, 1e-4)
    assert (recipe.epochs, recipe.batch, recipe.warm_up, recipe.clip) == (30, 128, 0.0, 0.0)
    assert (recipe.draw, recipe.least_overlap, recipe.loss) == ("mask files", 20, "published")
    assert recipe.input == InputSpec(size=256, crop=CropRule("margin", pixels=20))
    assert (recipe.views, recipe.average) == ("margin", 0.0)


def test_ours_is_the_model_that_ships():
    recipe, shipped = RECIPES["segae"], read_spec(find_model("bundled"))
    assert (recipe.architecture, recipe.backbone) == (shipped.architecture, shipped.backbone)
    assert replace(recipe.input, orientation=shipped.input.orientation) == shipped.input
    told = shipped.training["recipe"]
    assert [phase.steps for phase in recipe.phases] == [told["small_steps"], told["full_steps"]]
    assert [phase.batch for phase in recipe.phases] == [told["small_batch"], told["full_batch"]]
    assert recipe.phases[0].shrink == 2
    for name in ("learning_rate", "weight_decay", "warm_up", "average", "real", "bfloat16"):
        assert getattr(recipe, name) == told[name]
    assert recipe.phases[1].peak == told["full_rate"]


def test_changes_count_and_none_means_the_recipes_own():
    recipe = resolve_recipe("published", epochs=3, batch=None, backbone="resnet18")
    assert (recipe.epochs, recipe.batch, recipe.backbone) == (3, 128, "resnet18")


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("best", {}, 'no recipe "best"'),
        ("segae", {"steps": (5,)}, "give a number of steps for each"),
        ("published", {"steps": (5, 5)}, "give a number of them, not of steps"),
        ("published", {"epochs": 0}, "is 0; it must be above 0"),
        ("segae", {"learning_rate": -1.0}, r"is -1\.0; it must be above 0"),
        ("segae", {"colour": "red"}, 'no setting "colour"'),
    ],
)
def test_what_is_no_recipe_is_refused_in_a_sentence(name, changes, message):
    with pytest.raises(InputError, match=message):
        resolve_recipe(name, **changes)


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_survives_json(name):
    values = RECIPES[name].as_dict()
    assert json.loads(json.dumps(values)) == values
