"""The label table as shipped: rows, sides, TotalSegmentator names and codes fit each other."""

from __future__ import annotations

import pytest

from segae.labels import UnknownName, body_systems, by_index, load_structures, offered_structures


def test_the_table_has_145_rows_in_the_order_of_their_index() -> None:
    assert [structure.index for structure in load_structures()] == list(range(145))
    assert len({structure.name for structure in load_structures()}) == 145


def test_a_row_holds_everything_that_is_known_of_the_structure() -> None:
    kidney = by_index(15)
    assert (kidney.name, kidney.laterality, str(kidney)) == ("kidney left", "left", "kidney left")
    assert kidney.totalsegmentator_v1 == kidney.totalsegmentator_v2 == "kidney_left"
    assert kidney.snomed == ("64033007", "7771000")


def test_the_side_of_a_row_is_the_one_in_its_names() -> None:
    for structure in load_structures()[2:]:
        names = (structure.name, structure.totalsegmentator_v1, structure.totalsegmentator_v2)
        for name in filter(None, names):
            side = [word for word in name.replace("_", " ").split() if word in ("left", "right")]
            assert side == ([structure.laterality] if structure.laterality else []), name


@pytest.mark.parametrize("field", ["totalsegmentator_v1", "totalsegmentator_v2", "snomed"])
def test_names_and_codes_are_unique(field: str) -> None:
    values = [getattr(structure, field) for structure in load_structures()]
    known = [value for value in values if value and value != ("", "")]
    assert len(known) == len(set(known)) > 80


def test_142_structures_are_offered_without_background_and_remainders() -> None:
    offered = offered_structures()
    assert len(offered) == 142
    assert not {"Background", "Left to annotate", "heart tissue"} & {structure.name for structure in offered}


def test_every_offered_structure_is_in_one_body_system() -> None:
    members = [structure for system in body_systems().values() for structure in system]
    assert sorted(members, key=lambda structure: structure.index) == list(offered_structures())
    systems = {structure.name: system for system, members in body_systems().items() for structure in members}
    assert systems["liver"] == "Digestive"
    assert systems["kidney left"] == systems["bladder"] == "Urinary"
    assert systems["vertebrae T7"] == systems["sacrum"] == "Spine"
    assert systems["costa 7 left"] == systems["sternum"] == "Ribs & thorax"
    assert systems["pulmonary artery"] == "Heart & vessels"


@pytest.mark.parametrize("index", [-1, 145, 10**9])
def test_an_index_outside_the_table_is_refused(index: int) -> None:
    with pytest.raises(UnknownName, match="no row of the label table"):
        by_index(index)
