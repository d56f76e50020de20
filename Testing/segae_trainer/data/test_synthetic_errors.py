"""Each way of being wrong does what it says, and to the Dice what it should."""

from __future__ import annotations

import numpy as np
import pytest

from segae_trainer.data.synthetic_errors import (
    DEGRADATIONS,
    OrganSlice,
    beside,
    coarsen,
    cut,
    depth_inside,
    dice,
    dilate,
    draw_beside,
    draw_fine_noise,
    draw_several,
    elastic_boundary,
    equivalent_radius,
    erode,
    holes,
    inscribed_radius,
    islands,
    leak_into_neighbour,
    leak_into_similar,
    oversmooth,
    shift,
    signed_distance,
    smooth_field,
)


def disc(radius: float = 12, size: int = 64, centre: tuple[int, int] = (32, 32)) -> np.ndarray:
    rows, columns = np.ogrid[:size, :size]
    return (rows - centre[0]) ** 2 + (columns - centre[1]) ** 2 <= radius**2


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(3)


@pytest.fixture
def organ() -> OrganSlice:
    """A bright disc (label 5) with an equally bright neighbour (label 6), in darker surroundings."""
    labels = np.where(disc(), 5, np.where(disc(8, centre=(32, 52)), 6, 0)).astype(np.uint8)
    return OrganSlice(np.where(labels > 0, 80, -100).astype(np.int16), labels, labels == 5)


def test_dice_by_hand():
    a, b = np.zeros((4, 4), bool), np.zeros((4, 4), bool)
    a[0, :], b[0, 2:] = True, True
    assert dice(a, b) == pytest.approx(2 * 2 / (4 + 2))
    assert dice(a, ~a) == 0
    assert dice(~a & a, ~b & b) == 1


def test_radius_of_a_disc_and_distances_at_the_border():
    assert equivalent_radius(disc(12)) == pytest.approx(12, abs=0.2)
    assert inscribed_radius(disc(12)) == pytest.approx(12.5, abs=1)
    assert depth_inside(np.ones((5, 5), bool)).max() == 3  # the image's border is background
    assert (signed_distance(disc()) > 0).tolist() == disc().tolist()


def test_erosion_of_a_disc_leaves_a_smaller_disc():
    truth, eroded = disc(12), erode(disc(12), 4)
    assert equivalent_radius(eroded) == pytest.approx(8, abs=0.6)
    assert not (eroded & ~truth).any()
    assert dice(eroded, truth) == pytest.approx(2 * 8**2 / (8**2 + 12**2), abs=0.05)


def test_dilation_of_a_disc_gives_a_larger_disc():
    truth, dilated = disc(12), dilate(disc(12), 4)
    assert equivalent_radius(dilated) == pytest.approx(16, abs=0.6)
    assert not (truth & ~dilated).any()


def test_oversmoothing_takes_thin_parts_and_leaves_the_body():
    mask = disc(12)
    mask[31:33, 44:60] = True
    smooth = oversmooth(mask, 2.0)
    assert not smooth[:, 52:].any()
    assert smooth[32, 32]


def test_a_coarse_mask_is_made_of_blocks():
    coarse = coarsen(disc(12), 4)
    assert (coarse == np.kron(coarse[::4, ::4], np.ones((4, 4), bool))).all()
    assert 0.8 < dice(coarse, disc(12)) < 1


def test_boundary_noise_grows_with_its_amplitude(rng):
    little, much = (
        np.mean([dice(elastic_boundary(disc(), a, 8, rng), disc()) for _ in range(8)]) for a in (0.5, 6)
    )
    assert little > 0.95 > much


def test_smooth_field_has_unit_variance_and_is_smooth(rng):
    field = smooth_field((60, 80), 10, rng)
    assert field.shape == (60, 80)
    assert field.std() == pytest.approx(1, abs=0.3)
    assert np.abs(np.diff(field, axis=0)).mean() < 0.25


def test_shift_moves_and_loses_what_leaves_the_image():
    moved = shift(disc(), 3, -5)
    assert (moved == np.roll(disc(), (3, -5), (0, 1))).all()
    assert not shift(disc(), 64, 0).any()
    assert shift(disc(), 30, 0).sum() < disc().sum()


@pytest.mark.parametrize("angle", [0.0, 1.0, 2.5, 4.0])
def test_beside_is_the_same_shape_without_overlap(angle):
    moved = beside(disc(6), disc(6), angle)
    assert moved.sum() == disc(6).sum()
    assert dice(moved, disc(6)) == 0


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_cut_takes_the_share_it_is_told_to(share):
    kept = cut(disc(), share, 0.7)
    assert kept.sum() == pytest.approx((1 - share) * disc().sum(), abs=1)
    assert dice(kept, disc()) == pytest.approx(2 * (1 - share) / (2 - share), abs=0.01)


def test_cut_takes_one_side():
    kept = cut(disc(), 0.5, 0.0)  # the direction of growing columns
    assert np.nonzero(kept)[1].max() <= 32


def test_holes_only_take_and_islands_only_add(rng):
    with_holes, with_islands = holes(disc(), 2, 3, rng), islands(disc(), 2, 3, rng)
    assert 0 < (disc() & ~with_holes).sum() <= 2 * disc(3).sum()
    assert not (with_holes & ~disc()).any()
    assert (with_islands & ~disc()).sum() > 0
    assert (with_islands & disc()).sum() == disc().sum()


def test_a_leak_follows_similar_tissue_and_stops_elsewhere(organ):
    bridge = organ.ct.copy()
    bridge[30:34, 40:46] = 80
    leaked = leak_into_similar(organ.mask, bridge, 30, 30)
    assert leaked[32, 52]  # through the bridge into the neighbour
    assert not leaked[5, 5]
    assert (leak_into_similar(organ.mask, bridge, 2, 30) & (organ.labels == 6)).sum() < (
        organ.labels == 6
    ).sum()


def test_a_leak_into_the_neighbour_takes_the_near_part_only(organ):
    leaked = leak_into_neighbour(organ.mask, organ.labels == 6, 4)
    added = leaked & ~organ.mask
    assert added.any()
    assert (organ.labels[added] == 6).all()
    assert added.sum() < (organ.labels == 6).sum()


@pytest.mark.parametrize("name", DEGRADATIONS)
def test_every_degradation_of_the_catalogue_lowers_the_dice_in_part(name, organ, rng):
    found = [dice(DEGRADATIONS[name](organ, rng), organ.mask) for _ in range(20)]
    assert min(found) < 0.97
    assert max(found) > 0.1
    assert organ.mask.sum() == disc().sum()  # the input is left alone


def test_fine_noise_keeps_a_good_mask_good(organ, rng):
    found = [dice(draw_fine_noise(organ, rng), organ.mask) for _ in range(20)]
    assert min(found) > 0.85
    assert np.mean(found) < 1


def test_beside_and_several_are_drawn(organ, rng):
    assert dice(draw_beside(organ, rng), organ.mask) == 0
    assert min(dice(draw_several(organ, rng), organ.mask) for _ in range(10)) < 0.8


@pytest.mark.parametrize("name", DEGRADATIONS)
def test_a_mask_of_one_pixel_is_survived(name, rng):
    labels = np.zeros((20, 20), np.uint8)
    labels[10, 10] = 5
    organ = OrganSlice(np.zeros((20, 20), np.int16), labels, labels == 5)
    for _ in range(5):
        assert DEGRADATIONS[name](organ, rng).shape == (20, 20)
