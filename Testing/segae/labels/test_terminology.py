"""What Slicer's terminology entry says of a segment."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segae.errors import InputError
from segae.labels import (
    AmbiguousName,
    Structure,
    UnknownName,
    load_structures,
    parse_terminology,
    resolve,
    resolve_terminology,
)
from segae.labels.terminology import Code, Terminology

ORGAN = "SCT^123037004^Anatomical Structure"
LESION = "SCT^49755003^Morphologically Altered Structure"
TISSUE = "SCT^85756007^Tissue"
SIDES = {"7771000": "SCT^7771000^Left", "24028007": "SCT^24028007^Right", "": "^^"}


def entry(category: str, kind: str, modifier: str = "^^", region: str = "^^") -> str:
    general = "Segmentation category and type - 3D Slicer General Anatomy list"
    return f"{general}~{category}~{kind}~{modifier}~Anatomic codes - DICOM master list~{region}~^^"


def test_an_entry_is_taken_apart_into_its_seven_fields() -> None:
    read = parse_terminology(entry(ORGAN, "SCT^64033007^Kidney", SIDES["7771000"], "SCT^818983003^Abdomen"))
    assert read.context == "Segmentation category and type - 3D Slicer General Anatomy list"
    assert read.category == Code("SCT", "123037004", "Anatomical Structure")
    assert read.type == Code("SCT", "64033007", "Kidney")
    assert read.type_modifier == Code("SCT", "7771000", "Left")
    assert read.region_context == "Anatomic codes - DICOM master list"
    assert read.region == Code("SCT", "818983003", "Abdomen")
    assert read.region_modifier == Code()


@pytest.mark.parametrize("structure", [row for row in load_structures() if row.snomed[0]], ids=str)
def test_every_coded_structure_is_recognised(structure: Structure) -> None:
    kind, modifier = structure.snomed
    found = resolve_terminology(entry(ORGAN, f"SCT^{kind}^anything", SIDES[modifier]))
    assert found == resolve(structure.snomed)


@pytest.mark.parametrize(
    "text",
    [
        "",
        entry(TISSUE, TISSUE),
        entry(ORGAN, TISSUE),
        entry("SRT^T-D0050^Tissue", "SRT^T-D0050^Tissue"),
        entry(TISSUE, "SCT^272673000^Bone"),
        entry(ORGAN, "^^"),
        "~~~~~~",
    ],
)
def test_a_default_entry_or_a_mere_material_says_nothing(text: str) -> None:
    assert resolve_terminology(text) is None


@pytest.mark.parametrize(
    "text",
    [
        entry(LESION, "SCT^4147007^Mass", region="SCT^10200004^Liver"),
        entry(LESION, "SCT^10200004^Liver"),
        entry(LESION, "SCT^367643001^Cyst", SIDES["7771000"], "SCT^64033007^Kidney"),
        entry("SRT^M-01000^Morphologically Altered Structure", "SRT^M-03000^Mass"),
    ],
)
def test_a_lesion_is_refused_whatever_organ_it_lies_in(text: str) -> None:
    with pytest.raises(UnknownName, match="a lesion and not the organ it lies in"):
        resolve_terminology(text)


def test_things_that_are_no_anatomy_are_refused() -> None:
    with pytest.raises(UnknownName, match="'Catheter' of the category 'Physical object'"):
        resolve_terminology(entry("SCT^260787004^Physical object", "SCT^19923001^Catheter"))


def test_a_missing_side_is_ambiguous() -> None:
    with pytest.raises(AmbiguousName, match="'kidney left' or 'kidney right'"):
        resolve_terminology(entry(ORGAN, "SCT^64033007^Kidney"))


@pytest.mark.parametrize(
    ("kind", "modifier", "name"),
    [
        ("SCT^34402009^Rectum", "^^", "rectum"),
        ("SRT^T-71000^Kidney", "SRT^G-A101^Left", "kidney left"),
        ("SRT^T-62000^Liver", "^^", "liver"),
    ],
)
def test_the_meaning_counts_where_the_code_is_unknown(kind: str, modifier: str, name: str) -> None:
    found = resolve_terminology(entry(ORGAN, kind, modifier))
    assert found is not None
    assert (found.structure.name, found.confidence) == (name, 0.8)
    assert found.reason.startswith("terminology meaning")


def test_an_organ_that_the_table_lacks_is_refused() -> None:
    with pytest.raises(UnknownName, match="Appendix"):
        resolve_terminology(entry(ORGAN, "SCT^66754008^Appendix"))
    with pytest.raises(UnknownName):
        resolve_terminology(entry(ORGAN, "SCT^10200004^Liver", SIDES["7771000"]))


@pytest.mark.parametrize("text", ["kidney left", "a~b~c~d", "~SCT^1~~~~~", "~" * 7])
def test_text_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"is no terminology entry|is not scheme\^code\^meaning"):
        parse_terminology(text)


@given(st.text() | st.text("~^SCT0123456789 aeLiver", max_size=60))
def test_any_text_has_an_answer_or_a_sentence(text: str) -> None:
    try:
        resolve_terminology(text)
    except InputError as refusal:
        assert str(refusal).endswith(".") and "\n" not in str(refusal)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (entry(TISSUE, TISSUE, region="SCT^10200004^Liver"), "liver"),
        (entry("SRT^T-D0050^Tissue", "SRT^T-D0050^Tissue", region="SRT^T-62000^Liver"), "liver"),
        (entry(ORGAN, "SCT^113343008^Organ", region="SCT^78961009^Spleen"), "spleen"),
        (entry(TISSUE, "SCT^10200004^Liver"), "liver"),
        (entry("SCT^91723000^Anatomical Structure", "SCT^10200004^Liver"), "liver"),
        (
            entry(ORGAN, "SCT^64033007^Kidney", region="SCT^64033007^Kidney")[:-2] + SIDES["7771000"],
            "kidney left",
        ),
    ],
)
def test_the_region_counts_where_the_type_names_no_organ(text: str, name: str) -> None:
    found = resolve_terminology(text)
    assert found is not None and found.structure.name == name


@pytest.mark.parametrize("kind", ["SCT^1^Muscle", "SCT^1^Fat", "SCT^1^Skin", "SCT^1^Artery"])
def test_a_material_in_an_organ_is_not_the_organ(kind: str) -> None:
    assert resolve_terminology(entry(TISSUE, kind, region="SCT^10200004^Liver")) is None


def test_what_is_written_is_read_again() -> None:
    terms = Terminology(
        "a", Code("SCT", "1", "b"), Code("SCT", "2", "c^d~e|f"), Code(), "g", Code("x", "y", "z")
    )
    read = parse_terminology(terms.entry)
    assert (
        read.type == Code("SCT", "2", "c d e f") and read.region == terms.region and read.entry == terms.entry
    )
