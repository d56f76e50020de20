"""The images of a DICOM file: what their header says, and their pixels.

A file holds one slice, or several frames, each of which counts as a slice. Header and plain pixels are read
with pydicom. Packed pixels are unpacked by GDCM in a process of its own, which may crash without harm.
"""

from __future__ import annotations

import logging
import subprocess
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from segae.errors import InputError, way
from segae.files import python_executable
from segae.io import dicom_unpack
from segae.io.content import cannot_open, start_of
from segae.io.stream import damaged

if TYPE_CHECKING:
    from pydicom import Dataset

_PLAIN = {
    "1.2.840.10008.1.2": "<", "1.2.840.10008.1.2.1": "<", "1.2.840.10008.1.2.1.99": "<",
    "1.2.840.10008.1.2.2": ">",
}  # fmt: skip
_PACKED = {"1.2.840.10008.1.2.5": "RLE"} | {
    f"1.2.840.10008.1.2.4.{n}": name
    for name, numbers in (("JPEG", (50, 51, 57, 70)), ("JPEG-LS", (80, 81)), ("JPEG 2000", (90, 91)))
    for n in numbers
}
_NOT_READ = {f"1.2.840.10008.1.2.4.{n}": "High-Throughput JPEG 2000 (HTJ2K)" for n in (201, 202, 203)}
_TAGS = [
    "SOPInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID", "SeriesDescription", "Modality",
    "ImageType", "Rows", "Columns", "NumberOfFrames", "PixelSpacing", "ImageOrientationPatient",
    "ImagePositionPatient", "RescaleSlope", "RescaleIntercept", "SamplesPerPixel",
    "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence",
]  # fmt: skip
_UNPACK_SECONDS = 600
NO_UID = "without UID"  # the series of images that do not say it


@dataclass(frozen=True, eq=False)
class Slice:
    """One image: what its header says. `frame`: its place in a file with several (`n_frames`), else None.
    Spacing (between rows, between columns), `orientation` (6) and `position` (3) are in mm in LPS; None where
    they are missing. `slope`, `intercept`: None where the header does not say what the numbers mean."""

    path: Path
    frame: int | None
    n_frames: int
    series: str
    description: str
    modality: str
    image_type: tuple[str, ...]
    syntax: str
    uid: str
    frame_of_reference: str
    size: tuple[int, int]
    samples: int
    spacing: tuple[float, float] | None
    orientation: np.ndarray | None
    position: np.ndarray | None
    slope: float | None
    intercept: float | None

    @property
    def has_place(self) -> bool:
        """Whether the header says where the image lies in the patient."""
        return self.orientation is not None and self.position is not None and self.spacing is not None

    @property
    def is_localizer(self) -> bool:
        return "LOCALIZER" in self.image_type


def is_dicom(start: bytes) -> bool:
    """Whether a file that begins so is DICOM; old ones have no preamble."""
    return start[128:132] == b"DICM" or start[:4] in (b"\x08\0\0\0", b"\x08\0\5\0", b"\x08\0\x08\0")


def sop_class(path: Path) -> str | None:
    """UID of what a file is in DICOM, whatever its name; "" where it does not say, None for no DICOM file."""
    if path.is_dir() or not is_dicom(start_of(path)):
        return None
    data = read_dataset(path, ["SOPClassUID"], pixels=False)
    meta = getattr(data, "file_meta", {})
    return str(data.get("SOPClassUID") or meta.get("MediaStorageSOPClassUID") or "")


def kind_of(uid: str) -> str:
    """What a class of DICOM objects is called, for people."""
    from pydicom.uid import UID

    name = UID(uid).name if uid else ""
    return "DICOM of unknown kind" if not name or name == uid else f"DICOM ({name})"


def read_slices(path: Path) -> list[Slice]:
    """What the header of a DICOM file says of each of its images; none for a file without images.

    Raises `InputError` when it is no DICOM file or its header is damaged.
    """
    header = read_dataset(path, _TAGS, pixels=False)
    try:
        if "Rows" not in header:
            return [_slice_of(path, header, None, [header])]
        n_frames = int(header.get("NumberOfFrames") or 1)
        if n_frames == 1 and "PerFrameFunctionalGroupsSequence" not in header:
            return [_slice_of(path, header, None, [header])]
        shared = [
            group for one in header.get("SharedFunctionalGroupsSequence") or [] for group in _groups(one)
        ]
        frames = list(header.get("PerFrameFunctionalGroupsSequence") or []) or [None] * n_frames
        return [
            _slice_of(path, header, n, [*([] if one is None else _groups(one)), *shared, header])
            for n, one in enumerate(frames)
        ]
    except (TypeError, ValueError, AttributeError, KeyError, IndexError, NotImplementedError) as error:
        raise damaged(path, f"its DICOM header cannot be read: {type(error).__name__}") from None


def read_pixels(slices: Sequence[Slice]) -> Iterator[np.ndarray]:
    """The pixels (rows, columns) of `slices`, scaled to what they mean, in their order.

    Raises `InputError` when a file is cut short, damaged, or packed in a way that is not read.
    """
    packed = {one.path: None for one in slices if one.syntax not in _PLAIN}
    for path in packed:
        syntax = next(one.syntax for one in slices if one.path == path)
        if syntax not in _PACKED:
            name = _NOT_READ.get(syntax, f"the transfer syntax {syntax}")
            raise InputError(
                f'The pixels of "{path}" are packed as {name}, which is not read; unpack them first, for '
                "example with dcm2niix or gdcmconv."
            )
    unpacked = _unpack(list(packed)) if packed else {}
    held: tuple[Path, np.ndarray] | None = None  # the frames of one file stand together
    for one in slices:
        if held is None or held[0] != one.path:
            held = (one.path, unpacked[one.path] if one.path in unpacked else _plain_pixels(one.path))
        frames = held[1]
        if (one.frame or 0) >= len(frames) or frames.shape[1:] != one.size:
            raise damaged(one.path, "it holds fewer pixels than its header promises")
        yield _scaled(frames[one.frame or 0], one)


@contextmanager
def quiet() -> Iterator[None]:
    """pydicom warns of every oddity of a header; what matters is checked here."""
    logger = logging.getLogger("pydicom")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def read_dataset(path: Path, tags: Sequence[str] | None = None, pixels: bool = True) -> Dataset:
    """The data set of a file, all of it or the elements `tags`. Raises `InputError` when there is none that
    can be read."""
    if not is_dicom(start_of(path)):
        raise InputError(f'"{path}" is no DICOM file; give one.')
    try:
        import pydicom
    except ImportError:
        raise InputError(
            f'"{path}" is a DICOM file, which is read with pydicom; '
            + way("install it (pip install pydicom)", "install the application again,")
            + " or convert it to NIfTI."
        ) from None
    try:
        with quiet():
            wanted: Any = tags
            data = pydicom.dcmread(path, force=True, stop_before_pixels=not pixels, specific_tags=wanted)
            for _ in data.iterall():  # values are converted when they are first looked at: here, not later
                pass
            return data
    except OSError as error:
        if error.errno is not None:
            raise cannot_open(path, error) from None
        raise damaged(path, "its DICOM data ends too early") from None
    except Exception as error:  # a damaged file can end in any error of the library
        raise damaged(path, f"its DICOM data cannot be read: {type(error).__name__}") from None


def _groups(item: Dataset) -> list[Dataset]:
    """The data sets inside an item of functional groups."""
    return [inner for element in item if element.VR == "SQ" for inner in element.value]


def _slice_of(path: Path, header: Dataset, frame: int | None, where: Sequence[Dataset]) -> Slice:
    def first(name: str) -> Any:
        return next((one[name].value for one in where if name in one and one[name].value is not None), None)

    def numbers(name: str, count: int) -> np.ndarray | None:
        value = first(name)
        values = np.array(value if value is not None else [], float).ravel()
        return values if values.size == count and np.isfinite(values).all() else None

    with quiet():
        spacing, image_type = numbers("PixelSpacing", 2), header.get("ImageType") or ()
        slope, intercept = numbers("RescaleSlope", 1), numbers("RescaleIntercept", 1)
        syntax = getattr(header, "file_meta", {}).get("TransferSyntaxUID") or "1.2.840.10008.1.2"
        return Slice(
            path,
            frame,
            int(header.get("NumberOfFrames") or 1),
            str(header.get("SeriesInstanceUID") or NO_UID),
            " ".join(str(header.get("SeriesDescription") or "").split()),
            str(header.get("Modality") or ""),
            (image_type,) if isinstance(image_type, str) else tuple(image_type),
            str(syntax),
            str(header.get("SOPInstanceUID") or path),
            str(header.get("FrameOfReferenceUID") or ""),
            (int(header.get("Rows") or 0), int(header.get("Columns") or 0)),
            int(header.get("SamplesPerPixel") or 1),
            None if spacing is None else (float(spacing[0]), float(spacing[1])),
            numbers("ImageOrientationPatient", 6),
            numbers("ImagePositionPatient", 3),
            None if slope is None else float(slope[0]),
            None if intercept is None else float(intercept[0]),
        )


def _plain_pixels(path: Path) -> np.ndarray:
    """Pixels (frames, rows, columns) of a file that does not pack them, as stored."""
    data = read_dataset(path)
    try:
        bits, stored = int(data.BitsAllocated), int(data.get("BitsStored") or data.BitsAllocated)
        signed, shape = bool(data.PixelRepresentation), (-1, int(data.Rows), int(data.Columns))
        content, n_frames = data.PixelData, int(data.get("NumberOfFrames") or 1)
        order = _PLAIN[str(getattr(data, "file_meta", {}).get("TransferSyntaxUID") or "1.2.840.10008.1.2")]
    except (AttributeError, TypeError, ValueError, KeyError):
        raise damaged(path, "its DICOM data holds no pixels") from None
    if bits not in (8, 16, 32) or not 0 < stored <= bits:
        raise damaged(path, f"its header gives pixels of {bits} bits")
    n_bytes = n_frames * shape[1] * shape[2] * bits // 8
    if not n_bytes <= len(content) <= n_bytes + 1:  # an odd length is filled up
        raise damaged(path, f"it holds {len(content)} bytes of pixels and its header promises {n_bytes}")
    pixels = np.frombuffer(content[:n_bytes], f"{order}{'i' if signed else 'u'}{bits // 8}").reshape(shape)
    above = bits - stored  # what stands there is no part of the number
    return (pixels << above) >> above if above else pixels


def _scaled(pixels: np.ndarray, one: Slice) -> np.ndarray:
    slope, intercept = one.slope if one.slope is not None else 1.0, one.intercept or 0.0
    if slope.is_integer() and intercept.is_integer():
        return pixels.astype(np.int32) * int(slope) + int(intercept)
    return pixels.astype(np.float32) * np.float32(slope) + np.float32(intercept)


def _unpack(paths: Sequence[Path]) -> dict[Path, np.ndarray]:
    """Pixels (frames, rows, columns) of files that pack them, by a process that may crash."""
    with tempfile.TemporaryDirectory(prefix="segae-dicom-") as place:
        for n, path in enumerate(paths):
            _write_frames(path, Path(place), n)
        command = [python_executable(), str(Path(dicom_unpack.__file__).resolve()), place]
        ended = subprocess.run(command, capture_output=True, timeout=_UNPACK_SECONDS, check=False)
        done = {}
        for n, path in enumerate(paths):
            frames = sorted(Path(place).glob(f"{n:06d}_*.dcm"))
            arrays = [frame.with_suffix(".npy") for frame in frames]
            if not frames or not all(array.exists() for array in arrays):
                how = "the decoder crashed" if ended.returncode < 0 else "the decoder refused them"
                raise damaged(path, f"its packed pixels cannot be unpacked: {how}")
            done[path] = np.concatenate([np.load(array, allow_pickle=False) for array in arrays])
        return done


def _write_frames(path: Path, place: Path, number: int) -> None:
    """Each frame as a small DICOM file of its own, under a safe name and without scaling."""
    from pydicom import Dataset
    from pydicom.encaps import encapsulate, generate_frames
    from pydicom.uid import UID, CTImageStorage

    data = read_dataset(path)
    try:
        frames = list(generate_frames(data.PixelData, number_of_frames=int(data.get("NumberOfFrames") or 1)))
        for n, frame in enumerate(frames):
            small = Dataset()
            for name in dicom_unpack.KEPT:
                small[name] = data[name]
            small.SOPClassUID, small.SOPInstanceUID, small.Modality = (
                CTImageStorage,
                UID(f"1.2.{n + 1}"),
                "CT",
            )
            small.PixelData = encapsulate([frame])
            small["PixelData"].VR = "OB"
            small.file_meta = data.file_meta
            small.file_meta.MediaStorageSOPClassUID = CTImageStorage
            small.file_meta.MediaStorageSOPInstanceUID = small.SOPInstanceUID
            small.save_as(place / f"{number:06d}_{n:06d}.dcm", enforce_file_format=True)
    except OSError:
        raise
    except Exception as error:  # a damaged stream can end in any error of the library
        raise damaged(path, f"its packed pixels cannot be read: {type(error).__name__}") from None
