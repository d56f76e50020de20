"""Names that are refused: ambiguous, unknown, lesions, and anything at all."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segae.errors import InputError
from segae.labels import AmbiguousName, UnknownName, load_structures, offered_structures, resolve

ORGANS = load_structures()[2:]


@pytest.mark.parametrize(
    ("name", "candidates"),
    [
        ("kidney", {"kidney left", "kidney right"}),
        ("Kidneys", {"kidney left", "kidney right"}),
        ("both kidneys", {"kidney left", "kidney right"}),
        ("kidney_left_right", {"kidney left", "kidney right"}),
        ("rib 7", {"costa 7 left", "costa 7 right"}),
        ("iliac artery", {"iliac artery left", "iliac artery right"}),
        ("thyroid_gland", {"thyroid left", "thyroid right"}),
        ("lung left", {"lung upper lobe left", "lung lower lobe left"}),
        ("vertebra 6", {"vertebrae C6", "vertebrae T6"}),
        ("left carotid artery", {"artery common carotid left", "artery internal carotid left"}),
        ("heart left", {"heart atrium left", "heart ventricle left"}),
        ("lung", {structure.name for structure in ORGANS if structure.name.startswith("lung")}),
        ("L", {structure.name for structure in ORGANS if structure.laterality == "left"}),
        ("rib right", {f"costa {n} right" for n in range(1, 13)}),
    ],
)
def test_ambiguous_names_are_refused_with_all_candidates(name: str, candidates: set[str]) -> None:
    with pytest.raises(AmbiguousName) as refusal:
        resolve(name)
    assert {structure.name for structure in refusal.value.candidates} == candidates
    assert str(refusal.value.candidates[0]) in str(refusal.value)
    assert "name one of them" in str(refusal.value)


@pytest.mark.parametrize(
    "name",
    [structure.name.replace(structure.laterality, "") for structure in ORGANS if structure.laterality],
)
def test_no_paired_structure_is_guessed_without_its_side(name: str) -> None:
    if "middle lobe" in name:
        assert resolve(name).confidence < 0.9
    else:
        with pytest.raises(AmbiguousName):
            resolve(name)


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("kidny left", "kidney left"),
        ("livr", "liver"),
        ("liver left", "liver"),
        ("portal vein", "portal vein and splenic vein"),
        ("vena cava", "inferior vena cava"),
        ("jugular vein left", "internal jugular vein left"),
        ("pulmonary_vein", "pulmonary artery"),
        ("superior_vena_cava", "inferior vena cava"),
        ("costa 13 left", "costa 3 left"),
        ("L6", "vertebrae L5"),
        ("vertebrae_S1", "vertebrae C1"),
    ],
)
def test_unknown_names_are_refused_with_the_nearest(name: str, nearest: str) -> None:
    with pytest.raises(UnknownName) as refusal:
        resolve(name)
    assert nearest in {structure.name for structure in refusal.value.nearest}
    assert "is not in the label table (nearest: '" in str(refusal.value)


@pytest.mark.parametrize(
    "name",
    [
        "atrial_appendage_left", "lung_vein", "lung_vessels", "liver vessels", "liver spleen", "face",
        "caecum", "external iliac artery left",
        "thoracic aorta", "spleen left", "prostate/uterus", "kidney left 2",
        "liver.nii.gz", "brainstem", "Segment_1", "肝 liver", "", "___", "?",
    ],
)  # fmt: skip
def test_names_without_a_partner_are_refused(name: str) -> None:
    with pytest.raises(UnknownName):
        resolve(name)


@pytest.mark.parametrize("word", ["tumor", "tumours", "lesion", "Cysts", "metastases", "mets", "stone"])
@pytest.mark.parametrize("organ", ["liver", "kidney left", "lung_upper_lobe_left", "L1", "rib 7 left"])
def test_a_lesion_never_becomes_the_organ_it_lies_in(organ: str, word: str) -> None:
    for name in (f"{organ} {word}", f"{word}_{organ}", f"{organ.title()}{word.title()}"):
        with pytest.raises(UnknownName, match="names a lesion") as refusal:
            resolve(name)
        assert refusal.value.nearest == ()


@pytest.mark.parametrize("query", [0, 1, "0", "1", "Background", "left_to_annotate", "Left to annotate"])
def test_background_and_left_to_annotate_are_no_organs(query: int | str) -> None:
    with pytest.raises(UnknownName, match="is no organ; leave it out"):
        resolve(query)


@pytest.mark.parametrize("query", [-1, 145, "145", "-1", "10200004"])
def test_numbers_outside_the_table_are_refused(query: int | str) -> None:
    with pytest.raises(UnknownName, match="use 2 to 144"):
        resolve(query)


@pytest.mark.parametrize("query", [None, 15.0, b"liver", ("64033007",), ("a", "b", "c"), (None, ""), []])
def test_queries_of_another_type_are_refused(query: Any) -> None:
    with pytest.raises(InputError):
        resolve(query)


def test_the_published_map_and_its_two_slips_are_only_repeated_on_request() -> None:
    assert resolve("urinary_bladder").structure.index == 17
    assert resolve("urinary_bladder", published_map=True).structure.name == "prostate"
    assert resolve("face", published_map=True).structure.name == "cheek left"
    for structure in ORGANS:
        assert resolve(structure.name, published_map=True) == resolve(structure.name)


def test_refusals_travel_between_processes_with_their_candidates() -> None:
    with pytest.raises(AmbiguousName) as refusal:
        resolve("kidney")
    copy = pickle.loads(pickle.dumps(refusal.value))
    assert (str(copy), copy.candidates) == (str(refusal.value), refusal.value.candidates)


def refusal_of(query: Any) -> InputError | None:
    try:
        assert 0 < resolve(query).confidence <= 1
    except InputError as refusal:
        return refusal
    return None


WORDS = ["kidney", "left", "l", "rib", "7", "th", "t", "vein", "lung", "tumor", "of", "cava", "iliac", "12"]


@given(st.text() | st.lists(st.sampled_from(WORDS), max_size=6).map(" ".join) | st.integers() | st.floats())
def test_any_query_has_an_answer_or_a_sentence(query: Any) -> None:
    refusal = refusal_of(query)
    if refusal is not None:
        sentence = str(refusal)
        assert sentence.endswith(".") and "\n" not in sentence and len(sentence) < 500
    if isinstance(refusal, AmbiguousName):
        assert len(refusal.candidates) > 1
        assert set(refusal.candidates) <= set(offered_structures())
    if isinstance(refusal, UnknownName):
        assert set(refusal.nearest) <= set(offered_structures())


@given(st.tuples(st.text(), st.text()))
def test_any_pair_of_codes_has_an_answer_or_a_sentence(codes: tuple[str, str]) -> None:
    refusal = refusal_of(codes)
    assert refusal is not None or codes[0].strip() in {structure.snomed[0] for structure in ORGANS}


def test_a_very_long_name_is_refused_at_once() -> None:
    with pytest.raises(UnknownName, match="too long"):
        resolve("liver " * 100_000 + "tumor")
