from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from segae.inputs.build import model_input
from segae.inputs.crops import crops_around, cut, mask_boxes
from segae.inputs.position import PLACE_FEATURES, POSITION_FEATURES
from segae.inputs.spec import InputSpec
from segae.models.spec import ModelSpec
from segae_trainer.data.rendering import Patches, patch_size
from segae_trainer.data.sample import KINDS
from segae_trainer.train.losses import draw_margins, published_target
from segae_trainer.train.recipes import RECIPES
from segae_trainer.train.views import (
    FLAT_NEIGHBOURS,
    NO_PLACE,
    NO_PROFILE,
    ROTATION,
    SCALE,
    Renderer,
    centre_views,
    margin_views,
    random_views,
)

COUNT = 400


def squares(
    spec: InputSpec, first: int, last: int, count: int = COUNT, columns: slice | None = None
) -> Patches:
    """The organ, which is the mask too, is a square from pixel `first` to `last` of the patch; it goes on
    outside by as much as lies in the patch."""
    size = patch_size(spec)
    images = np.zeros((count, spec.channels + 1, size, size), np.uint8)
    images[:, :-2] = np.random.default_rng(0).integers(80, 170, (count, spec.channels - 1, size, size))
    images[:, -2:, first:last, columns or slice(first, last)] = 255
    return Patches(
        images,
        np.full((count, POSITION_FEATURES), 0.7, np.float32),
        np.full(count, 13, np.int64),
        np.ones(count, np.float32),
        np.zeros(count, np.uint8),
        np.full(count, 2.0 * images[0, -1].astype(bool).sum(), np.float32),
        np.ones(count, bool),
    )


@pytest.fixture(scope="module")
def spec(dense_spec: ModelSpec) -> InputSpec:
    return dense_spec.input


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("size", [32, 16])
def test_what_is_not_in_the_view_lies_outside(spec: InputSpec, size: int):
    patches = squares(spec, 12, 28)
    view = random_views(patches, spec, size, seeded())
    log_scale = view.position[:, 0] - 0.7
    whole = torch.from_numpy(patches.organ) * (size / spec.size) ** 2 * (-2 * log_scale).exp()
    assert (view.outside + view.organ.sum(dim=(1, 2)) - whole).abs().max() < 1e-3
    # The square lies in every view, so that half of the organ is outside whatever the zoom: the image of
    # the square shrinks with the same factor.
    assert (view.outside / whole).mean() == pytest.approx(0.5, abs=0.03)


def test_position_features_follow_the_zoom(spec: InputSpec):
    view = random_views(squares(spec, 12, 28), spec, 32, seeded())
    length, share = view.position[:, 0] - 0.7, view.position[:, 1] - 0.7
    assert length.abs().max() <= SCALE
    assert length.std() > 0.3 * SCALE
    assert torch.allclose(share, -2 * length / 3, atol=1e-6)
    small = view.mask[length > 0.8 * SCALE].sum(dim=(1, 2)).mean()
    large = view.mask[length < -0.8 * SCALE].sum(dim=(1, 2)).mean()
    assert large / small == pytest.approx(np.exp(2 * 1.8 * SCALE), rel=0.1)


def test_place_and_profile_are_sometimes_left_out(spec: InputSpec):
    context = random_views(squares(spec, 12, 28), spec, 32, seeded()).position
    assert (context[:, 2:PLACE_FEATURES] == 0).all(dim=1).float().mean() == pytest.approx(NO_PLACE, abs=0.06)
    assert (context[:, PLACE_FEATURES:] == 0).all(dim=1).float().mean() == pytest.approx(NO_PROFILE, abs=0.08)


def test_some_views_are_of_thick_slices_whose_neighbours_are_the_same(spec: InputSpec):
    images = random_views(squares(spec, 12, 28), spec, 32, seeded()).images
    flat = (images[:, :1] == images[:, :-2]).flatten(1).all(dim=1)
    assert flat.float().mean() == pytest.approx(FLAT_NEIGHBOURS, abs=0.06)
    # The context view is no neighbour.
    assert not (images[:, 0] == images[:, -2]).flatten(1).all(dim=1).any()


def test_left_stays_left_and_up_stays_up(spec: InputSpec):
    assert np.degrees(ROTATION) < 20
    patches = squares(spec, 16, 24, columns=slice(28, 34))
    view = random_views(patches, spec, 32, seeded())
    rows, columns = torch.meshgrid(torch.arange(32.0), torch.arange(32.0), indexing="ij")
    total = view.mask.sum(dim=(1, 2))
    assert ((view.mask * columns).sum(dim=(1, 2)) / total).min() > 20
    assert ((view.mask * rows).sum(dim=(1, 2)) / total - 15.5).abs().max() < 7


def test_a_seed_gives_the_same_views(spec: InputSpec):
    patches = squares(spec, 12, 28, count=4)
    one, same, other = (random_views(patches, spec, 32, seeded(seed)) for seed in (1, 1, 2))
    assert (one.images == same.images).all()
    assert (one.images != other.images).any()


def test_the_centre_is_the_middle_of_the_patch(spec: InputSpec):
    patches = squares(spec, 4, 36, count=2)
    view = centre_views(patches, spec)
    assert view.mask.sum(dim=(1, 2)).tolist() == [1024, 1024]  # 32 x 32
    assert view.outside.tolist() == [2 * 32**2 - 1024] * 2
    assert view.images[:, -1].unique().tolist() == [(1 - spec.mask_mean) / spec.mask_std]
    assert view.position.eq(0.7).all()


MARGIN = replace(RECIPES["published"].input, size=48)


@pytest.fixture(scope="module")
def rows(training_set):
    """Slices of both scans, with masks of all sizes."""
    filled = np.flatnonzero(training_set.table["mask_pixels"] > 0)
    return np.random.default_rng(1).choice(filled, 40, replace=False)


def test_the_published_plain_views_are_what_scoring_shows_the_network(training_set, rows):
    batch = Renderer(RECIPES["published"], MARGIN).plain(training_set, rows)
    for place, row in enumerate(rows):
        sample = training_set.sample(row)
        masks = torch.from_numpy(sample.mask)[None]
        height, width = sample.mask.shape
        crops = crops_around(mask_boxes(masks), MARGIN.crop, height, width, sample.scan.pixel_mm)
        stack, where = sample.scan.stack, np.array([sample.slice])
        shown = model_input(stack, where, masks, crops, [sample.structure], MARGIN)
        assert (batch.images[place] - shown.images[0]).abs().max() < 1e-4
        truth = cut(torch.from_numpy(sample.truth)[None], torch.tensor([[0]]), crops, MARGIN.size)[0, 0]
        assert (batch.organ[place] - truth).abs().max() < 1e-4
        assert int(batch.structures[place]) == sample.structure


def test_the_published_recipe_crops_image_and_target_with_the_same_random_margin(training_set):
    chosen = np.flatnonzero(training_set.table["overlap"] >= 20)[:12]
    samples = [training_set.sample(row) for row in chosen]
    batch = margin_views(samples, MARGIN, torch.Generator().manual_seed(5))
    boxes = mask_boxes(torch.from_numpy(np.stack([sample.mask for sample in samples])))
    margins = draw_margins(boxes, torch.Generator().manual_seed(5))
    assert len(set(margins.flatten().tolist())) > 3
    for place, sample in enumerate(samples):
        mask, truth = torch.from_numpy(sample.mask)[None], torch.from_numpy(sample.truth)[None]
        target = published_target(mask, truth, margins[place : place + 1])
        assert float(batch.target[place]) == pytest.approx(float(target[0]), abs=1e-6)
        r0, r1, c0, c1 = boxes[place].tolist()
        m0, m1 = margins[place].tolist()
        height, width = sample.mask.shape
        r0, r1, c0, c1 = max(r0 - m0, 0), min(r1 + m0, height), max(c0 - m1, 0), min(c1 + m1, width)
        grow = abs((r1 - r0) - (c1 - c0)) // 2
        if r1 - r0 > c1 - c0:
            c0, c1 = max(c0 - grow, 0), min(c1 + grow, width)
        else:
            r0, r1 = max(r0 - grow, 0), min(r1 + grow, height)
        inside = sample.mask[r0:r1, c0:c1].mean()
        assert float((batch.images[place, -1] * 0.5 + 0.5).mean()) == pytest.approx(inside, abs=0.03)


def test_where_an_organ_was_missed_the_crop_lies_round_the_organ(training_set, spec):
    missed = np.flatnonzero(training_set.table["kind"] == KINDS.index("missed"))
    assert len(missed)
    batch = Renderer(RECIPES["segae"], spec).plain(training_set, missed)
    assert not batch.mask.any()
    assert (batch.target == 0).all()
    assert (batch.organ.sum(dim=(1, 2)) > 0).all()


def test_a_seed_gives_the_same_batch_of_a_training_set(training_set, rows, spec):
    renderer = Renderer(RECIPES["segae"], spec)
    first, again, other = (
        renderer.varied(training_set, rows, 1, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)
    )
    assert torch.equal(first.images, again.images)
    assert not torch.equal(first.images, other.images)
    half = renderer.varied(training_set, rows, 2, torch.Generator().manual_seed(1))
    assert half.images.shape[-1] * 2 == first.images.shape[-1]
