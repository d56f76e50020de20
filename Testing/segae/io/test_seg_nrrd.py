"""Segments of .seg.nrrd files: names, terminology, overlapping layers, cropped files."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from segae.errors import InputError
from segae.io.segmentation import read_segmentation

HEADER = """NRRD0004
type: unsigned char
dimension: 4
space: left-posterior-superior
sizes: {layers} {size}
space directions: none (-1,0,0) (0,-2,0) (0,0,3)
kinds: list domain domain domain
encoding: gzip
space origin: {origin}
"""
LIVER = "General Anatomy list~SCT^123037004^Anatomical Structure~SCT^10200004^Liver~^^~Anatomic codes~^^~^^"
TISSUE = "General Anatomy list~SCT^85756007^Tissue~SCT^85756007^Tissue~^^~Anatomic codes~^^~^^"
KIDNEY = LIVER.replace("10200004^Liver", "64033007^Kidney")
TUMOUR = LIVER.replace("SCT^123037004^Anatomical Structure", "SCT^49755003^Morphologically Altered Structure")


def write(path: Path, layers: np.ndarray, segments: list[dict], origin="(-5,-6,7)", **fields: str) -> Path:
    """A file as 3D Slicer writes it; `layers`[layer, k, j, i]."""
    n_layers, nk, nj, ni = layers.shape
    lines = [HEADER.format(layers=n_layers, size=f"{ni} {nj} {nk}", origin=origin)]
    for n, segment in enumerate(segments):
        lines += [f"Segment{n}_{key}:={value}\n" for key, value in segment.items()]
    lines += [f"{key}:={value}\n" for key, value in fields.items()]
    data = np.ascontiguousarray(np.moveaxis(layers, 0, -1)).tobytes()
    path.write_bytes("".join([*lines, "\n"]).encode() + gzip.compress(data))
    return path


def two_layers() -> np.ndarray:
    layers = np.zeros((2, 6, 8, 10), np.uint8)
    layers[0, 2:4, 1:5, 3:8] = 1
    layers[0, 0, 0, 0] = 2
    layers[1, 2:4, 3:7, 3:8] = 1
    return layers


OVERLAPPING = [
    {"ID": "a", "Name": "liver", "Layer": 0, "LabelValue": 1, "Tags": f"TerminologyEntry:{TISSUE}|"},
    {"ID": "b", "Name": "aorta", "Layer": 0, "LabelValue": 2},
    {"ID": "c", "Name": "spleen", "Layer": 1, "LabelValue": 1},
]


def test_overlapping_segments_are_read_from_their_layers(tmp_path):
    layers = two_layers()
    segments = read_segmentation(write(tmp_path / "s.seg.nrrd", layers, OVERLAPPING)).segments
    assert [str(s.structure) for s in segments] == ["liver", "aorta", "spleen"]
    for segment, mask in zip(segments, (layers[0] == 1, layers[0] == 2, layers[1] == 1), strict=True):
        np.testing.assert_array_equal(segment.full_mask(), mask)
    affine = [[1, 0, 0, 5], [0, 2, 0, 6], [0, 0, 3, 7], [0, 0, 0, 1]]
    np.testing.assert_allclose(segments[0].grid.affine, affine)


def test_a_cropped_file_is_put_back_on_its_reference_grid(tmp_path):
    whole = read_segmentation(write(tmp_path / "w.seg.nrrd", two_layers(), OVERLAPPING)).segments
    cropped = two_layers()[:, 1:5, 1:8, 3:9]
    path = write(
        tmp_path / "c.seg.nrrd", cropped, [OVERLAPPING[0], OVERLAPPING[2]], origin="(-8,-8,10)",
        Segmentation_ReferenceImageExtentOffset="3 1 1",
        Segmentation_ConversionParameters="Smoothing factor|0.5|text&Reference image geometry|"
        "1;0;0;5;0;2;0;6;0;0;3;7;0;0;0;1;0;9;0;7;0;5;|text&",
    )  # fmt: skip
    segments = read_segmentation(path).segments
    for segment, expected in zip(segments, (whole[0], whole[2]), strict=True):
        np.testing.assert_allclose(segment.grid.affine, expected.grid.affine)
        np.testing.assert_array_equal(segment.full_mask(), expected.full_mask())


def test_files_from_before_shared_layers_have_a_layer_per_segment(tmp_path):
    old = [{"ID": "liver", "Name": "liver"}, {"ID": "spleen", "Name": "spleen"}]
    layers = (two_layers() == 1).astype(np.uint8)
    segments = read_segmentation(write(tmp_path / "s.seg.nrrd", layers, old)).segments
    for segment, mask in zip(segments, layers, strict=True):
        np.testing.assert_array_equal(segment.full_mask(), mask > 0)


@pytest.mark.parametrize(
    ("segment", "structure", "reason"),
    [
        ({"Name": "Segment_1", "Tags": f"A:b|TerminologyEntry:{LIVER}|C:d"}, "liver", "SNOMED 10200004"),
        ({"Name": "kidney left", "Tags": f"TerminologyEntry:{KIDNEY}|"}, "kidney left", "name"),
        ({"Name": "liver", "Tags": f"TerminologyEntry:{KIDNEY}|"}, "None", "kidney left"),
        ({"Name": "liver", "Tags": f"TerminologyEntry:{TUMOUR}|"}, "None", "lesion"),
        ({"Name": "liver", "Tags": "TerminologyEntry:rubbish|"}, "liver", "name"),
        ({"Name": "links", "ID": "kidney_left"}, "kidney left", "name"),
        ({"Name": "blorb"}, "None", "blorb"),
    ],
)  # fmt: skip
def test_terminology_counts_first_and_names_settle_what_it_leaves_open(tmp_path, segment, structure, reason):
    known = {"ID": "z", "Name": "spleen", "Layer": 1, "LabelValue": 1}
    tested = {"ID": "Segment_1", "Layer": 0, "LabelValue": 1} | segment
    first, _ = read_segmentation(write(tmp_path / "s.seg.nrrd", two_layers(), [tested, known])).segments
    assert str(first.structure) == structure
    assert reason in first.reason


def test_a_segment_without_voxels_is_empty(tmp_path):
    segments = [*OVERLAPPING, {"ID": "d", "Name": "stomach", "Layer": 1, "LabelValue": 5}]
    assert read_segmentation(write(tmp_path / "s.seg.nrrd", two_layers(), segments)).segments[3].is_empty


@pytest.mark.parametrize("field", [{"Layer": 7}, {"Layer": "x"}, {"LabelValue": "1.5"}])
def test_fields_that_do_not_fit_are_refused(tmp_path, field):
    path = write(tmp_path / "s.seg.nrrd", two_layers(), [OVERLAPPING[0] | field])
    with pytest.raises(InputError, match="save it again"):
        read_segmentation(path)


def test_a_cut_file_is_refused(tmp_path):
    path = write(tmp_path / "s.seg.nrrd", two_layers(), OVERLAPPING)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(InputError, match="cut short or damaged"):
        read_segmentation(path)
