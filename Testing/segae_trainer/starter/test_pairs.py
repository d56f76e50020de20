from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from segae.labels.table import load_structures
from segae_trainer.data.mask_measures import dice
from segae_trainer.starter.pairs import SHARES, Pair, draw_pair


@pytest.fixture(scope="module")
def drawn(case) -> list[tuple[int, Pair]]:
    """Pairs with the structure they were drawn for."""
    rng, table = np.random.default_rng(5), load_structures()
    present = case.structures(1)
    return [(s, draw_pair(case.ct[1], case.labels[1], s, table, rng)) for s in present * 30]


def test_the_target_is_the_dice_of_the_whole_slice(drawn, case):
    for structure, pair in drawn:
        if pair.kind != "wrong name":
            assert pair.target == pytest.approx(dice(pair.mask, case.labels[1] == structure), abs=1e-6)
            assert pair.structure == structure


def test_a_mask_under_another_name_is_worth_nothing(drawn):
    wrong = [(structure, pair) for structure, pair in drawn if pair.kind == "wrong name"]
    assert wrong
    for structure, pair in wrong:
        assert pair.target == 0
        assert pair.structure != structure
        assert pair.mask.any()


def test_only_pairs_called_empty_have_no_mask(drawn):
    for _, pair in drawn:
        assert pair.mask.any() == (pair.kind != "empty")


def test_degraded_masks_spread_over_the_whole_range(drawn):
    special = {*SHARES}
    targets = [pair.target for _, pair in drawn if pair.kind not in special]
    counts = np.histogram(targets, bins=5, range=(0, 1))[0]
    assert counts.min() > 0.4 * counts.mean()


def test_kinds_come_in_their_shares(drawn):
    counts = Counter(pair.kind for _, pair in drawn)
    for kind in ("fine noise", "wrong name"):
        assert counts[kind] / len(drawn) == pytest.approx(SHARES[kind], abs=0.05)
