"""DICOM masks that are damaged, or no masks: one sentence, whatever is wrong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
from dicom_files import CT, TWO, Contour, blobs, cut_short, read, rectangle, write_rtstruct, write_seg
from pydicom.uid import UID

from segae.errors import InputError
from segae.io.ct import read_ct
from segae.io.segmentation import read_segmentation


@pytest.mark.parametrize("kind", ["SEG", "RTSTRUCT"])
def test_changed_bytes_end_in_a_sentence_or_in_masks(tmp_path: Path, ct: CT, kind: str):
    if kind == "SEG":
        path = write_seg(tmp_path / "x.dcm", ct, blobs(), TWO)
    else:
        drawn = {name: [Contour(2, rectangle(3, 4, 9, 12))] for name in ("Liver", "Spleen")}
        path = write_rtstruct(tmp_path / "x.dcm", ct, drawn)
    whole, rng, refused = path.read_bytes(), np.random.default_rng(4), 0
    place = read_ct(ct.folder).place
    for _ in range(150):
        damaged = bytearray(whole)
        for at in rng.integers(132, len(whole), rng.integers(1, 6)):
            damaged[at] = rng.integers(256)
        path.write_bytes(bytes(damaged))
        try:
            read_segmentation(path, ct=place)
        except InputError as error:
            refused += 1
            assert str(error).endswith(".") and "\n" not in str(error)
    assert refused > 20


def test_a_file_that_is_cut_short_ends_in_a_sentence(tmp_path: Path, ct: CT):
    path = write_seg(tmp_path / "seg.dcm", ct, blobs(), TWO)
    for _ in cut_short(path, (0.2, 0.5, 0.9, 0.99)):
        with pytest.raises(InputError, match=r"seg\.dcm") as caught:
            read(path, ct)
        assert str(caught.value).endswith(".") and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "missing",
    ["SegmentSequence", "PixelData", "PerFrameFunctionalGroupsSequence", "SharedFunctionalGroupsSequence",
     "SegmentationType", "Rows", "NumberOfFrames", "BitsAllocated"],
)  # fmt: skip
def test_an_object_without_what_it_must_have_ends_in_a_sentence(tmp_path: Path, ct: CT, missing: str):
    path = write_seg(tmp_path / "seg.dcm", ct, blobs(), TWO)
    data = pydicom.dcmread(path)
    del data[missing]
    data.save_as(path)
    with pytest.raises(InputError, match=r"seg\.dcm") as caught:
        read(path, ct)
    assert str(caught.value).endswith(".") and "\n" not in str(caught.value)


def test_other_objects_in_dicom_are_no_masks_and_called_what_they_are(tmp_path: Path, ct: CT):
    capture = pydicom.dcmread(ct.folder / "IM000")
    capture.SOPClassUID = capture.file_meta.MediaStorageSOPClassUID = UID("1.2.840.10008.5.1.4.1.1.7")
    capture.save_as(tmp_path / "capture.dcm")
    with pytest.raises(InputError, match=r"DICOM \(Secondary Capture Image Storage\).*SEG"):
        read(tmp_path / "capture.dcm", ct)
