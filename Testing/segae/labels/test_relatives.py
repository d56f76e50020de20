"""The names that a name is taken for."""

from __future__ import annotations

import pytest

from segae.labels import offered_structures, resolve
from segae.labels.relatives import levels_near, other_side, similar
from segae.labels.structure import Structure
from segae.labels.table import LabelTable
from segae.scoring.name_check import MOST, neighbours


def names(rows) -> list[str]:
    return [row.name for row in rows]


def row(name: str):
    return resolve(name).structure


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("kidney left", "kidney right"),
        ("costa 7 right", "costa 7 left"),
        ("heart atrium left", "heart atrium right"),
        ("artery common carotid right", "artery common carotid left"),
    ],
)
def test_the_other_side_is_found_in_both_directions(name: str, other: str):
    assert other_side(row(name)) == row(other)
    assert other_side(row(other)) == row(name)


@pytest.mark.parametrize("name", ["liver", "vertebrae T5", "lung middle lobe right"])
def test_what_there_is_once_has_no_other_side(name: str):
    assert other_side(row(name)) is None


def test_vertebrae_and_ribs_run_from_head_to_foot():
    spine, left, right = LabelTable.default().level_series
    assert (spine[0].name, spine[7].name, spine[-1].name, len(spine)) == (
        "vertebrae C1", "vertebrae T1", "vertebrae L5", 24
    )  # fmt: skip
    assert names(left) == [f"costa {n} left" for n in range(1, 13)]
    assert names(right) == [f"costa {n} right" for n in range(1, 13)]


def test_levels_come_nearest_first_and_end_with_the_series():
    assert set(names(levels_near(row("T12")))[:2]) == {"vertebrae T11", "vertebrae L1"}
    assert set(names(levels_near(row("T12")))) == {f"vertebrae {n}" for n in ("T10", "T11", "L1", "L2")}
    assert names(levels_near(row("costa 1 left"))) == ["costa 2 left", "costa 3 left"]
    assert levels_near(row("liver")) == ()


def test_similar_names_keep_the_side_and_get_both_when_there_is_none():
    assert names(similar(row("gluteus medius left"))) == ["gluteus maximus left", "gluteus minimus left"]
    assert names(similar(row("iliac artery right"))) == ["iliac vena right"]
    assert {"heart atrium left", "heart atrium right", "liver"} <= set(names(similar(row("heart"))))


def test_every_similar_name_is_similar_in_return_unless_only_one_has_sides():
    for structure in offered_structures():
        for other in similar(structure):
            if bool(other.laterality) == bool(structure.laterality):
                assert structure in similar(other), (structure.name, other.name)


@pytest.mark.parametrize("structure", offered_structures(), ids=lambda row: row.name)
def test_neighbours_are_few_different_and_never_the_name_itself(structure):
    touching = offered_structures()[:10]
    found = neighbours(structure, touching)
    assert 1 <= len(found) <= MOST
    assert len(set(found)) == len(found) and structure not in found


def test_touching_organs_have_room_beside_a_name_with_many_relatives():
    touching = [row("lung lower lobe left"), row("spleen"), row("aorta"), row("liver")]
    found = names(neighbours(row("costa 7 left"), touching))
    assert found[0] == "costa 7 right"
    assert found[-3:] == ["lung lower lobe left", "spleen", "aorta"]


def test_names_that_the_model_has_not_learned_leave_their_place_to_others():
    found = neighbours(row("heart"), [row("stomach")], usable=lambda structure: structure.laterality == "")
    assert names(found) == ["liver", "heart myocardium", "stomach"]


def test_neighbours_come_from_the_table_in_use():
    left, right = Structure(145, "parotid left", "left"), Structure(150, "parotid right", "right")
    table = LabelTable.default().extended([left, right])
    assert neighbours(left, [row("liver")], table=table) == (right, row("liver"))
    assert neighbours(left, [row("liver")]) == (row("liver"),)
