from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from segae.errors import InputError
from segae.models.spec import ModelSpec
from segae_trainer.starter.cases import Case
from segae_trainer.starter.pool import Pool, Pools, concatenate, empty_pool, read_pool, subset, write_pool
from segae_trainer.starter.rendering import AS_IT_IS, render_case


@pytest.fixture(scope="module")
def parts(case: Case, spec: ModelSpec) -> list[Pool]:
    return list(render_case(case, spec, AS_IT_IS, seed=1))


def same(one: Pool, other: Pool) -> bool:
    return all(
        np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
        for a, b in ((getattr(one, f.name), getattr(other, f.name)) for f in fields(Pool))
    )


def test_a_pool_is_read_as_it_was_written(parts: list[Pool], tmp_path: Path):
    write_pool(parts, tmp_path / "pools" / "case")
    found = read_pool(tmp_path / "pools" / "case")
    assert same(found, concatenate(parts))
    assert isinstance(found.images, np.memmap)


def test_what_a_stopped_writer_left_is_no_pool_and_in_nobodys_way(parts: list[Pool], tmp_path: Path):
    def stopped():
        yield parts[0]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_pool(stopped(), tmp_path / "case")
    assert not (tmp_path / "case").exists()
    with pytest.raises(InputError, match='"pools"'):
        read_pool(tmp_path / "case")
    write_pool(parts, tmp_path / "case")
    assert same(read_pool(tmp_path / "case"), concatenate(parts))
    assert [path.name for path in tmp_path.iterdir()] == ["case"]


def test_a_pool_without_pairs_is_refused(spec: ModelSpec, tmp_path: Path):
    with pytest.raises(InputError, match="nothing to learn"):
        write_pool([empty_pool(spec)], tmp_path / "case")
    assert not (tmp_path / "case").exists()


def test_several_pools_are_one(parts: list[Pool]):
    pools, whole = Pools(parts), concatenate(parts)
    assert len(pools) == len(whole)
    assert (pools.kinds == whole.kinds).all()
    index = np.array([len(whole) - 1, 0, 7])
    assert same(pools.batch(index), subset(whole, np.sort(index)))
