"""Patches show what scoring shows, and a cache gives what rendering on the fly gives."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from segae.data import Segment
from segae.inputs.prepare import prepare
from segae.inputs.stack import CTStack
from segae.io.ct import read_ct
from segae.labels.table import by_index
from segae.models.spec import ModelSpec
from segae_trainer.data.build_set import build_training_set
from segae_trainer.data.draw_samples import Sampling, draw_slice
from segae_trainer.data.index import Index
from segae_trainer.data.rendering import Patches, fill_cache, patch_size, render
from segae_trainer.data.sample import KINDS, LabelledScan, Sample, box_of
from segae_trainer.data.training_set import TrainingSet
from segae_trainer.train.views import centre_views

LIVER = 13


@pytest.fixture(scope="module")
def samples(upper: LabelledScan) -> list[Sample]:
    sampling = Sampling(seed=1)
    return [one for k in range(len(upper.ct)) for v in (1, 2) for one in draw_slice(upper, k, v, sampling)]


@pytest.fixture(scope="module")
def patches(samples: list[Sample], dense_spec: ModelSpec) -> Patches:
    return render(samples, dense_spec.input, Sampling(seed=1))


@pytest.fixture(scope="module")
def small_set(index: Index, tmp_path_factory: pytest.TempPathFactory) -> TrainingSet:
    return build_training_set(index, tmp_path_factory.mktemp("sets") / "set")


def of_kind(patches: Patches, *kinds: str) -> np.ndarray:
    return np.isin(patches.kinds, [KINDS.index(kind) for kind in kinds])


def test_the_centre_of_a_patch_is_what_scoring_shows(upper: LabelledScan, data: Path, dense_spec: ModelSpec):
    spec, masks = dense_spec.input, upper.labels == LIVER
    stack = CTStack.of(read_ct(data / "upper" / "ct.nii.gz"), spec)
    segment = Segment.from_mask("liver", by_index(LIVER), masks, stack.grid)
    as_oriented = replace(stack, file_grid=stack.grid)
    (part,) = prepare(as_oriented, segment, spec, only=range(len(masks)))
    shown = [Sample(upper, k, LIVER, mask, "exact", crop_box=box_of(mask)) for k, mask in enumerate(masks)]
    batch = centre_views(render(shown, spec), spec)
    step = 1 / 255 / min(spec.ct_std, spec.mask_std)  # patches keep eight bits
    assert (batch.images - part.input.images).abs().max() < step
    assert part.input.position is not None
    assert (batch.position - part.input.position).abs().max() < 1e-4


def test_patches_say_what_the_samples_are(patches: Patches, samples: list[Sample], dense_spec: ModelSpec):
    assert len(patches) == len(samples)
    assert patches.images.shape[1:] == (dense_spec.input.channels + 1, 40, 40)
    assert patch_size(dense_spec.input) == 40
    assert [KINDS[kind] for kind in patches.kinds] == [one.kind for one in samples]
    assert patches.structures.tolist() == [one.structure for one in samples]
    assert patches.known.tolist() == [one.known for one in samples]
    expected = np.array([one.dice for one in samples])
    assert patches.targets == pytest.approx(expected, abs=1e-6, nan_ok=True)
    assert of_kind(patches, "searched").any()


def test_the_area_of_the_organ_is_that_of_the_patch_and_what_lies_outside(
    patches: Patches, dense_spec: ModelSpec
):
    exact = patches.take(of_kind(patches, "exact", "fine noise"))
    inside = centre_views(exact, dense_spec.input).organ.sum(dim=(1, 2)).numpy()
    large = exact.organ > 20
    assert large.any()
    # The crop of a good mask holds the whole organ, and pixels are counted in the crop's own size.
    assert inside[large] == pytest.approx(exact.organ[large], rel=0.05)


def test_order_and_company_do_not_change_a_patch(
    samples: list[Sample], patches: Patches, dense_spec: ModelSpec
):
    chosen = [7, 3, 20, 11]
    few = render([samples[place] for place in chosen], dense_spec.input, Sampling(seed=1))
    assert np.abs(few.images.astype(int) - patches.images[chosen]).max() <= 1  # sums of another order
    assert np.array_equal(few.structures, patches.structures[chosen])


def test_without_a_sampling_the_ct_is_shown_as_it_is(samples: list[Sample], dense_spec: ModelSpec):
    varied, plain = (render(samples[:5], dense_spec.input, one) for one in (Sampling(seed=1), None))
    assert np.abs(varied.images[:, 0].astype(int) - plain.images[:, 0]).mean() > 1
    assert np.array_equal(varied.images[:, -2:], plain.images[:, -2:])


@pytest.mark.parametrize("workers", [1, 2])
def test_a_cache_holds_what_is_rendered_on_the_fly(
    small_set: TrainingSet, dense_spec: ModelSpec, tmp_path: Path, workers: int
):
    rows = np.random.default_rng(0).choice(len(small_set), 60, replace=False)
    cache = fill_cache(small_set, rows, dense_spec.input, tmp_path / "cache", workers=workers)
    wanted = rows[[5, 2, 40, 17, 5]]
    found = cache.patches(wanted)
    fresh = render([small_set.sample(row) for row in wanted], dense_spec.input, small_set.sampling)
    assert np.abs(found.images.astype(int) - fresh.images).max() <= 1
    for name in ("structures", "kinds", "known"):
        assert np.array_equal(getattr(found, name), getattr(fresh, name))
    assert found.position == pytest.approx(fresh.position, abs=1e-5)


def test_what_lies_in_a_cache_is_not_rendered_again(
    small_set: TrainingSet, dense_spec: ModelSpec, tmp_path: Path
):
    rows = np.arange(40)
    fill_cache(small_set, rows, dense_spec.input, tmp_path)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    fill_cache(small_set, rows, dense_spec.input, tmp_path)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before
    fill_cache(small_set, rows, replace(dense_spec.input, context_view=2.0), tmp_path)
    assert len(list(tmp_path.iterdir())) == 2 * len({path.parts[len(tmp_path.parts)] for path in before})
