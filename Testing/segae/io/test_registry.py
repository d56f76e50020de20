"""Every reader says what it reads and what it refuses, and every door of the program goes through them."""

from __future__ import annotations

from pathlib import Path

import pytest

from segae.io.image import ImageReader
from segae.io.masks import MaskReader
from segae.io.readers import CT_READERS, IMAGE_READERS
from segae.io.segmentation import MASK_READERS

PACKAGES = Path(__file__).parents[3]


@pytest.mark.parametrize("reader", [*CT_READERS, *MASK_READERS], ids=lambda reader: reader.name)
def test_a_reader_describes_itself_in_a_sentence_each(reader: ImageReader | MaskReader) -> None:
    assert reader.suffixes and all(suffix.startswith(".") for suffix in reader.suffixes)
    for text in (reader.description, reader.limits):
        assert text[0].isupper() and text.endswith(".") and "\n" not in text


def test_a_ct_may_be_all_that_a_mask_may_be_and_a_dicom_folder() -> None:
    assert set(IMAGE_READERS) < set(CT_READERS)
    assert [reader.name for reader in CT_READERS if reader.takes_folder] == ["DICOM"]


def test_images_are_read_nowhere_but_in_the_registry() -> None:
    """No product file reads an image with SimpleITK or nibabel by itself, but the one that unpacks DICOM."""
    calls = (
        "SimpleITK.ReadImage",
        "ImageFileReader(",
        "ImageSeriesReader(",
        "nibabel.load",
        "from_filename(",
    )
    found = {
        path.name
        for package in ("SegAE/segae", "SegAE/SegAELib", "SegAETrainer/segae_trainer")
        for path in (PACKAGES / package).rglob("*.py")
        if any(call in path.read_text(encoding="utf-8") for call in calls)
    }
    assert found == {"dicom_unpack.py"}
