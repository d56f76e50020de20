"""The formats of image files that can be read. To add one: its file beside this one, and a line here."""

from __future__ import annotations

from pathlib import Path

from segae.errors import InputError
from segae.geometry.grid import Grid
from segae.io.image import ImageReader, StoredImage
from segae.io.metaimage import METAIMAGE
from segae.io.nifti import NIFTI
from segae.io.nrrd import NRRD

IMAGE_READERS: tuple[ImageReader, ...] = (NIFTI, NRRD, METAIMAGE)
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
    return _reader_of(path).read(path, layers=layers)


def read_grid(path: Path) -> Grid:
    """The grid of an image file, from its header alone. Raises `InputError` like `read_image`."""
    return _reader_of(path).read_grid(path)


def _reader_of(path: Path) -> ImageReader:
    if not path.exists():
        raise InputError(f'There is no file "{path}"; check the path.')
    if not path.is_file():
        raise InputError(f'"{path}" is a folder, not an image file; give one file.')
    for reader in IMAGE_READERS:
        if reader.can_read(path):
            return reader
    # SimpleITK alone might read another file beside it, with a known ending.
    raise InputError(f'"{path}" is no image by its name; expected is an ending of {", ".join(SUFFIXES)}.')
