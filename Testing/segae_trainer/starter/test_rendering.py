from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from segae.data import Segment
from segae.errors import InputError
from segae.inputs.prepare import prepare
from segae.inputs.stack import CTStack
from segae.io.ct import read_ct
from segae.labels.table import by_index
from segae.models.spec import ModelSpec
from segae_trainer.data.mask_measures import dice
from segae_trainer.starter.cases import ORIENTATION, Case
from segae_trainer.starter.pairs import KINDS, Pair
from segae_trainer.starter.pool import Pool, concatenate, subset
from segae_trainer.starter.rendering import (
    AS_IT_IS,
    Rendering,
    coarse_factors,
    render_case,
    render_masks,
    render_pairs,
    scene_of,
    suite_pairs,
    window_round,
)
from segae_trainer.starter.views import centre_views

LIVER = 13


def of_kind(pool: Pool, kind: str) -> np.ndarray:
    return pool.kinds == KINDS.index(kind)


def some_slices(case: Case, count: int) -> Case:
    return replace(case, ct=case.ct[:count], labels=case.labels[:count], predictions={})


@pytest.fixture(scope="module")
def pool(case: Case, spec: ModelSpec) -> Pool:
    return concatenate(render_case(case, spec, Rendering(repeats=2), seed=1))


@pytest.fixture(scope="module")
def suite(case: Case, spec: ModelSpec) -> Pool:
    return concatenate(render_case(case, spec, AS_IT_IS, seed=3))


def test_the_centre_of_a_pool_picture_is_what_the_product_shows(case: Case, data: Path, spec: ModelSpec):
    volume = read_ct(data / "upper" / "ct.nii.gz")
    assert spec.input.orientation == ORIENTATION
    stack = CTStack.of(volume, spec.input)
    segment = Segment.from_mask("liver", by_index(LIVER), case.labels == LIVER, stack.grid)
    as_oriented = replace(stack, file_grid=stack.grid)
    (part,) = prepare(as_oriented, segment, spec.input, only=range(len(case.ct)))
    masks = case.labels == LIVER
    stacks = [case.ct[np.clip([k, k - 2, k + 2], 0, len(masks) - 1)] for k in range(len(masks))]
    rendered = concatenate(
        render_pairs(
            stack, k, [Pair(mask, LIVER, 1.0, "exact")], [mask], [window_round(mask, case, spec)],
            scene_of(case), spec,
        )
        for k, (stack, mask) in enumerate(zip(stacks, masks, strict=True))
    )  # fmt: skip
    view = centre_views(rendered, spec)
    step = 1 / 255 / min(spec.input.ct_std, spec.input.mask_std)  # pools keep eight bits
    assert (view.images - part.input.images).abs().max() < step
    assert part.input.position is not None
    assert (view.context - part.input.position).abs().max() < 1e-4


def test_a_pool_has_every_structure_of_every_slice_as_often_as_asked(pool: Pool, case: Case, spec: ModelSpec):
    asked = 2 * sum(len(case.structures(k)) for k in range(len(case.labels)))
    extra = sum(of_kind(pool, kind).sum() for kind in ("beyond its end", "absent", "searched"))
    assert len(pool) - extra == asked
    assert pool.images.shape[1:] == (spec.input.channels + 1, 40, 40)
    assert set(pool.slices) == set(range(len(case.labels)))


def test_the_area_of_the_organ_is_that_of_the_picture_and_what_lies_outside(pool: Pool, spec: ModelSpec):
    exact = subset(pool, of_kind(pool, "exact") | of_kind(pool, "fine noise"))
    view = centre_views(exact, spec)
    inside = view.organ.sum(dim=(1, 2)).numpy()
    large = exact.organ > 20
    assert large.any()
    # The window of a good mask holds the whole organ, and pixels are counted in the window's own size.
    assert inside[large] == pytest.approx(exact.organ[large], rel=0.05)
    length = np.exp(exact.context[:, 0]) * 150
    assert exact.organs == pytest.approx(exact.organ * (length / spec.input.size) ** 2, rel=1e-3)


def test_targets_follow_from_what_is_there(pool: Pool):
    assert (pool.targets[of_kind(pool, "exact")] == 1).all()
    for kind in ("empty", "beyond its end", "wrong name"):
        assert (pool.targets[of_kind(pool, kind)] == 0).all()
    nothing = (pool.areas == 0) & (pool.organs == 0)
    assert (np.isnan(pool.targets) == nothing).all()
    assert (pool.areas[of_kind(pool, "searched") | of_kind(pool, "absent")] == 0).all()
    assert of_kind(pool, "searched").any()


def test_a_wrong_name_that_the_case_has_no_masks_of_says_nothing_about_the_picture(pool: Pool, case: Case):
    assert (pool.known == np.isin(pool.structures, np.unique(case.labels))).all()
    assert pool.known[~of_kind(pool, "wrong name")].all()


def test_the_same_seed_gives_the_same_pool_however_many_processes(case: Case, spec: ModelSpec):
    few = some_slices(case, 2)
    one, two = (concatenate(render_case(few, spec, Rendering(repeats=1), seed=1, workers=n)) for n in (1, 2))
    other = concatenate(render_case(few, spec, Rendering(repeats=1), seed=2))
    assert np.abs(one.images.astype(int) - two.images).max() <= 1  # sums of another order
    assert (one.structures == two.structures).all()
    assert np.array_equal(one.targets, two.targets, equal_nan=True)
    assert not np.array_equal(one.targets, other.targets, equal_nan=True)


def test_a_suite_shows_the_scan_as_it_is_and_can_be_drawn_again(suite: Pool, case: Case, spec: ModelSpec):
    drawn = [(k, pair) for k in range(len(case.labels)) for pair in suite_pairs(scene_of(case), k, spec, 3)]
    again = sorted((k, pair.structure, pair.kind, pair.target) for k, pair in drawn)
    kinds = [KINDS[kind] for kind in suite.kinds]
    pool = sorted(zip(suite.slices, suite.structures, kinds, suite.targets, strict=True))
    assert [one[:3] for one in pool] == [one[:3] for one in again]
    assert [one[3] for one in pool] == pytest.approx([one[3] for one in again], abs=1e-6)


def test_masks_of_a_network_are_compared_with_the_truth(case: Case, spec: ModelSpec):
    predicted = np.roll(case.labels, 2, axis=2)
    predicted[0] = np.where(predicted[0] == LIVER, 0, predicted[0])
    predicted[1, :4, :4] = 140  # a name that the case has no masks of
    found = concatenate(render_masks(case, predicted, spec, 1.0, False, seed=1))
    assert 140 not in found.structures
    for k, row, target, kind in zip(found.slices, found.structures, found.targets, found.kinds, strict=True):
        mask = predicted[k] == row
        assert target == pytest.approx(dice(mask, case.labels[k] == row), abs=1e-6)
        assert KINDS[kind] == ("real" if mask.any() else "empty")
    missed = (found.slices == 0) & (found.structures == LIVER)
    assert KINDS[found.kinds[missed][0]] == "empty"
    assert found.organ[missed] > 0


def test_only_a_share_of_the_masks_of_a_network_is_taken(case: Case, spec: ModelSpec):
    half, whole = (
        len(concatenate(render_masks(case, case.labels, spec, share, False, seed=1))) for share in (0.5, 1.0)
    )
    assert 0.3 * whole < half < 0.7 * whole


def test_coarse_pools_show_the_same_organs_on_larger_pixels(case: Case, spec: ModelSpec):
    fine = replace(some_slices(case, 3), pixel_mm=(1.0, 1.0))
    assert coarse_factors(fine) == [2, 3]
    assert coarse_factors(case) == []
    found = concatenate(render_case(fine, spec, Rendering(repeats=1, coarse=True, search=False), seed=1))
    assert set(found.structures[of_kind(found, "exact")]) <= set(np.unique(case.labels))
    assert 0.5 < len(found) / sum(len(fine.structures(k)) for k in range(3)) <= 1


def test_a_coarse_case_is_not_made_coarser(case: Case, spec: ModelSpec):
    with pytest.raises(InputError, match="too large"):
        next(render_case(case, spec, Rendering(coarse=True), seed=1))


def test_a_case_without_labels_is_refused(case: Case, spec: ModelSpec):
    with pytest.raises(InputError, match="empty"):
        next(render_case(replace(case, labels=np.zeros_like(case.labels)), spec, AS_IT_IS, seed=0))
