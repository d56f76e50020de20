"""Masks and their names from every layout: one file, a folder, label maps with names, bare label maps."""

import gzip
import json
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK

from segae.data import Segment, Segmentation
from segae.errors import InputError
from segae.io.segmentation import read_segmentation

SAMPLE = Path(__file__).parents[3] / "SegAE/Resources/SampleData/totalsegmentator_s0001"
MULTILABEL = SAMPLE / "segmentation_multilabel.nii.gz"


def write(array, path: Path) -> Path:
    SimpleITK.WriteImage(SimpleITK.GetImageFromArray(np.asarray(array)), str(path))
    return path


def blocks(*values: float, kind: str = "uint8") -> np.ndarray:
    """Array of 4 x 6 x 30 with a block of 8 voxels of each value, side by side."""
    array = np.zeros((4, 6, 30), kind)
    for n, value in enumerate(values):
        array[1:3, 2:4, 3 * n : 3 * n + 2] = value
    return array


def names_of(segmentation: Segmentation) -> dict[str, str | None]:
    return {s.name: None if s.structure is None else s.structure.name for s in segmentation.segments}


def only_segment(segmentation: Segmentation) -> Segment:
    (segment,) = segmentation.segments
    return segment


def refused(path: Path, match: str, **options) -> None:
    with pytest.raises(InputError, match=match) as caught:
        read_segmentation(path, **options)
    assert "\n" not in str(caught.value)
    assert path.name in str(caught.value)


# ---- one binary file


@pytest.mark.parametrize("value", [1, 255, 7])
@pytest.mark.parametrize("kind", ["uint8", "int16", "float32"])
@pytest.mark.parametrize("file", ["m.nii.gz", "m.nii", "m.nrrd", "m.mha"])
def test_a_binary_file_with_a_name(tmp_path, file, kind, value):
    path = write(blocks(value, kind=kind), tmp_path / file)
    segment = only_segment(read_segmentation(path, name="liver"))
    assert segment.structure is not None and segment.structure.name == "liver"
    np.testing.assert_array_equal(segment.full_mask(), blocks(1) > 0)
    assert segment.source == str(tmp_path / file)


def test_a_binary_file_is_named_by_its_file_name():
    path = SAMPLE / "segmentations/kidney_left.nii.gz"
    segment = only_segment(read_segmentation(path))
    assert (segment.name, str(segment.structure)) == ("kidney_left", "kidney left")
    expected = np.asarray(nibabel.Nifti1Image.from_filename(path).dataobj)
    np.testing.assert_array_equal(segment.full_mask(), expected.T > 0)


def test_a_name_that_means_nothing_is_an_error(tmp_path):
    path = write(blocks(1), tmp_path / "mask.nii.gz")
    refused(path, "cannot be scored")
    refused(path, "cannot be scored", name="blorb")
    refused(path, "kidney left", name="kidney")


def test_an_empty_mask_is_read_as_empty(tmp_path):
    assert only_segment(read_segmentation(write(blocks(), tmp_path / "liver.nii.gz"))).is_empty


def test_probabilities_are_no_mask(tmp_path):
    refused(write(blocks(0.5, 1, kind="float32"), tmp_path / "liver.nii.gz"), "holds 0.5 and is no mask")
    refused(write(blocks(0.5, kind="float64"), tmp_path / "m.nrrd"), "holds 0.5", name="liver")
    refused(write(blocks(0.5, 1, kind="float32"), tmp_path / "labels.nii.gz"), "holds 0.5")
    refused(write(blocks(np.nan, 1, kind="float32"), tmp_path / "spleen.nii.gz"), "no labels")


@pytest.mark.parametrize("values", [(1, 2), (-1, 1)])
def test_a_binary_file_holds_one_value_only(tmp_path, values):
    refused(write(blocks(*values, kind="int16"), tmp_path / "liver.nii.gz"), "more than 0 and one other")


def test_a_cut_mask_is_an_error(tmp_path):
    path = tmp_path / "liver.nii.gz"
    path.write_bytes((SAMPLE / "segmentations/liver.nii.gz").read_bytes()[:400])
    refused(path, "cut short")
    refused(tmp_path / "spleen.nii.gz", "There is no file")


# ---- a folder


def test_the_sample_folder_gives_every_mask_once_and_says_what_it_could_not_name():
    segmentation = read_segmentation(SAMPLE / "segmentations")
    assert len(segmentation.segments) == 117
    structures = names_of(segmentation)
    assert structures["rib_left_10"] == "costa 10 left"
    unnamed = [s for s in segmentation.segments if s.structure is None]
    assert {"vertebrae_S1", "kidney_cyst_left", "thyroid_gland"} <= {s.name for s in unnamed}
    assert all(s.name in s.reason for s in unnamed)
    assert sum(not s.is_empty for s in segmentation.segments) > 30


def test_other_files_in_a_folder_are_left_alone(tmp_path):
    write(blocks(1), tmp_path / "liver.nii.gz")
    write(blocks(1), tmp_path / "spleen.mha")
    write(blocks(-1000, 40, kind="int16"), tmp_path / "ct.nii.gz")
    (tmp_path / "statistics.json").write_text("{}")
    assert names_of(read_segmentation(tmp_path)) == {"liver": "liver", "spleen": "spleen"}


def test_only_reads_what_was_asked_for_by_any_name(tmp_path):
    write(blocks(1), tmp_path / "rib_left_7.nii.gz")
    (tmp_path / "spleen.nii.gz").write_text("never looked at")
    assert names_of(read_segmentation(tmp_path, only=["costa 7 left"])) == {"rib_left_7": "costa 7 left"}
    refused(tmp_path, "none of the masks stomach", only=["stomach"])
    assert list(names_of(read_segmentation(MULTILABEL, only=["liver"]))) == ["liver"]


def test_folders_without_masks_are_refused(tmp_path):
    refused(tmp_path, "no mask files")
    write(blocks(1), tmp_path / "blorb.nii.gz")
    refused(tmp_path, "No file name in .* is a known structure")
    refused(SAMPLE, "give .*segmentations")
    refused(SAMPLE / "segmentations", "files name the masks", name="liver")


# ---- label maps with names


def test_names_come_from_the_nifti_header():
    segmentation = read_segmentation(MULTILABEL)
    assert len(segmentation.segments) == 41
    expected = np.asarray(nibabel.Nifti1Image.from_filename(MULTILABEL).dataobj).T
    spleen = next(s for s in segmentation.segments if s.name == "spleen")
    np.testing.assert_array_equal(spleen.full_mask(), expected == 1)
    assert names_of(segmentation)["kidney_right"] == "kidney right"


def test_names_come_from_the_header_of_an_uncompressed_file_too(tmp_path):
    for name in ("labels.nii", "labels.nii.gz"):
        (tmp_path / name).write_bytes(gzip.decompress(MULTILABEL.read_bytes()))
        assert names_of(read_segmentation(tmp_path / name)) == names_of(read_segmentation(MULTILABEL))


def test_a_damaged_label_table_in_the_header_is_told(tmp_path):
    path = tmp_path / "labels.nii"
    path.write_bytes(gzip.decompress(MULTILABEL.read_bytes()).replace(b'<Label Key="3"', b'<Label Key="x"'))
    refused(path, "label table in the header .* is damaged")


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("n.json", '{"1": "liver", "2": "spleen", "0": "background"}'),
        ("n.json", '{"liver": 1, "spleen": 2}'),
        ("n.json", '{"labels": {"background": 0, "liver": 1, "spleen": 2}, "file_ending": ".nii.gz"}'),
        ("n.json", '{"labels": {"0": "background", "1": "liver", "2": "spleen"}}'),
        ("n.csv", "value,name\n1,liver\n2,spleen\n"),
        ("n.csv", "\ufeffName;Colour;Label\nliver;red;1\nspleen;blue;2\n"),
        ("n.csv", "1,liver\n2,spleen"),
        ("n.csv", "liver\t1\nspleen\t2\n"),
    ],
)
def test_names_come_from_a_file_given_or_beside_the_mask(tmp_path, file, text):
    mask = write(blocks(1, 2), tmp_path / "case.nii.gz")
    names = tmp_path / file
    names.write_text(text, encoding="utf-8")
    assert names_of(read_segmentation(mask, names=names)) == {"liver": "liver", "spleen": "spleen"}
    names.rename(tmp_path / ("case" + names.suffix))
    assert names_of(read_segmentation(mask)) == {"liver": "liver", "spleen": "spleen"}


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"a": "b"}', '{"1": 2.5}', "\x00"])
def test_a_file_given_without_names_is_refused(tmp_path, text):
    mask = write(blocks(1, 2), tmp_path / "case.nii.gz")
    (tmp_path / "names.json").write_text(text)
    with pytest.raises(InputError, match=r"names\.json"):
        read_segmentation(mask, names=tmp_path / "names.json")


def test_a_value_with_two_names_is_refused(tmp_path):
    mask = write(blocks(1, 2), tmp_path / "case.nii.gz")
    (tmp_path / "names.csv").write_text("value,name\n1,liver\n1,spleen\n")
    with pytest.raises(InputError, match=r'names 1 both "liver" and "spleen"'):
        read_segmentation(mask, names=tmp_path / "names.csv")


def test_values_without_a_name_and_unknown_names_become_segments_without_structure(tmp_path):
    mask = write(blocks(1, 2, 9), tmp_path / "case.nii.gz")
    (tmp_path / "case.json").write_text(json.dumps({"1": "liver", "2": "blorb"}))
    segments = {s.name: s for s in read_segmentation(mask).segments}
    assert str(segments["liver"].structure) == "liver"
    assert segments["blorb"].structure is None and "blorb" in segments["blorb"].reason
    assert segments["label 9"].structure is None and "no name" in segments["label 9"].reason
    (tmp_path / "case.json").write_text(json.dumps({"1": "blorb", "2": "blarb"}))
    refused(mask, "No label in .* is a known structure")


# ---- bare label maps


def test_values_that_nothing_names_are_refused_with_the_values_and_what_to_give(tmp_path):
    path = write(blocks(1, 12, 18, kind="int32"), tmp_path / "labels.nii.gz")
    refused(path, r"holds the values 1, 12, 18, .* give --names .* dap, totalsegmentator_v1, ")
    refused(write(blocks(5), tmp_path / "one.nii.gz"), "holds the values 5, ")
    refused(write(blocks(*range(2, 11)), tmp_path / "many.nii.gz"), "8, 9 and 1 more")


def test_a_named_scheme_says_what_values_stand_for(tmp_path):
    path = write(blocks(1, 12, 18, kind="int32"), tmp_path / "labels.nii.gz")
    by_dap = read_segmentation(path, names="dap")
    assert [s.structure.index for s in by_dap.segments if s.structure] == [12, 18]
    assert names_of(read_segmentation(path, names="amos")) == {
        "spleen": "spleen", "left adrenal gland": "adrenal gland left", "label 18": None,
    }  # fmt: skip
    with pytest.raises(InputError, match=r'no file "atlas".* one of dap, '):
        read_segmentation(path, names="atlas")


def test_a_layout_says_what_values_stand_for_unless_the_file_itself_does(tmp_path):
    path = write(blocks(12, 200), tmp_path / "some.nii.gz")
    assert names_of(read_segmentation(path, values="dap")) == {
        "gallbladder": "gallbladder", "label 200": None,
    }  # fmt: skip
    assert names_of(read_segmentation(MULTILABEL, values="dap")) == names_of(read_segmentation(MULTILABEL))
    refused(write(blocks(200, 201), tmp_path / "none.nii.gz"), "No label in .* is a known structure",
            values="dap")  # fmt: skip


@pytest.mark.parametrize("values", [(-3, 5), (70_000, 5)])
def test_an_image_is_no_label_map(tmp_path, values):
    refused(write(blocks(*values, kind="int32"), tmp_path / "image.nii.gz"), "no labels")


def test_a_ct_given_as_mask_is_refused():
    refused(SAMPLE / "ct.nii.gz", "no labels")
