"""What names the values of a label map: what was asked for, the file itself, or a file beside it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import SimpleITK

from segae.data import Segmentation
from segae.io.segmentation import read_segmentation

MULTILABEL = (
    Path(__file__).parents[3]
    / "SegAE/Resources/SampleData/totalsegmentator_s0001/segmentation_multilabel.nii.gz"
)


def write(path: Path, *values: int) -> Path:
    array = np.zeros((4, 6, 30), np.uint8)
    for n, value in enumerate(values):
        array[1:3, 2:4, 3 * n : 3 * n + 2] = value
    path.parent.mkdir(parents=True, exist_ok=True)
    SimpleITK.WriteImage(SimpleITK.GetImageFromArray(array), str(path))
    return path


def names_of(segmentation: Segmentation) -> dict[str, str]:
    return {s.name: str(s.structure) for s in segmentation.segments}


def codes(segmentation: Segmentation) -> list[tuple[str, str]]:
    return [(finding.code, finding.severity) for finding in segmentation.findings]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"EchoTime": 0.1}', "no names at all"])
def test_a_useless_file_beside_a_mask_costs_nothing_and_is_told(tmp_path: Path, text: str) -> None:
    mask = write(tmp_path / "liver.nii.gz", 1)
    (tmp_path / "liver.json").write_text(text)
    read = read_segmentation(mask)
    assert names_of(read) == {"liver": "liver"}
    assert codes(read) == [("NAMES_NOT_USED", "info")]
    assert "liver.json" in read.findings[0].message


def test_a_file_beside_a_mask_does_not_overrule_its_name(tmp_path: Path) -> None:
    mask = write(tmp_path / "liver.nii.gz", 1)
    (tmp_path / "liver.json").write_text('{"1": "spleen"}')
    read = read_segmentation(mask)
    assert names_of(read) == {"liver": "liver"}
    assert codes(read) == [("NAMES_NOT_USED", "warning")]
    assert names_of(read_segmentation(mask, names=tmp_path / "liver.json")) == {"spleen": "spleen"}


def test_a_file_beside_a_mask_does_not_overrule_its_header(tmp_path: Path) -> None:
    mask = tmp_path / "case.nii.gz"
    mask.write_bytes(MULTILABEL.read_bytes())
    (tmp_path / "case.csv").write_text("value,name\n1,stomach\n")
    read = read_segmentation(mask)
    assert names_of(read) == names_of(read_segmentation(MULTILABEL))
    assert codes(read) == [("NAMES_NOT_USED", "info")]


def test_a_file_beside_a_slicer_segmentation_does_not_overrule_its_segments(
    sample_dir: Path, tmp_path: Path
) -> None:
    mask = tmp_path / "case.seg.nrrd"
    mask.write_bytes((sample_dir / "segmentation.seg.nrrd").read_bytes())
    (tmp_path / "case.json").write_text('{"1": "stomach"}')
    assert len(read_segmentation(mask).segments) > 5


def test_a_file_beside_a_label_map_names_its_values_and_that_is_told(tmp_path: Path) -> None:
    mask = write(tmp_path / "case.nii.gz", 1, 2)
    (tmp_path / "case.ctbl").write_text("1 liver 1 2 3 255\n2 spleen 1 2 3 255\n")
    read = read_segmentation(mask)
    assert names_of(read) == {"liver": "liver", "spleen": "spleen"}
    assert codes(read) == [("NAMES_FOUND", "info")]


@pytest.mark.parametrize("place", ["dataset.json", "labelsTr/dataset.json"])
def test_the_dataset_json_of_nnunet_names_the_values(tmp_path: Path, place: str) -> None:
    mask = write(tmp_path / "labelsTr/case_001.nii.gz", 1, 2, 3)
    labels = {"background": 0, "liver": [1, 2], "cancer": 2, "ignore": 3}
    (tmp_path / place).write_text(json.dumps({"labels": labels}))
    read = read_segmentation(mask)
    assert names_of(read) == {"liver": "liver", "cancer": "None", "ignore": "None"}
    liver, cancer, _ = read.segments
    assert [np.count_nonzero(segment.voxels()) for segment in (liver, cancer)] == [16, 8]


def test_two_values_of_one_name_stay_two_segments(tmp_path: Path) -> None:
    mask = write(tmp_path / "case.nii.gz", 1, 5)
    (tmp_path / "names.csv").write_text("value,name\n1,liver\n5,liver\n")
    read = read_segmentation(mask, names=tmp_path / "names.csv")
    assert names_of(read) == {"liver [1]": "liver", "liver [5]": "liver"}
    assert read.findings[0].code == "SAME_NAME"
    assert read.findings[0].segments == ("liver [1]", "liver [5]")
