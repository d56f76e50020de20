"""Named schemes: their names are the table's, and well-known values stand where they belong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK

from segae.io.segmentation import read_segmentation
from segae.labels import load_structures
from segae.labels.identify import identify
from segae.labels.schemes import DAP, schemes
from segae.labels.structure import Structure
from segae.labels.table import LabelTable


@pytest.mark.parametrize(
    ("scheme", "n", "values"),
    [
        ("dap", 143, {13: "liver", 26: "spleen"}),
        ("totalsegmentator_v1", 104, {5: "liver", 22: "vertebrae L1", 64: "costa 7 left", 104: "bladder"}),
        ("totalsegmentator_v2", 117, {5: "liver", 31: "vertebrae L1", 98: "costa 7 left", 116: "sternum"}),
        ("vista3d", 127, {1: "liver", 37: "vertebrae L1", 69: "costa 7 left", 122: "sternum"}),
        ("amos", 15, {1: "spleen", 6: "liver", 14: "bladder"}),
        ("btcv", 13, {1: "spleen", 6: "liver", 10: "portal vein and splenic vein", 11: "pancreas"}),
        ("flare22", 13, {1: "liver", 3: "spleen", 13: "kidney left"}),
        ("moose", 19, {8: "liver", 15: "spleen", 17: "thyroid left"}),
    ],
)
def test_values_of_a_scheme_mean_the_right_structures(scheme: str, n: int, values: dict[int, str]) -> None:
    names = schemes()[scheme].names
    assert len(names) == n
    assert {value: str(identify(names[value]).structure) for value in values} == values


@pytest.mark.parametrize("version", ["totalsegmentator_v1", "totalsegmentator_v2"])
def test_totalsegmentator_s_names_are_those_of_the_label_table(version: str) -> None:
    named = {getattr(structure, version) for structure in load_structures()} - {""}
    assert named <= set(schemes()[version].names.values())


def test_most_names_of_every_scheme_are_known() -> None:
    for scheme in schemes().values():
        found = [identify(name).structure for name in scheme.names.values()]
        known = [structure for structure in found if structure is not None]
        assert len(known) >= 0.75 * len(found), scheme.key
        assert len(known) == len(set(known)), scheme.key


def test_indices_of_structures_of_ones_own_stand_for_them_in_a_label_map(tmp_path: Path) -> None:
    table = LabelTable.default().extended([Structure(150, "parotid left", "left")])
    image = SimpleITK.GetImageFromArray(np.array([[[0, 13, 150]]], np.uint8))
    SimpleITK.WriteImage(image, str(tmp_path / "labels.nii.gz"))
    read = read_segmentation(tmp_path / "labels.nii.gz", values=DAP, table=table)
    assert [segment.name for segment in read.segments] == ["liver", "parotid left"]
    assert all(segment.structure is not None for segment in read.segments)
