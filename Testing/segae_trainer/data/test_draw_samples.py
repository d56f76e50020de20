"""Synthetic samples: their kinds, their Dice, and that a seed gives them again."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from segae.errors import InputError
from segae_trainer.data.draw_samples import (
    SHARES,
    Sampling,
    coarse_factors,
    draw_sample,
    draw_slice,
    varied_stack,
)
from segae_trainer.data.sample import LabelledScan, Sample
from segae_trainer.data.synthetic_errors import dice


@pytest.fixture(scope="module")
def drawn(upper: LabelledScan) -> list[tuple[int, Sample]]:
    """Samples with the structure they were drawn for."""
    rng = np.random.default_rng(5)
    present = upper.structures(1)
    return [(s, draw_sample(upper, 1, upper.ct[1], s, rng)) for s in present * 30]


def test_the_dice_is_that_of_the_whole_slice(drawn, upper):
    for structure, sample in drawn:
        if sample.kind != "wrong name":
            assert sample.dice == pytest.approx(dice(sample.mask, upper.labels[1] == structure), abs=1e-6)
            assert sample.structure == structure


def test_a_mask_under_another_name_is_worth_next_to_nothing(drawn):
    wrong = [(structure, sample) for structure, sample in drawn if sample.kind == "wrong name"]
    assert wrong
    for structure, sample in wrong:
        assert sample.dice < 0.2 or np.isnan(sample.dice)
        assert sample.structure != structure
        assert sample.mask.any()


def test_only_samples_called_empty_have_no_mask_and_are_cut_round_the_organ(drawn, upper):
    for structure, sample in drawn:
        assert sample.mask.any() == (sample.kind != "empty")
        top, bottom, left, right = sample.crop_box
        inside = sample.mask if sample.mask.any() else upper.labels[1] == structure
        assert inside[top:bottom, left:right].sum() == inside.sum()


def test_errors_spread_over_the_whole_range(drawn):
    targets = [sample.dice for _, sample in drawn if sample.kind not in {*SHARES}]
    counts = np.histogram(targets, bins=5, range=(0, 1))[0]
    assert counts.min() > 0.3 * counts.mean()


def test_kinds_come_in_their_shares(drawn):
    counts = Counter(sample.kind for _, sample in drawn)
    for kind in ("fine noise", "wrong name"):
        assert counts[kind] / len(drawn) == pytest.approx(SHARES[kind], abs=0.05)


def test_a_slice_can_be_drawn_again_and_another_variant_differs(upper):
    sampling = Sampling(seed=7)

    def masks(variant: int) -> list[tuple[str, int, bytes]]:
        return [
            (one.kind, one.structure, one.mask.tobytes()) for one in draw_slice(upper, 1, variant, sampling)
        ]

    assert masks(1) == masks(1) != masks(2)
    kinds = {one.kind for one in draw_slice(upper, 1, 0, sampling)}
    assert not kinds & {"searched", "absent", "beyond its end"}


def test_painted_and_real_cts_come_in_their_share(upper):
    def differs(seed: int, painted: float) -> float:
        rng = np.random.default_rng(seed)
        return float(np.abs(varied_stack(upper, 1, (-6.0, 6.0), rng, painted)[0] - upper.ct[1]).mean())

    assert np.mean([differs(seed, 0.0) for seed in range(4)]) < np.mean(
        [differs(seed, 1.0) for seed in range(4)]
    )


def test_fine_pixels_have_coarser_versions(upper):
    assert coarse_factors((0.7, 0.7)) == [2, 3, 4]
    assert coarse_factors(upper.pixel_mm) == []


def test_a_sampling_survives_its_json():
    sampling = Sampling(repeats=3, painted=0.2, neighbours_mm=(-3.0,))
    assert Sampling.from_json(sampling.as_json()) == sampling


@pytest.mark.parametrize("wrong", [{"painted": 1.5}, {"repeats": -1}, {"rule": "half"}])
def test_a_sampling_that_cannot_be_is_refused(wrong):
    with pytest.raises(InputError):
        replace(Sampling(), **wrong)
