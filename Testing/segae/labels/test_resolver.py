"""From any usual name to the row of the table, and never a silent guess."""

from __future__ import annotations

import re
from itertools import permutations
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segae.errors import InputError
from segae.files import read_bundled_table, resource
from segae.labels import AmbiguousName, Structure, UnknownName, load_structures, resolve
from segae.labels.spelling import AROUND, Reading
from segae.labels.table import LabelTable

ORGANS = load_structures()[2:]
SPINAL_CANAL = 24
SIDES = {"left": ("left", "l", "Lt", "sin"), "right": ("right", "R", "rt", "dx")}


def index_of(query: Any) -> int:
    return resolve(query).structure.index


# --- names and codes of the table ------------------------------------------------------------------


@pytest.mark.parametrize("structure", ORGANS, ids=str)
def test_index_and_name_of_every_row(structure: Structure) -> None:
    for query in (structure.index, str(structure.index), np.uint8(structure.index), structure.name):
        found = resolve(query)
        assert (found.structure, found.confidence) == (structure, 1.0)
        assert found.reason in (f"index {structure.index}", "table name")


@pytest.mark.parametrize("version", ["totalsegmentator_v1", "totalsegmentator_v2"])
def test_every_totalsegmentator_name(version: str) -> None:
    named = {getattr(structure, version): structure for structure in ORGANS if getattr(structure, version)}
    assert len(named) > 95
    for name, structure in named.items():
        assert resolve(name).structure == structure, name
        assert (resolve(name).confidence == 1.0) == (structure.index != SPINAL_CANAL), name


def test_every_pair_of_snomed_codes() -> None:
    coded = [structure for structure in ORGANS if structure.snomed[0]]
    assert len(coded) > 110
    for structure in coded:
        found = resolve(structure.snomed)
        assert found.structure == structure
        assert found.reason.startswith(f"SNOMED {structure.snomed[0]}")
        assert (found.confidence == 1.0) == (structure.index != SPINAL_CANAL)


def test_every_organ_of_the_sample_case_has_its_row_or_a_reason() -> None:
    folder = resource("SampleData", "totalsegmentator_s0001", "segmentations")
    names = [path.name.removesuffix(".nii.gz") for path in folder.glob("*.nii.gz")]
    without_partner = set()
    for name in names:
        try:
            assert name in (resolve(name).structure.totalsegmentator_v2, resolve(name).structure.name)
        except InputError:
            without_partner.add(name)
    assert len(names) == 117
    assert without_partner == {
        "atrial_appendage_left",
        "kidney_cyst_left",
        "kidney_cyst_right",
        "pulmonary_vein",
        "superior_vena_cava",
        "thyroid_gland",
        "vertebrae_S1",
    }


def test_a_code_without_its_side_is_ambiguous() -> None:
    with pytest.raises(AmbiguousName) as refusal:
        resolve(("64033007", ""))
    assert [str(kidney) for kidney in refusal.value.candidates] == ["kidney left", "kidney right"]


def test_a_modifier_may_repeat_the_side_of_a_code_but_not_contradict_it() -> None:
    assert index_of(("82471001", "7771000")) == 106  # left atrium + left
    for contradiction in [("82471001", "24028007"), ("10200004", "7771000"), ("1", ""), ("", "")]:
        with pytest.raises(UnknownName):
            resolve(contradiction)


# --- spellings -------------------------------------------------------------------------------------


def spellings(structure: Structure) -> list[str]:
    """The name with its side written in every way and in every place."""
    words = [word for word in structure.name.replace("_", " ").split() if word not in SIDES]
    if not structure.laterality:
        return [" ".join(words)]
    return [
        " ".join([*words[:place], side, *words[place:]])
        for side in SIDES[structure.laterality]
        for place in range(len(words) + 1)
    ]


@pytest.mark.parametrize("structure", ORGANS, ids=str)
def test_the_side_may_stand_anywhere_and_be_short(structure: Structure) -> None:
    for spelling in spellings(structure):
        underscored = spelling.replace(" ", "_")
        for written in (spelling, spelling.upper(), underscored, spelling.replace(" ", "-")):
            assert resolve(written).structure == structure, written


@pytest.mark.parametrize("structure", ORGANS, ids=str)
def test_camel_case_is_taken_apart(structure: Structure) -> None:
    camel = "".join(word[0].upper() + word[1:] for word in re.split("[ _]", structure.name))
    assert resolve(camel).structure == structure
    assert resolve(camel[0].lower() + camel[1:]).structure == structure


@given(st.data())
def test_case_separators_and_place_of_the_side_do_not_matter(data: st.DataObject) -> None:
    structure = data.draw(st.sampled_from(ORGANS))
    spelling = data.draw(st.sampled_from(spellings(structure)))
    capitals = data.draw(st.lists(st.booleans(), min_size=len(spelling), max_size=len(spelling)))
    separators = st.text("_- .,/()", min_size=1, max_size=3)
    mixed = "".join(char.upper() if up else char.lower() for char, up in zip(spelling, capitals, strict=True))
    written = "".join(data.draw(separators) if char == " " else char for char in mixed)
    before, behind = data.draw(st.tuples(*[st.sampled_from(["", " ", "_", "\t"])] * 2))
    assert resolve(before + written + behind).structure == structure


@pytest.mark.parametrize("number", range(1, 13))
@pytest.mark.parametrize("side", ["left", "right"])
def test_ribs_in_any_order_of_words(number: int, side: str) -> None:
    expected = index_of(f"rib_{side}_{number}")
    endings = {1: "st", 2: "nd", 3: "rd"}
    for word in ("rib", "costa", "Ribs"):
        for side_word in SIDES[side]:
            for n in (str(number), f"{number:02d}", f"{number}{endings.get(number, 'th')}"):
                for order in permutations((word, side_word, n)):
                    assert index_of(" ".join(order)) == expected, order
    for tight in (f"rib{number}{side[0].upper()}", f"rib_{side[0]}{number}", f"Rib{side.title()}{number}"):
        assert index_of(tight) == expected, tight


@pytest.mark.parametrize(
    ("letter", "region", "levels"), [("C", "cervical", 7), ("T", "thoracic", 12), ("L", "lumbar", 5)]
)
def test_vertebrae(letter: str, region: str, levels: int) -> None:
    for level in range(1, levels + 1):
        expected = index_of(f"vertebrae {letter}{level}")
        for spelling in (
            f"{letter}{level}",
            f"{letter.lower()}{level:02d}",
            f"vertebra {letter}{level}",
            f"{letter}{level} vertebra",
            f"vertebra_{letter}_{level}",
            f"Vertebra{letter}{level}",
            f"{region} vertebra {level}",
            f"{region}_{level}",
            f"{level}. {region} vertebra",
        ):
            assert index_of(spelling) == expected, spelling
    assert index_of("Th12") == index_of("vertebra Th 12") == index_of("12th thoracic vertebra") == 61
    assert index_of("second lumbar vertebra") == 63
    assert index_of("atlas") == 43


@pytest.mark.parametrize(
    ("spelling", "name"),
    [
        ("IVC", "inferior vena cava"),
        ("vena cava inferior", "inferior vena cava"),
        ("postcava", "inferior vena cava"),
        ("oesophagus", "esophagus"),
        ("Œsophagus", "esophagus"),
        ("coeliac trunk", "celiac trunk"),
        ("truncus coeliacus", "celiac trunk"),
        ("Gall bladder", "gallbladder"),
        ("urinary bladder", "bladder"),
        ("small intestine", "small bowel"),
        ("clavicula_right", "clavicle right"),
        ("L collar bone", "clavicle left"),
        ("autochthonous back muscle, left", "autochthon left"),
        ("deep muscles of the back right", "autochthon right"),
        ("gluteus minimus muscle left", "gluteus minimus left"),
        ("left suprarenal gland", "adrenal gland left"),
        ("Arteria carotis communis dextra", "artery common carotid right"),
        ("vena iliaca sinistra", "iliac vena left"),
        ("left common iliac vein", "iliac vena left"),
        ("iliac arteries left", "iliac artery left"),
        ("left internal jugular vein", "internal jugular vein left"),
        ("brachiocephalic trunk", "artery brachiocephalic"),
        ("vena brachiocephalica sinistra", "vein brachiocephalic left"),
        ("left ventricle", "heart ventricle left"),
        ("right atrium of the heart", "heart atrium right"),
        ("RUL", "lung upper lobe right"),
        ("lower lobe of left lung", "lung lower lobe left"),
        ("costal cartilage", "rib_cartilage"),
        ("manubrium", "sternum manubrium"),
        ("left kidneys", "kidney left"),
        ("thyroid gland right", "thyroid right"),
        ("gonad", "gonads"),
        ("left hip bone", "hip left"),
        ("liver mask", "liver"),
    ],
)
def test_usual_spellings(spelling: str, name: str) -> None:
    found = resolve(spelling)
    assert found.structure.name == name
    assert 0.6 < found.confidence <= 1.0 and found.reason


def test_a_lobe_that_exists_once_needs_no_side_but_is_less_sure() -> None:
    found = resolve("middle lobe of lung")
    assert (found.structure.index, found.confidence) == (123, 0.8)
    assert "one side only" in found.reason


@pytest.mark.parametrize("name", ["spinal cord", "spinal_cord", "SpinalCord", ("2748008", "")])
def test_the_spinal_cord_is_only_near_to_the_spinal_canal(name: Any) -> None:
    found = resolve(name)
    assert (found.structure.name, found.confidence) == ("spinal canal", 0.6)
    assert "nearest partner, not the same" in found.reason


def test_no_spelling_stands_for_two_structures() -> None:
    meant: dict[Reading, set[str]] = {}
    for spelling in LabelTable.default().spellings:
        meant.setdefault(spelling.reading, set()).add(spelling.structure.name)
    assert [names for names in meant.values() if len(names) > 1] == []


def test_every_row_of_the_synonyms_is_in_use() -> None:
    rows = read_bundled_table("Labels", "synonyms.csv")
    assert {row["kind"] for row in rows} == {
        "side", "word", "name", "partner", "lesion", "around", "counted",
    }  # fmt: skip
    assert len({row["spelling"] for row in rows}) == len(rows)
    known = [spelling.text for spelling in LabelTable.default().spellings]
    for row in rows:
        if row["kind"] in ("name", "partner"):
            assert any(text.startswith(row["spelling"]) for text in known), row


@pytest.mark.parametrize(
    ("name", "structure"),
    [
        ("s0001_liver", "liver"), ("liver_seg", "liver"), ("Segmentation-stomach-label", "stomach"),
        ("colon copy", "colon"), ("colon - Kopie (2)", "colon"), ("liver (1)", "liver"),
        ("03_spleen", "spleen"), ("amos_0507_left_kidney", "kidney left"), ("0011f3deaf aorta", "aorta"),
        ("L1_mask", "vertebrae L1"), ("liverMask", "liver"), ("spleen_v2", "spleen"),
        ("case 12 liver", "liver"), ("rib_left_1_copy_2", "costa 1 left"), ("12_rib_left_1", "costa 1 left"),
    ],
)  # fmt: skip
def test_what_stands_around_a_name_is_taken_off_and_said(name: str, structure: str) -> None:
    found = resolve(name)
    assert (str(found.structure), found.confidence) == (structure, AROUND)
    assert "without '" in found.reason


@pytest.mark.parametrize(
    "name",
    ["liver vessels", "liver_2", "seg_7 rib left", "s0001_kidney", "liver_tumor_seg", "mask", "case_00001",
     "liver_spleen_seg", "segmentation_multilabel", "left_seg"],
)  # fmt: skip
def test_nothing_is_understood_where_not_exactly_one_structure_remains(name: str) -> None:
    with pytest.raises(InputError):
        resolve(name)
