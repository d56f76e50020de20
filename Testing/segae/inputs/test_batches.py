from __future__ import annotations

from functools import cache

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from segae.data import Segment
from segae.geometry.grid import Grid
from segae.inputs.build import ModelInput
from segae.inputs.crops import Crops
from segae.inputs.prepare import PreparedSlices, batches
from segae.labels.resolver import resolve


@cache
def segment() -> Segment:
    grid = Grid((2, 2, 1), np.diag([1.0, 1.0, 1.0, 1.0]))
    return Segment.from_mask("liver", resolve("liver").structure, np.ones((1, 2, 2), bool), grid)


def prepared(first: int, count: int) -> PreparedSlices:
    """Slices `first` to `first + count`, with every field saying so."""
    numbers = list(range(first, first + count))
    values = torch.tensor(numbers, dtype=torch.float32)
    array = np.array(numbers, float)
    pair = values[:, None].expand(-1, 2)
    shown = ModelInput(values[:, None], values.long(), values[:, None])
    return PreparedSlices(
        segment(), shown, Crops(pair, pair, closed=False), numbers, numbers,
        array[:, None], array, array, array,
    )  # fmt: skip


@given(counts=st.lists(st.integers(0, 9), max_size=8), size=st.integers(1, 7))
def test_all_slices_come_once_and_in_order_in_batches_of_the_same_size(counts: list[int], size: int):
    starts = np.cumsum([0, *counts])
    parts = (prepared(int(first), count) for first, count in zip(starts, counts, strict=False))
    found = list(batches(parts, size))
    lengths = [sum(len(part) for part in batch) for batch in found]
    assert all(length == size for length in lengths[:-1])
    assert all(0 < length <= size for length in lengths)
    flat = [part for batch in found for part in batch]
    assert [k for part in flat for k in part.slices] == list(range(sum(counts)))
    for part in flat:
        shown = part.input
        assert shown.images[:, 0].tolist() == part.areas_mm2.tolist() == part.slices
        assert part.crops.start[:, 0].tolist() == part.searched_mm.tolist() == part.slices
        assert shown.position is not None
        assert shown.position[:, 0].tolist() == part.oriented == part.slices == shown.structures.tolist()
