"""The formats of image files that can be read. To add one: its file beside this one, and a line here."""

from __future__ import annotations

from pathlib import Path

from segae.errors import InputError
from segae.geometry.grid import Grid
from segae.io.content import format_of, is_of_a_pair, start_of
from segae.io.dicom import DICOM
from segae.io.dicom_slices import kind_of, sop_class
from segae.io.image import ImageReader, StoredImage
from segae.io.metaimage import METAIMAGE
from segae.io.nifti import NIFTI
from segae.io.nrrd import NRRD

IMAGE_READERS: tuple[ImageReader, ...] = (NIFTI, NRRD, METAIMAGE)
CT_READERS: tuple[ImageReader, ...] = (*IMAGE_READERS, DICOM)
SUFFIXES = tuple(suffix for reader in IMAGE_READERS for suffix in reader.suffixes)
_STEM_SUFFIXES = (".seg.nrrd", *sorted(SUFFIXES, key=len, reverse=True))


def is_image_name(path: Path) -> bool:
    """Whether the name ends like an image file that can be read here."""
    return any(reader.can_read(path) for reader in IMAGE_READERS)


def is_hidden(path: Path) -> bool:
    """Whether a file or folder is none of the data: dot files, macOS's "._liver.nii.gz" among them, and the
    folder __MACOSX of its archives."""
    return path.name.startswith(".") or path.name == "__MACOSX"


def stem(path: Path) -> str:
    """File name without its image extension: "liver" for liver.nii.gz and for liver.seg.nrrd."""
    name = path.name
    for suffix in _STEM_SUFFIXES:
        if name.lower().endswith(suffix):
            return name[: -len(suffix)]
    return path.stem


def read_image(path: Path, *, layers: bool = False) -> StoredImage:
    """Read one three-dimensional scalar image; with `layers` also the 4D arrays of `.seg.nrrd` files.

    Raises `InputError` when the file is missing, is no image, is cut short, or is 2D, 4D or coloured.
    """
    return _reader_of(path, IMAGE_READERS).read(path, layers=layers)


def read_ct_image(path: Path, series: str | None = None) -> StoredImage:
    """Read a CT as it is stored: an image file, a DICOM file with several frames, or a folder with a DICOM
    series, which `series` chooses. Raises `InputError` like `read_image`."""
    return _reader_of(path, CT_READERS).read(path, series=series)


def read_grid(path: Path) -> Grid:
    """The grid of an image file or of a folder with a DICOM series, from its header alone.

    Raises `InputError` like `read_image`.
    """
    return _reader_of(path, CT_READERS).read_grid(path)


def _reader_of(path: Path, readers: tuple[ImageReader, ...]) -> ImageReader:
    if path.is_dir():
        reader = next((reader for reader in readers if reader.takes_folder), None)
        if reader is not None:
            return reader
    start = start_of(path)
    found = format_of(start)
    for reader in readers:
        if reader.can_read(path) or (reader.takes_folder and found == reader.name):
            return reader
    todo = f"expected is an ending of {', '.join(SUFFIXES)}"
    known = next((reader for reader in CT_READERS if reader.name == found), None)
    if known is not None and known not in readers:
        raise InputError(
            f'"{path}" is {kind_of(sop_class(path) or "")} and holds no masks; give a DICOM segmentation '
            "(SEG), a structure set (RTSTRUCT), or masks as .nii.gz or .seg.nrrd."
        )
    if known is not None:
        todo = f"by its content it is {known.name}, so rename it to end in {known.suffixes[-1]}"
    elif is_of_a_pair(path, start):
        raise InputError(
            f'"{path}" is one half of a header/image pair (.hdr and .img), and such pairs are not read; '
            "convert the pair to one .nii.gz file."
        )
    raise InputError(f'"{path}" is no image by its name; {todo}.')
