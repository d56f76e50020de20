from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from segae.errors import InputError
from segae.scoring.windows import crop_windows, mask_boxes, network_input
from segae_trainer.degrade.measures import dice
from segae_trainer.demo.pool import (
    AS_IT_IS,
    Pool,
    Rendering,
    coarse_factors,
    load_pool,
    render_case,
    render_pairs,
    save_pool,
)
from segae_trainer.demo.views import centre_views, random_views
from segae_trainer.starter.pairs import KINDS, Pair


@pytest.fixture(scope="module")
def pool(case, spec) -> Pool:
    return render_case(case, spec, Rendering(repeats=2), seed=1)


def test_the_centre_of_a_pool_picture_is_what_scoring_shows(case, spec):
    masks = [case.labels[1] == s for s in case.structures(1)]
    pairs = [Pair(mask, s, 1.0, "exact") for mask, s in zip(masks, case.structures(1), strict=True)]
    rendered = render_pairs(case.ct[1], pairs, masks, case, spec)
    stacked = torch.from_numpy(np.stack(masks))
    windows = crop_windows(mask_boxes(stacked), spec.crop, 101, 122, case.pixel_mm)
    slices = torch.from_numpy(case.ct[1]).expand(len(masks), -1, -1)
    expected = network_input(slices, stacked, windows, spec)
    found = centre_views(torch.from_numpy(rendered.images), spec)
    assert (found - expected).abs().max() < 1 / 255 / min(spec.ct_std, spec.mask_std)  # eight bits


def test_a_pool_has_every_structure_of_every_slice_as_often_as_asked(pool, case):
    asked = 2 * sum(len(case.structures(k)) for k in range(len(case.labels)))
    beyond = (pool.kinds == KINDS.index("beyond its end")).sum()
    assert len(pool) - beyond == asked
    assert pool.images.shape[1:] == (2, 40, 40)
    assert pool.images.dtype == np.uint8
    assert 0 <= pool.targets.min() < 0.1
    assert pool.targets.max() == 1


def test_the_same_seed_gives_the_same_pool_however_many_processes(pool, case, spec):
    again = render_case(case, spec, Rendering(repeats=2), seed=1, workers=2)
    other = render_case(case, spec, Rendering(repeats=2), seed=2)
    assert np.abs(again.images.astype(int) - pool.images).max() <= 1  # sums of another order
    assert (again.targets == pool.targets).all()
    assert len(other) != len(pool) or (other.targets != pool.targets).any()


def test_a_suite_shows_the_scan_as_it_is(case, spec):
    suite = render_case(case, spec, AS_IT_IS, seed=3)
    exact = np.flatnonzero(suite.kinds == KINDS.index("exact"))
    assert len(exact)
    place = exact[0]
    structure = int(suite.structures[place])
    masks = [case.labels[k] == structure for k in range(3)]
    pictures = [
        render_pairs(case.ct[k], [Pair(masks[k], structure, 1.0, "exact")], [masks[k]], case, spec).images[0]
        for k in range(3)
        if masks[k].any()
    ]
    assert any((picture == suite.images[place]).all() for picture in pictures)


def test_a_pool_is_kept_on_disk(pool, tmp_path):
    save_pool(pool, tmp_path / "pools" / "case.npz")
    again = load_pool(tmp_path / "pools" / "case.npz")
    assert (again.images == pool.images).all()
    assert (again.structures == pool.structures).all()


def test_coarse_pools_show_the_same_organs_on_larger_pixels(case, spec):
    fine = replace(case, pixel_mm=(1.0, 1.0))
    assert coarse_factors(fine) == [2, 3]
    assert coarse_factors(case) == []
    pool = render_case(fine, spec, Rendering(repeats=2, coarse=True), seed=1)
    assert set(pool.structures[pool.kinds == KINDS.index("exact")]) <= set(np.unique(case.labels))
    assert 0.5 < len(pool) / (2 * sum(len(case.structures(k)) for k in range(3))) < 1.1


def test_a_coarse_case_is_not_made_coarser(case, spec):
    with pytest.raises(InputError, match="too large"):
        render_case(case, spec, Rendering(coarse=True), seed=1)


def test_a_case_without_labels_is_refused(case, spec):
    with pytest.raises(InputError, match="empty"):
        render_case(replace(case, labels=np.zeros_like(case.labels)), spec, AS_IT_IS, seed=0)


@pytest.mark.parametrize("size", [32, 16])
def test_random_views_differ_but_show_the_same_mask(pool, spec, size):
    images = torch.from_numpy(pool.images[:16])
    views = random_views(images, spec, size, torch.Generator().manual_seed(0))
    other = random_views(images, spec, size, torch.Generator().manual_seed(1))
    assert views.shape == (16, 2, size, size)
    assert (views - other).abs().mean() > 0.01
    plain = torch.nn.functional.avg_pool2d(centre_views(images, spec), 32 // size)
    overlaps = [dice((a[1] > 0).numpy(), (b[1] > 0).numpy()) for a, b in zip(views, plain, strict=True)]
    assert np.median(overlaps) > 0.4


def test_random_views_keep_left_on_the_left(spec):
    picture = torch.zeros(8, 2, 40, 40, dtype=torch.uint8)
    picture[:, 1, 14:26, 26:32] = 255
    views = random_views(picture, spec, 32, torch.Generator().manual_seed(0))
    columns = (views[:, 1] > 0).nonzero()[:, 2].float()
    assert columns.min() > 14
