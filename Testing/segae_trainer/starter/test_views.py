from __future__ import annotations

import numpy as np
import pytest
import torch

from segae.inputs.position import PLACE_FEATURES, POSITION_FEATURES
from segae.models.spec import ModelSpec
from segae_trainer.data.augmentation import ROTATION, SCALE
from segae_trainer.starter.pool import Pool, empty_pool, picture_size
from segae_trainer.starter.views import FLAT_NEIGHBOURS, NO_PLACE, NO_PROFILE, centre_views, random_views

COUNT = 400


def squares(spec: ModelSpec, first: int, last: int, count: int = COUNT, columns: slice | None = None) -> Pool:
    """The organ, which is the mask too, is a square from pixel `first` to `last` of the pool's picture; it
    goes on outside by as much as lies in the picture."""
    size = picture_size(spec)
    images = np.zeros((count, spec.input.channels + 1, size, size), np.uint8)
    images[:, :-2] = np.random.default_rng(0).integers(80, 170, (count, spec.input.channels - 1, size, size))
    images[:, -2:, first:last, columns or slice(first, last)] = 255
    organ = np.full(count, 2.0 * images[0, -1].astype(bool).sum(), np.float32)
    kinds = empty_pool(spec)
    return Pool(
        images,
        np.full((count, POSITION_FEATURES), 0.7, np.float32),
        np.full(count, 13, np.int64),
        np.ones(count, np.float32),
        np.zeros(count, kinds.kinds.dtype),
        organ,
        np.ones(count, bool),
        np.zeros(count, np.int64),
        organ,
        organ,
    )


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("size", [32, 16])
def test_what_is_not_in_the_view_lies_outside(spec: ModelSpec, size: int):
    pool = squares(spec, 12, 28)
    view = random_views(pool, spec, size, seeded())
    log_scale = view.context[:, 0] - 0.7
    whole = torch.from_numpy(pool.organ) * (size / spec.input.size) ** 2 * (-2 * log_scale).exp()
    assert (view.outside + view.organ.sum(dim=(1, 2)) - whole).abs().max() < 1e-3
    # The square lies in every view, so that half of the organ is outside whatever the zoom: the picture of
    # the square shrinks with the same factor.
    assert (view.outside / whole).mean() == pytest.approx(0.5, abs=0.03)


def test_the_context_follows_the_zoom(spec: ModelSpec):
    view = random_views(squares(spec, 12, 28), spec, 32, seeded())
    length, share = view.context[:, 0] - 0.7, view.context[:, 1] - 0.7
    assert length.abs().max() <= SCALE
    assert length.std() > 0.3 * SCALE
    assert torch.allclose(share, -2 * length / 3, atol=1e-6)
    small = view.mask[length > 0.8 * SCALE].sum(dim=(1, 2)).mean()
    large = view.mask[length < -0.8 * SCALE].sum(dim=(1, 2)).mean()
    assert large / small == pytest.approx(np.exp(2 * 1.8 * SCALE), rel=0.1)


def test_place_and_profile_are_sometimes_not_told(spec: ModelSpec):
    context = random_views(squares(spec, 12, 28), spec, 32, seeded()).context
    assert (context[:, 2:PLACE_FEATURES] == 0).all(dim=1).float().mean() == pytest.approx(NO_PLACE, abs=0.06)
    assert (context[:, PLACE_FEATURES:] == 0).all(dim=1).float().mean() == pytest.approx(NO_PROFILE, abs=0.08)


def test_some_views_are_of_thick_slices_whose_neighbours_are_the_same(spec: ModelSpec):
    images = random_views(squares(spec, 12, 28), spec, 32, seeded()).images
    flat = (images[:, :1] == images[:, :-2]).flatten(1).all(dim=1)
    assert flat.float().mean() == pytest.approx(FLAT_NEIGHBOURS, abs=0.06)
    # The surroundings are no neighbour.
    assert not (images[:, 0] == images[:, -2]).flatten(1).all(dim=1).any()


def test_left_stays_left_and_up_stays_up(spec: ModelSpec):
    assert np.degrees(ROTATION) < 20
    pool = squares(spec, 16, 24, columns=slice(28, 34))
    view = random_views(pool, spec, 32, seeded())
    rows, columns = torch.meshgrid(torch.arange(32.0), torch.arange(32.0), indexing="ij")
    total = view.mask.sum(dim=(1, 2))
    assert ((view.mask * columns).sum(dim=(1, 2)) / total).min() > 20
    assert ((view.mask * rows).sum(dim=(1, 2)) / total - 15.5).abs().max() < 7


def test_a_seed_gives_the_same_views(spec: ModelSpec):
    pool = squares(spec, 12, 28, count=4)
    one, same, other = (random_views(pool, spec, 32, seeded(seed)) for seed in (1, 1, 2))
    assert (one.images == same.images).all()
    assert (one.images != other.images).any()


def test_the_centre_is_the_middle_of_the_picture(spec: ModelSpec):
    pool = squares(spec, 4, 36, count=2)
    view = centre_views(pool, spec)
    assert view.mask.sum(dim=(1, 2)).tolist() == [1024, 1024]  # 32 x 32
    assert view.outside.tolist() == [2 * 32**2 - 1024] * 2
    assert view.images[:, -1].unique().tolist() == [(1 - spec.input.mask_mean) / spec.input.mask_std]
    assert view.context.eq(0.7).all()
