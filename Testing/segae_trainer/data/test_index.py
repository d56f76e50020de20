"""The split keeps patients together and depends on the seed alone."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segae.errors import InputError
from segae_trainer.data.index import Shares, split_by_patient

patients = st.sets(st.text(st.characters(codec="utf-8"), min_size=1), min_size=2, max_size=60)


@given(patients, st.integers(0, 9), st.randoms())
def test_the_order_of_scans_does_not_matter(names: set[str], seed: int, random: Random) -> None:
    shuffled = [*names, *names]
    random.shuffle(shuffled)
    assert split_by_patient(shuffled, Shares(), seed) == split_by_patient(sorted(names), Shares(), seed)


@given(patients, st.integers(0, 9))
def test_somebody_is_trained_and_somebody_validated_on(names: set[str], seed: int) -> None:
    split = split_by_patient(names, Shares(0.4, 0.5), seed)
    assert split.keys() == names
    assert {"train", "val"} <= set(split.values())
    assert ("test" in split.values()) == (len(names) > 2)


def test_shares_are_kept() -> None:
    split = list(split_by_patient((f"p{n}" for n in range(500)), Shares(0.2, 0.1), 1).values())
    assert (split.count("val"), split.count("test")) == (100, 50)


def test_another_seed_gives_another_split_and_one_more_patient_moves_few() -> None:
    names = [f"p{n}" for n in range(200)]
    one, other = split_by_patient(names, Shares(), 1), split_by_patient(names, Shares(), 2)
    more = split_by_patient([*names, "new"], Shares(), 1)
    assert sum(one[n] != other[n] for n in names) > 20
    assert sum(one[n] != more[n] for n in names) <= 2


def test_one_patient_only_is_a_sentence() -> None:
    with pytest.raises(InputError, match=r'one patient \("p1"\)'):
        split_by_patient(["p1", "p1"], Shares(), 1)
    with pytest.raises(InputError, match="no scan"):
        split_by_patient([], Shares(), 1)


@pytest.mark.parametrize(("val", "test"), [(0, 0.1), (0.5, 0.5), (1, 0), (0.1, -0.1)])
def test_impossible_shares_are_refused(val: float, test: float) -> None:
    with pytest.raises(InputError, match="parts of 1"):
        Shares(val, test)
