from __future__ import annotations

import json

import pytest

from segae.errors import InputError
from segae.inputs.spec import CropRule
from segae_trainer.train.recipes import RECIPES, resolve_recipe


def test_the_published_recipe_has_the_published_values():
    recipe = RECIPES["published"]
    assert (recipe.architecture, recipe.backbone, recipe.input_size) == ("segae-published", "resnet50", 256)
    assert (recipe.optimiser, recipe.learning_rate, recipe.weight_decay) == ("adam", 1e-3, 1e-4)
    assert (recipe.epochs, recipe.batch, recipe.warm_up, recipe.clip) == (30, 128, 0.0, 0.0)
    assert (recipe.weighted, recipe.ranking, recipe.ranking_weight) == (True, "optimal pairs", 1.0)
    assert (recipe.draw, recipe.least_overlap, recipe.target) == ("mask files", 20, "published")
    assert recipe.crop == CropRule("margin", pixels=20)
    assert (recipe.random_margin, recipe.augment) == (True, False)
    assert recipe.hu_windows == ((-200.0, 200.0),)


def test_ours_asks_for_the_dice_of_the_whole_slice_and_sees_misses():
    recipe = RECIPES["segae"]
    assert (recipe.target, recipe.least_overlap) == ("whole_slice", 0)
    assert recipe.missed > 0
    assert recipe.crop.kind == "context"
    assert (recipe.augment, recipe.optimiser, recipe.ranking) == (True, "adamw", "margin")
    assert recipe.warm_up > 0


def test_changes_count_and_none_means_the_recipes_own():
    recipe = resolve_recipe("published", epochs=3, batch=None, backbone="resnet18")
    assert (recipe.epochs, recipe.batch, recipe.backbone) == (3, 128, "resnet18")


def test_the_dense_architecture_gets_a_width_of_its_own():
    assert resolve_recipe("segae", architecture="segae-dense").backbone == "base"
    assert resolve_recipe("segae", architecture="segae-dense", backbone="small").backbone == "small"


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("best", {}, 'no recipe "best"'),
        ("segae", {"architecture": "vit"}, 'no architecture "vit"'),
        ("segae", {"epochs": 0}, "epochs is 0"),
        ("segae", {"learning_rate": -1.0}, "learning_rate is -1.0"),
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
