"""The organ of a segment is guessed from codes, id and name, never where that would be wrong in silence."""

from __future__ import annotations

import numpy as np
import pytest

from segae.io.segmentation import read_segmentation
from segae.labels import load_structures
from SegAELib.mrml.scene_reader import read_segments
from SegAELib.mrml.segment_names import guess_organ, guess_organs

ANATOMY = "SCT^123037004^Anatomical Structure"
TISSUE = (
    "Segmentation category and type - 3D Slicer General Anatomy list"
    "~SCT^85756007^Tissue~SCT^85756007^Tissue~^^~Anatomic codes - DICOM master list~^^~^^"
)


def entry(kind: str, modifier: str = "^^", category: str = ANATOMY, region: str = "^^") -> str:
    return f"Segmentation category and type~{category}~{kind}~{modifier}~Anatomic codes~{region}~^^"


LIVER = entry("SCT^10200004^Liver")
KIDNEY, LEFT, RIGHT = "SCT^64033007^Kidney", "SCT^7771000^Left", "SCT^24028007^Right"


def test_codes_count_before_a_name_that_says_nothing():
    guess = guess_organ(LIVER, "S_cFYL9s2yQx", "Segment_1")
    assert str(guess.structure) == "liver"
    assert guess.confidence == 1 and "10200004" in guess.reason


@pytest.mark.parametrize(("side", "name"), [(LEFT, "kidney left"), (RIGHT, "kidney right")])
def test_the_modifier_gives_the_side(side, name):
    assert str(guess_organ(entry(KIDNEY, side), "", "").structure).strip() == name


def test_a_side_missing_in_the_codes_comes_from_the_name():
    guess = guess_organ(entry(KIDNEY), "s1", "left kidney")
    assert str(guess.structure) == "kidney left" and "terminology, side from the name" in guess.reason


def test_a_side_missing_everywhere_leaves_the_choice_with_both_candidates():
    guess = guess_organ(entry(KIDNEY), "s1", "Segment_1")
    assert guess.structure is None
    assert {str(c) for c in guess.candidates} == {"kidney left", "kidney right"}


@pytest.mark.parametrize(
    ("segment_id", "name"), [("", "liver"), ("liver", "Leber (Anna)"), ("S_x1", "Liver")]
)
def test_the_default_tissue_entry_says_nothing_so_id_or_name_decide(segment_id, name):
    guess = guess_organ(TISSUE, segment_id, name)
    assert str(guess.structure) == "liver"
    assert guess.reason.startswith("id" if segment_id == "liver" else "name")


def test_tissue_alone_is_no_organ():
    guess = guess_organ(TISSUE, "Segment_1", "Segment_1")
    assert guess.structure is None and guess.confidence == 0


@pytest.mark.parametrize(
    ("terminology", "segment_id", "name"),
    [
        (entry("SCT^86049000^Neoplasm, Primary", category="SCT^49755003^Morphologically Altered Structure",
               region="SCT^10200004^Liver"), "liver", "liver"),
        (TISSUE, "S_1", "liver_tumor"),
        (TISSUE, "S_1", "kidney cyst left"),
        (TISSUE, "liver lesion", "liver"),
        (LIVER, "S_1", "liver tumour"),
    ],
)  # fmt: skip
def test_a_tumour_never_becomes_the_organ_it_lies_in(terminology, segment_id, name):
    guess = guess_organ(terminology, segment_id, name)
    assert guess.structure is None
    assert "lesion" in guess.reason and guess.reason.endswith("organ yourself.")


def test_codes_and_name_that_contradict_each_other_leave_the_choice():
    guess = guess_organ(LIVER, "S_1", "spleen")
    assert guess.structure is None and {str(c) for c in guess.candidates} == {"liver", "spleen"}
    assert "the terminology" in guess.reason and "'spleen'" in guess.reason


def test_id_and_name_that_contradict_each_other_leave_the_choice():
    guess = guess_organ("", "liver", "spleen")
    assert guess.structure is None and {str(c) for c in guess.candidates} == {"liver", "spleen"}


@pytest.mark.parametrize("text", ["5", "12", " 7 "])
def test_a_bare_number_is_no_name(text):
    assert guess_organ("", text, text).structure is None


def test_text_that_is_no_terminology_entry_is_passed_over():
    assert str(guess_organ("not~an~entry", "", "spleen").structure) == "spleen"


def test_a_segment_that_says_nothing_asks_for_the_organ():
    assert guess_organ("", "", "").reason == "The segment has no name; choose the organ."


def test_every_totalsegmentator_name_of_the_table_is_found_by_id():
    with_partner = [s for s in load_structures() if s.totalsegmentator_v2]
    wrong = [s for s in with_partner if guess_organ(TISSUE, s.totalsegmentator_v2, "x").structure is None]
    assert len(with_partner) > 80 and not wrong


def test_the_bundled_case_in_the_scene_means_what_it_means_to_the_core(mini, sample_folder, sample_labels):
    segmentation = read_segmentation(sample_folder / "segmentation_multilabel.nii.gz")
    volume = mini.load_ct()
    names = {n: s.name for n, s in enumerate(segmentation.segments, start=1)}
    labels = np.zeros(sample_labels.shape, np.uint8)
    for value, segment in enumerate(segmentation.segments, start=1):
        labels[segment.full_mask()] = value
    affine = segmentation.segments[0].grid.affine
    node = mini.add_segmentation([(labels, affine, names)], volume)
    found = read_segments(node, volume)
    for segment in segmentation.segments:
        assert found[segment.name].structure == segment.structure, segment.name


def test_what_the_user_chose_counts_before_any_guess(mini):
    volume = mini.add_volume(np.zeros((3, 4, 5), np.int16), np.eye(4))
    node = mini.add_segmentation([(np.ones((3, 4, 5), np.uint8), np.eye(4), {1: "liver"})], volume)
    spleen = guess_organ("", "", "spleen")
    assert read_segments(node, volume, organs={"liver": spleen})["liver"].structure == spleen.structure


def test_segments_made_by_slicer_are_guessed_from_their_name_and_their_entry(mini):
    node = mini.scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "New")
    segmentation = node.GetSegmentation()
    plain = segmentation.AddEmptySegment("", "aorta")
    coded = segmentation.AddEmptySegment("", "Segment_2")
    segmentation.GetSegment(coded).SetTerminology(LIVER)
    guesses = guess_organs(node)
    assert str(guesses[plain].structure) == "aorta" and str(guesses[coded].structure) == "liver"
