"""Names and terminology of segments, corrected and put back."""

from __future__ import annotations

import numpy as np
import pytest

from segae.errors import InputError
from segae.labels import resolve
from segae.labels.table import offered_structures
from segae.labels.terminology import resolve_terminology, terminology_for
from SegAELib.mrml.segment_names import Naming, guess_organs, naming_for, naming_of, set_naming


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
    assert guess_organs(node)["vertebrae_T5"].structure == new
    set_naming(node, "vertebrae_T5", before)
    assert naming_of(node, "vertebrae_T5") == before
    assert guess_organs(node)["vertebrae_T5"].structure == resolve("vertebrae_T5").structure


def test_the_new_name_is_spelt_as_the_old_one():
    new = resolve("kidney_right").structure
    assert naming_for(new, Naming("kidney_left", "")).name == "kidney_right"
    assert naming_for(new, Naming("left kidney", "")).name == "kidney right"


@pytest.mark.parametrize("structure", [s for s in offered_structures() if s.snomed[0]], ids=str)
def test_the_terminology_of_a_structure_means_that_structure(structure):
    found = resolve_terminology(terminology_for(structure))
    assert found is not None and found.structure == structure


def test_a_segment_that_is_gone_is_said_to_be(node):
    with pytest.raises(InputError, match="check the names again"):
        naming_of(node, "liver")
