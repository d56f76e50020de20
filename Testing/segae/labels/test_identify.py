"""The one rule from terminology entry, label value, id and name to a structure, as a table of cases."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segae.labels.identify import Identification, identify
from segae.labels.structure import Structure
from segae.labels.table import FIRST_STRUCTURE, LabelTable
from segae.labels.terminology import terminology_for

TABLE = LabelTable.default()
ANATOMY = "SCT^123037004^Anatomical Structure"
LEFT, RIGHT = "SCT^7771000^Left", "SCT^24028007^Right"


def entry(kind: str, modifier: str = "^^", category: str = ANATOMY, region: str = "^^") -> str:
    return f"Segmentation category and type~{category}~{kind}~{modifier}~Anatomic codes~{region}~^^"


LIVER, SPLEEN = entry("SCT^10200004^Liver"), entry("SCT^78961009^Spleen")
KIDNEY, KIDNEY_LEFT = entry("SCT^64033007^Kidney"), entry("SCT^64033007^Kidney", LEFT)
TISSUE = entry("SCT^85756007^Tissue", category="SCT^85756007^Tissue")  # what Slicer gives to a new segment
PRIVATE = entry("99LAB^17^Bauchorgan 17")
APPENDIX = entry("SCT^66754008^Appendix")
NEOPLASM = entry(
    "SCT^86049000^Neoplasm, Primary", category="SCT^49755003^Morphologically Altered Structure",
    region="SCT^10200004^Liver",
)  # fmt: skip
CATHETER = entry("SCT^19923001^Catheter", category="SCT^260787004^Physical object")
T6 = terminology_for(TABLE.by_index(55))

BOTH_KIDNEYS = "kidney left, kidney right"

# terminology, value, id, name -> structure, or kind of refusal and candidates; and why it is decided so
CASES = {
    # Sources that agree, or of which only one speaks.
    "name alone": ("", None, "", "liver", "liver"),
    "id alone, the name is in another language": (TISSUE, None, "liver", "Leber (Anna)", "liver"),
    "name alone, the id is generated": (TISSUE, None, "S_x1", "Liver", "liver"),
    "code alone, name and id are Slicer's own": (LIVER, None, "Segment_1", "Segment_1", "liver"),
    "all agree": (LIVER, 13, "liver", "Liver", "liver"),
    "value alone, where values are rows of the table": ("", 13, "", "", "liver"),
    "value and name agree": ("", 26, "", "spleen", "spleen"),
    "the default entry Tissue says nothing": (TISSUE, None, "", "spleen", "spleen"),
    "text that is no entry says nothing": ("not~an~entry", None, "", "spleen", "spleen"),
    "a name that is not in the table says nothing against a code": (LIVER, None, "", "my segment", "liver"),
    # A side, or a choice that one source leaves, comes from another one.
    "the modifier gives the side": (KIDNEY_LEFT, None, "", "", "kidney left"),
    "the name gives the side that the code lacks": (KIDNEY, None, "s1", "left kidney", "kidney left"),
    "a name that is nothing but a side does too": (KIDNEY, None, "s1", "right", "kidney right"),
    "the code gives the side that the name lacks": (KIDNEY_LEFT, None, "", "kidney", "kidney left"),
    "the id gives the side that the name lacks": ("", None, "kidney_right", "Kidney", "kidney right"),
    "no source gives the side": (KIDNEY, None, "s1", "Segment_1", "ambiguous", BOTH_KIDNEYS),
    "the name leaves the side open": ("", None, "", "kidney", "ambiguous", BOTH_KIDNEYS),
    # Contradictions are never decided: the annotator meant one of both, and nobody knows which.
    "code and name": (SPLEEN, None, "", "liver", "contradiction", "spleen, liver"),
    "code and name of another side": (KIDNEY_LEFT, None, "", "right kidney",
                                      "contradiction", "kidney left, kidney right"),
    "code of both sides and another organ": (KIDNEY, None, "", "liver",
                                             "contradiction", "kidney left, kidney right, liver"),
    "code and a name without its side": (SPLEEN, None, "", "kidney",
                                         "contradiction", "spleen, kidney left, kidney right"),
    "code and id": (SPLEEN, None, "liver", "Segment_1", "contradiction", "spleen, liver"),
    "id and name": ("", None, "liver", "spleen", "contradiction", "spleen, liver"),
    "value and name": ("", 13, "", "spleen", "contradiction", "liver, spleen"),
    # An id cannot be changed: who corrects name and terminology, as the panel does, leaves it behind.
    "the id contradicts name and code, which agree": (T6, None, "vertebrae_T5", "vertebrae_T6",
                                                      "vertebrae T6"),
    "a name that was changed contradicts code and id": (LIVER, None, "liver", "spleen",
                                                        "contradiction", "liver, spleen"),
    # Codes that the table does not know leave the word to a name that it knows; the reason says so.
    "unknown code of an organ, known name": (PRIVATE, None, "", "liver", "liver"),
    "unknown code of an organ, known id": (APPENDIX, None, "colon", "x", "colon"),
    "unknown code, unknown name": (APPENDIX, None, "", "Segment_1", "unknown", ""),
    # A lesion is never the organ that it lies in, whatever source says that it is one.
    "lesion by name": (TISSUE, None, "S_1", "liver_tumor", "no organ", ""),
    "lesion by name, though the code is an organ's": (SPLEEN, None, "", "liver tumor", "no organ", ""),
    "cyst with a side": (TISSUE, None, "S_1", "kidney cyst left", "no organ", ""),
    "lesion by id": (TISSUE, None, "liver lesion", "liver", "no organ", ""),
    "lesion by code": (NEOPLASM, None, "liver", "liver", "no organ", ""),
    "another thing by code": (CATHETER, None, "", "aorta", "no organ", ""),
    "background": (TISSUE, None, "", "Background", "no organ", ""),
    # A number as a name is the label value of some data set, hardly ever of this table.
    "number as name": ("", None, "", "13", "unknown", ""),
    "number as id": ("", None, "13", "", "unknown", ""),
    "number as name beside a code": (LIVER, None, "", " 13 ", "liver"),
    "value that is no row": ("", 145, "", "", "unknown", ""),
    # Nothing at all.
    "empty": ("", None, "", "", "no name", ""),
    "Tissue alone": (TISSUE, None, "", "", "no name", ""),
    "Slicer's own name alone": (TISSUE, None, "Segment_1", "Segment_1", "unknown", ""),
    "a name that is nearly one of the table": ("", None, "", "livr", "unknown", "liver"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_the_rule(case: str) -> None:
    terminology, value, segment_id, name, *expected = CASES[case]
    found = identify(name, segment_id=segment_id, terminology=terminology, value=value)
    if len(expected) == 1:
        assert (str(found.structure), found.refusal, found.candidates) == (expected[0], None, ())
        assert 0 < found.confidence <= 1
    else:
        assert (found.structure, found.refusal, found.confidence) == (None, expected[0], 0)
        assert ", ".join(map(str, found.candidates)).startswith(expected[1])
        assert found.reason.endswith((".", "choose one.")) and "\n" not in found.reason


def test_a_contradiction_names_both_sources_with_what_they_say() -> None:
    reason = identify("liver", terminology=SPLEEN).reason
    assert reason == (
        "The terminology (SNOMED 78961009) says 'spleen' and the name 'liver' says 'liver'; choose one."
    )


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"name": "Liver"}, "name 'Liver', table name"),
        ({"terminology": LIVER, "name": "x"}, "SNOMED 10200004"),
        ({"value": 13}, "index 13"),
        ({"terminology": KIDNEY, "name": "left kidney"}, "terminology, settled by the name 'left kidney'"),
        ({"terminology": PRIVATE, "name": "liver"},
         "name 'liver', table name; its terminology is not in the label table"),
    ],
)  # fmt: skip
def test_the_reason_says_which_source_decided(arguments: dict[str, str], reason: str) -> None:
    assert identify(**arguments).reason == reason  # type: ignore[arg-type]


def test_every_totalsegmentator_name_of_the_table_is_found_by_id() -> None:
    partners = [row for row in TABLE.structures if row.totalsegmentator_v2]
    wrong = [r for r in partners if identify("x", segment_id=r.totalsegmentator_v2).structure is None]
    assert len(partners) > 80 and not wrong


@pytest.mark.parametrize("structure", [row for row in TABLE.offered if row.snomed[0]], ids=str)
def test_what_the_panel_writes_on_a_segment_is_understood(structure: Structure) -> None:
    found = identify(structure.name, segment_id="Segment_1", terminology=terminology_for(structure))
    assert found.structure == structure


def test_a_structure_of_ones_own_may_be_a_lesion(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_text("name,synonyms\nliver tumor,liver metastasis|hepatic lesion\n")
    own = LabelTable.read(path)
    for name in ("liver tumor", "Liver_Metastasis"):
        assert str(identify(name, terminology=NEOPLASM, table=own).structure) == "liver tumor"
        assert identify(name).refusal == "no organ"


WORDS = st.sampled_from(
    ["", "liver", "spleen", "kidney", "left", "13", "liver tumor", "Segment_1", "T6", "?"]
)
ENTRIES = st.sampled_from(["", TISSUE, LIVER, KIDNEY, KIDNEY_LEFT, APPENDIX, NEOPLASM, "~"]) | st.text()


@given(ENTRIES, st.none() | st.integers(0, 150), WORDS, WORDS | st.text())
def test_any_segment_gets_a_structure_or_a_sentence(
    terminology: str, value: int | None, segment_id: str, name: str
) -> None:
    found = identify(name, segment_id=segment_id, terminology=terminology, value=value)
    assert (found.structure is None) == (found.refusal is not None)
    if found.structure is None:
        assert found.reason.endswith(".") and "\n" not in found.reason
        assert set(found.candidates) <= set(TABLE.structures[FIRST_STRUCTURE:])
    else:
        alone = [
            identify(name), identify(segment_id=segment_id),
            identify(terminology=terminology), identify(value=value),
        ]  # fmt: skip
        assert any(_may_mean(one, found.structure) for one in alone)


def _may_mean(one: Identification, structure: Structure) -> bool:
    return structure == one.structure or structure in one.candidates
