"""Names and terminology of segments: what they are taken for, corrected, and put back."""

from __future__ import annotations

import numpy as np
import pytest

from segae.errors import InputError
from segae.io.segmentation import read_segmentation
from segae.labels.identify import identify
from segae.labels.resolver import resolve
from segae.labels.terminology import terminology_for
from SegAELib.mrml.scene_reader import read_segments
from SegAELib.mrml.segment_names import Naming, identify_segments, naming_for, naming_of, set_naming


@pytest.fixture
def node(mini):
    made = mini.add_segmentation([(np.ones((2, 3, 4), np.uint8), np.eye(4), {1: "vertebrae_T5"})])
    entry = terminology_for(resolve("vertebrae_T5").structure)
    set_naming(made, "vertebrae_T5", Naming("vertebrae_T5", entry))
    return made


def test_a_corrected_segment_is_taken_for_the_new_organ_whatever_its_id_says(node):
    new = resolve("vertebrae_T6").structure
    before = naming_of(node, "vertebrae_T5")
    set_naming(node, "vertebrae_T5", naming_for(new, before))
    assert naming_of(node, "vertebrae_T5").name == "vertebrae_T6"
    assert identify_segments(node)["vertebrae_T5"].structure == new
    set_naming(node, "vertebrae_T5", before)
    assert naming_of(node, "vertebrae_T5") == before
    assert identify_segments(node)["vertebrae_T5"].structure == resolve("vertebrae_T5").structure


def test_the_new_name_is_spelt_as_the_old_one():
    new = resolve("kidney_right").structure
    assert naming_for(new, Naming("kidney_left", "")).name == "kidney_right"
    assert naming_for(new, Naming("left kidney", "")).name == "kidney right"


def test_a_segment_that_is_gone_is_said_to_be(node):
    with pytest.raises(InputError, match="check the names again"):
        naming_of(node, "liver")


def test_the_bundled_case_in_the_scene_means_what_it_means_to_the_core(mini, sample_folder, sample_labels):
    segmentation = read_segmentation(sample_folder / "segmentation_multilabel.nii.gz")
    volume = mini.load_ct()
    names = {n: s.name for n, s in enumerate(segmentation.segments, start=1)}
    labels = np.zeros(sample_labels.shape, np.uint8)
    for value, segment in enumerate(segmentation.segments, start=1):
        labels[segment.full_mask()] = value
    affine = segmentation.segments[0].grid.affine
    made = mini.add_segmentation([(labels, affine, names)], volume)
    found = read_segments(made, volume)
    for segment in segmentation.segments:
        assert found[segment.name].structure == segment.structure, segment.name


def test_what_the_user_chose_counts_before_the_rule(mini):
    volume = mini.add_volume(np.zeros((3, 4, 5), np.int16), np.eye(4))
    made = mini.add_segmentation([(np.ones((3, 4, 5), np.uint8), np.eye(4), {1: "liver"})], volume)
    spleen = identify("spleen")
    assert read_segments(made, volume, organs={"liver": spleen})["liver"].structure == spleen.structure


def test_segments_made_by_slicer_are_taken_for_what_their_name_or_their_entry_says(mini):
    made = mini.scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "New")
    segmentation = made.GetSegmentation()
    plain = segmentation.AddEmptySegment("", "aorta")
    coded = segmentation.AddEmptySegment("", "Segment_2")
    segmentation.GetSegment(coded).SetTerminology(terminology_for(resolve("liver").structure))
    found = identify_segments(made)
    assert str(found[plain].structure) == "aorta" and str(found[coded].structure) == "liver"


@pytest.mark.parametrize(
    ("before", "others", "expected"),
    [
        ("lung_right", (), "kidney_left"),
        ("Lung_Right", (), "Kidney_Left"),
        ("lung right", ("a_b", "c_d"), "kidney left"),
        ("spleen", ("lung_upper_lobe_left", "aorta", "kidney_right"), "kidney_left"),
        ("spleen", ("aorta",), "kidney left"),
    ],
)
def test_a_new_name_is_spelt_as_the_old_one_or_else_as_the_others_of_the_file(before, others, expected):
    kidney = resolve("kidney_left").structure
    assert naming_for(kidney, Naming(before, ""), others).name == expected
