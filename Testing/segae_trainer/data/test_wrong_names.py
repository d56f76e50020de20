from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from segae.labels.table import load_structures
from segae_trainer.data.synthetic_errors import wrong_name


@pytest.mark.parametrize(
    "name, family", [("costa 7 left", "costa"), ("kidney left", "kidney"), ("vertebrae T5", "vertebrae")]
)
def test_a_wrong_name_is_often_a_relative_and_never_the_same(name, family):
    table, rng = load_structures(), np.random.default_rng(1)
    structure = next(row.index for row in table if row.name == name)
    drawn = Counter(wrong_name(structure, table, rng) for _ in range(200))
    assert structure not in drawn
    relatives = sum(count for index, count in drawn.items() if table[index].name.startswith(family))
    assert 70 < relatives < 170
    assert len(drawn) > 40


def test_an_organ_without_relatives_gets_any_name():
    table, rng = load_structures(), np.random.default_rng(1)
    liver = next(row.index for row in table if row.name == "liver")
    drawn = {wrong_name(liver, table, rng) for _ in range(100)}
    assert liver not in drawn
    assert len(drawn) > 30
