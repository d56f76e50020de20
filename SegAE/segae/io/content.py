"""What a file is by its content: the true cause when it cannot be read as what its name says."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

from segae.errors import InputError
from segae.files import reason
from segae.io.stream import is_gzip

_START = 1024  # bytes that tell a format
_AGAIN = "download or copy it again from its source"

# Beginning, what such a file is, and what to do.
_KINDS: tuple[tuple[bytes, str, str], ...] = (
    (
        b"version https://git-lfs",
        "only a Git LFS pointer to an image",
        'fetch the image with "git lfs pull"',
    ),
    (b"\0\5\x16\7", "a macOS metadata file (AppleDouble) and no image", "remove it"),
    (b"BZh", "packed with bzip2", "unpack it, or pack it with gzip"),
    (b"\xfd7zXZ\0", "packed with xz", "unpack it, or pack it with gzip"),
    (b"\x28\xb5\x2f\xfd", "packed with zstd", "unpack it, or pack it with gzip"),
    (b"PK\3\4", "a ZIP archive", "unpack it"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", "unpack it"),
    (b"Rar!", "a RAR archive", "unpack it"),
    (b"\x89PNG", "a PNG picture", "give the image that it was made of"),
    (b"\xff\xd8\xff", "a JPEG picture", "give the image that it was made of"),
    (b"II*\0", "a TIFF picture", "convert it to NIfTI"),
    (b"MM\0*", "a TIFF picture", "convert it to NIfTI"),
    (b"\x89HDF", "an HDF5 file", "convert it to NIfTI"),
    (b"\x93NUMPY", "a NumPy array without position in the patient", "convert it to NIfTI"),
    (b"%PDF", "a PDF document", "give the image"),
)
# Formats that are read, by name, and the ending that they should have.
_ENDINGS = {"NIfTI": ".nii or .nii.gz", "NRRD": ".nrrd", "MetaImage": ".mha", "DICOM": ".dcm"}


def start_of(path: Path) -> bytes:
    """The first bytes of a file. Raises `InputError` with the true cause when it cannot be opened or is
    empty."""
    try:
        if path.is_dir():
            raise InputError(f'"{path}" is a folder, not an image file; give one file.')
        with path.open("rb") as stream:
            start = stream.read(_START)
    except OSError as error:
        raise cannot_open(path, error) from None
    if not start:
        raise InputError(f'"{path}" is empty (0 bytes); {_AGAIN}.')
    return start


def cannot_open(path: Path, error: OSError) -> InputError:
    """The sentence for a file or folder that the system does not open."""
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return InputError(f'There is no file "{path}"; check the path.')
    if isinstance(error, PermissionError):
        return InputError(f'There is no permission to read "{path}"; change its permissions.')
    return InputError(f'"{path}" cannot be opened ({reason(error)}); check its path and disk.')


def wrong_content(path: Path, expected: str) -> InputError:
    """The sentence for a file whose beginning is not that of the format `expected`."""
    start = start_of(path)
    found = format_of(start)
    if found == expected:
        return InputError(f'The {expected} header of "{path}" is damaged; {_AGAIN}.')
    if found is not None:
        return InputError(
            f'The content of "{path}" is {found}, not {expected} as its name says; rename it to end in '
            f"{_ENDINGS[found]}."
        )
    what, todo = _kind_of(start)
    return InputError(f'"{path}" is {what}; {todo}.')


def format_of(start: bytes) -> str | None:
    """Name of the format, among those that are read, of a file that begins so; gzip is looked into."""
    if is_gzip(start):
        inner = _inside(start)
        return format_of(inner) if inner and not is_gzip(inner) else None
    if start.startswith(b"NRRD00"):
        return "NRRD"
    if start[128:132] == b"DICM":
        return "DICOM"
    if start.lstrip().startswith((b"ObjectType", b"NDims")):
        return "MetaImage"
    if start[344:347] == b"n+1" or start[4:7] == b"n+2":
        return "NIfTI"
    return None


def _kind_of(start: bytes) -> tuple[str, str]:
    """What a file of no known image format is, and what to do."""
    for magic, what, todo in _KINDS:
        if start.startswith(magic):
            return what, todo
    text = start.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith((b"<!doctype html", b"<html", b"<head", b"<script")):
        return "a web page (HTML), as a failed download leaves it", "download the image again"
    if is_gzip(start):
        inner = _inside(start)
        if inner[257:262] == b"ustar":
            return "a packed tar archive", "unpack it"
        if not inner:
            return "a gzip file whose beginning is damaged", _AGAIN
        what, todo = _kind_of(inner)
        return f"a gzip file whose content is {what}", todo
    if _heads_a_pair(start):
        return "the header of a header/image pair (.hdr and .img)", "convert the pair to one .nii.gz file"
    if not start.strip(b"\0"):
        return "full of zero bytes where the header should be, as an interrupted copy leaves it", _AGAIN
    if all(byte >= 32 or byte in b"\t\r\n\f" for byte in start):
        return "a text file and no image", "give the image"
    return "no image, or its beginning is damaged", f"give it its right extension, or {_AGAIN}"


def is_of_a_pair(path: Path, start: bytes) -> bool:
    """Whether a file that begins so is the header (.hdr) or the voxels (.img) of a NIfTI or Analyze pair."""
    headers = (path.with_suffix(suffix) for suffix in (".hdr", ".HDR"))
    return _heads_a_pair(start) or (path.suffix.lower() == ".img" and any(one.is_file() for one in headers))


def _heads_a_pair(start: bytes) -> bool:
    return start[344:347] == b"ni1" or start[4:7] == b"ni2" or _is_analyze(start)


def _is_analyze(start: bytes) -> bool:
    return len(start) >= 348 and 348 in struct.unpack("<i", start[:4]) + struct.unpack(">i", start[:4])


def _inside(start: bytes) -> bytes:
    """The first unpacked bytes of a gzip file."""
    try:
        return zlib.decompressobj(32 + zlib.MAX_WBITS).decompress(start, _START)
    except zlib.error:
        return b""
