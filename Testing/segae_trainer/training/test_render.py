from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from segae.inputs.build import mask_channel, model_input
from segae.inputs.crops import crops_around, cut, mask_boxes
from segae.inputs.spec import CropRule, InputSpec
from segae.inputs.stack import CTStack
from segae.models.registry import new_spec
from segae_trainer.data.training_set import KINDS
from segae_trainer.train.losses import draw_margins, published_target
from segae_trainer.train.recipes import RECIPES
from segae_trainer.train.render import Renderer, boxes_of

CONTEXT, MARGIN = (
    new_spec("m", "segae-published", "resnet18", 6, input=InputSpec(size=48, crop=RECIPES[name].crop))
    for name in ("segae", "published")
)


@pytest.fixture(scope="module")
def rows(training_set):
    """Slices of both scans, with masks of all sizes."""
    filled = np.flatnonzero(training_set.table["mask_pixels"] > 0)
    return np.random.default_rng(1).choice(filled, 40, replace=False)


@pytest.mark.parametrize(("recipe", "spec"), [("segae", CONTEXT), ("published", MARGIN)])
def test_plain_batches_are_what_scoring_shows_the_network(training_set, rows, recipe, spec):
    batch = Renderer(RECIPES[recipe], spec).plain(training_set, rows)
    for place, row in enumerate(rows):
        example = training_set.slice_of(row)
        masks = torch.from_numpy(example.mask)[None]
        height, width = example.ct.shape
        crops = crops_around(mask_boxes(masks), spec.input.crop, height, width, example.pixel_mm)
        stack = CTStack.of_array(example.ct[None], (1.0, *example.pixel_mm))
        shown = model_input(stack, np.zeros(1, int), masks, crops, [example.structure], spec.input)
        assert (batch.images[place] - shown.images[0]).abs().max() < 1e-4
        truth = cut(torch.from_numpy(example.truth)[None, None], crops, spec.input.size)[0, 0]
        assert (batch.truths[place] - truth).abs().max() < 1e-4
        assert int(batch.structures[place]) == example.structure


def test_ours_learns_the_dice_of_the_whole_slice(training_set, rows):
    batch = Renderer(RECIPES["segae"], CONTEXT).varied(training_set, rows, torch.Generator().manual_seed(0))
    for place, row in enumerate(rows):
        example = training_set.slice_of(row)
        dice = 2 * (example.mask & example.truth).sum() / (example.mask.sum() + example.truth.sum())
        assert float(batch.target[place]) == pytest.approx(dice, abs=1e-6)


def test_the_published_recipe_crops_image_and_target_with_the_same_random_margin(training_set):
    rows = np.flatnonzero(training_set.table["overlap"] >= 20)[:12]
    batch = Renderer(RECIPES["published"], MARGIN).varied(
        training_set, rows, torch.Generator().manual_seed(5)
    )
    examples = [training_set.slice_of(row) for row in rows]
    margins = draw_margins(boxes_of(examples), torch.Generator().manual_seed(5))
    assert len(set(margins.flatten().tolist())) > 3
    for place, example in enumerate(examples):
        mask, truth = torch.from_numpy(example.mask)[None], torch.from_numpy(example.truth)[None]
        target = published_target(mask, truth, margins[place : place + 1])
        assert float(batch.target[place]) == pytest.approx(float(target[0]), abs=1e-6)
        r0, r1, c0, c1 = mask_boxes(mask)[0].tolist()
        m0, m1 = margins[place].tolist()
        height, width = example.ct.shape
        r0, r1, c0, c1 = max(r0 - m0, 0), min(r1 + m0, height), max(c0 - m1, 0), min(c1 + m1, width)
        grow = abs((r1 - r0) - (c1 - c0)) // 2
        if r1 - r0 > c1 - c0:
            c0, c1 = max(c0 - grow, 0), min(c1 + grow, width)
        else:
            r0, r1 = max(r0 - grow, 0), min(r1 + grow, height)
        inside = example.mask[r0:r1, c0:c1].mean()
        assert float((batch.images[place, -1] * 0.5 + 0.5).mean()) == pytest.approx(inside, abs=0.03)


def test_the_same_seed_gives_the_same_view_and_another_seed_another(training_set, rows):
    renderer = Renderer(RECIPES["segae"], CONTEXT)
    first, again, other = (
        renderer.varied(training_set, rows, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)
    )
    assert torch.equal(first.images, again.images)
    assert torch.equal(first.truths, again.truths)
    assert not torch.equal(first.images, other.images)


def test_mask_and_truth_stay_together_when_a_view_is_varied(training_set):
    exact = np.flatnonzero(training_set.table["dice"] == 1)[:8]
    renderer = Renderer(RECIPES["segae"], CONTEXT)
    batch = renderer.varied(training_set, exact, torch.Generator().manual_seed(3))
    masks = mask_channel(batch.images, CONTEXT.input)
    assert (masks - batch.truths).abs().max() < 1e-4
    assert masks.sum(dim=(1, 2)).min() > 0


def test_where_an_organ_was_missed_the_window_lies_round_the_organ(training_set):
    missed = np.flatnonzero(training_set.table["kind"] == KINDS.index("missed"))
    assert len(missed)
    batch = Renderer(RECIPES["segae"], CONTEXT).plain(training_set, missed)
    assert (batch.images[:, -1] == (0 - CONTEXT.input.mask_mean) / CONTEXT.input.mask_std).all()
    assert (batch.target == 0).all()
    assert (batch.truths.sum(dim=(1, 2)) > 0).all()


def test_windows_beyond_the_image_see_air(training_set, rows):
    rule = CropRule("context", scale=1.0, millimetres=2000.0)
    wide = replace(CONTEXT, input=replace(CONTEXT.input, crop=rule))
    batch = Renderer(RECIPES["segae"], wide).plain(training_set, rows[:4])
    air = (0 - wide.input.ct_mean) / wide.input.ct_std
    assert batch.images[:, 0, 0, 0] == pytest.approx(air)
    assert batch.images[:, 0, -1, -1] == pytest.approx(air)
