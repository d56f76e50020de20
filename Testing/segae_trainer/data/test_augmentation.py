from __future__ import annotations

import numpy as np
import pytest

from segae.labels.resolver import resolve
from segae.labels.table import LabelTable
from segae_trainer.data.draw_samples import paint, recolour, tissue_range


@pytest.mark.parametrize("seed", range(5))
def test_painted_organs_have_the_hu_of_their_tissue(upper, seed):
    labels = upper.labels[1]
    painted = paint(upper.ct[1], labels, LabelTable.default(), np.random.default_rng(seed))
    assert painted.dtype == np.int16
    for name in ("liver", "kidney left"):
        place = labels == resolve(name).structure.index
        low, high = tissue_range(name)
        assert place.sum() > 50
        assert low - 150 < np.median(painted[place]) < high + 150


def test_painting_differs_from_slice_to_slice_and_keeps_air_dark(upper):
    rng = np.random.default_rng(0)
    first, second = (paint(upper.ct[1], upper.labels[1], LabelTable.default(), rng) for _ in range(2))
    assert np.abs(first.astype(int) - second).mean() > 20
    assert np.median(first[(upper.ct[1] < -900) & (upper.labels[1] == 0)]) < -700


def test_recolouring_keeps_the_picture(upper):
    changed = recolour(upper.ct[1], upper.labels[1], np.random.default_rng(0))
    assert np.corrcoef(changed.ravel(), upper.ct[1].ravel())[0, 1] > 0.95
    assert (changed != upper.ct[1]).mean() > 0.5
