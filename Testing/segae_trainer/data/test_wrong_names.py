from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from segae.labels.structure import Structure
from segae.labels.table import LabelTable
from segae_trainer.data.synthetic_errors import wrong_name


@pytest.mark.parametrize(
    "name, family", [("costa 7 left", "costa"), ("kidney left", "kidney"), ("vertebrae T5", "vertebrae")]
)
def test_a_wrong_name_is_often_a_relative_and_never_the_same(name, family):
    table, rng = LabelTable.default(), np.random.default_rng(1)
    structure = next(row.index for row in table.structures if row.name == name)
    drawn = Counter(wrong_name(structure, table, rng) for _ in range(200))
    assert structure not in drawn
    relatives = sum(count for index, count in drawn.items() if table.by_index(index).name.startswith(family))
    assert 70 < relatives < 170
    assert len(drawn) > 40


def test_an_organ_without_relatives_gets_any_name():
    table, rng = LabelTable.default(), np.random.default_rng(1)
    liver = next(row.index for row in table.structures if row.name == "liver")
    drawn = {wrong_name(liver, table, rng) for _ in range(100)}
    assert liver not in drawn
    assert len(drawn) > 30


def test_wrong_names_come_from_the_table_in_use():
    own = [Structure(145, "parotid left", "left"), Structure(150, "parotid right", "right")]
    table, rng = LabelTable.default().extended(own), np.random.default_rng(1)
    drawn = Counter(wrong_name(145, table, rng) for _ in range(200))
    assert 60 < drawn[150] < 140  # the other side is its only relative
    assert 145 not in drawn
