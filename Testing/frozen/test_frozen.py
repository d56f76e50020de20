"""Every number that was frozen is still the same, to 1e-6; integers and text exactly.

On another kind of machine than the one they were frozen on it is 1e-5, and of what comes after a step only
columns and rows are compared (`tables.py` says why). For the same reason a change that only adds up in
another order moves those tables, whose titles end in "(bound)", and hardly any other.

A failing test lists the first differences. Numbers that were meant to change are frozen anew with
`python Testing/frozen/freeze.py NAME`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import pytest

from frozen.freeze import NUMBERS, compute
from frozen.tables import (
    BOUND,
    ELSEWHERE,
    MACHINE,
    TOLERANCE,
    Table,
    differences,
    load,
    same,
    saved_names,
    table,
)

FROZEN = {name: load(name) for name in saved_names()}
TITLES = [(name, title) for name in FROZEN for title in FROZEN[name] if title != MACHINE]
Now = Callable[[str], dict[str, Table]]


@pytest.fixture(scope="session")
def now(tmp_path_factory: pytest.TempPathFactory) -> Now:
    """Numbers by name, computed when they are first asked for."""
    return cache(lambda name: compute(name, tmp_path_factory.mktemp(name)))


@pytest.mark.parametrize(("name", "title"), TITLES)
def test_a_table_is_as_it_was(name: str, title: str, now: Now) -> None:
    frozen, today = FROZEN[name], now(name)
    at_home = frozen[MACHINE] == today[MACHINE]
    if title.endswith(BOUND) and not at_home:
        assert shape(today[title]) == shape(frozen[title])
        return
    found = differences(frozen[title], today[title], TOLERANCE if at_home else ELSEWHERE)
    assert not found, "\n".join(found)


def shape(one: Table) -> tuple[list[str], int]:
    """Columns and number of rows."""
    return list(one.columns), len(one.rows)


@pytest.mark.parametrize("name", NUMBERS)
def test_no_table_is_new_or_gone(name: str, now: Now) -> None:
    assert list(now(name)) == list(FROZEN[name])


def test_differences_are_told_by_row_and_column() -> None:
    old, new = (table(("organ", "score"), [("liver", 0.5), ("spleen", value)]) for value in (0.25, 0.250002))
    assert differences(old, old) == []
    assert differences(old, new) == ["row 1 ('spleen'), score: was 0.25, is 0.250002"]
    assert differences(old, table(("organ", "dice"), old.rows))
    assert differences(old, table(old.columns, old.rows[:1])) == ["rows were 2, are 1"]


def test_only_floats_may_differ_and_only_a_little() -> None:
    assert same(1e6, 1e6 + 0.5) and same(0.0, 9e-7) and same(float("nan"), float("nan"))
    assert not same(1.0, 1.00001) and not same(0.0, 2e-6)
    assert not same(10**7, 10**7 + 1) and not same("1", 1) and not same(True, 1) and not same(None, 0.0)
