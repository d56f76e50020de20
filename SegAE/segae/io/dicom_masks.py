"""What the DICOM objects that hold masks share: what a file is, and whether it belongs to the CT."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segae.errors import InputError, way
from segae.io.dicom_slices import sop_class
from segae.io.masks import MaskRequest
from segae.io.readers import is_hidden
from segae.labels.terminology import Code

if TYPE_CHECKING:
    from pydicom import Dataset

KINDS = SEGMENTATION, LABEL_MAP, CONTOURS = (
    "1.2.840.10008.5.1.4.1.1.66.4",
    "1.2.840.10008.5.1.4.1.1.66.7",
    "1.2.840.10008.5.1.4.1.1.481.3",
)


def items(data: Dataset | None, name: str) -> list[Dataset]:
    """The items of a sequence; none where it is missing, empty, or no sequence."""
    if data is None or name not in data or data[name].VR != "SQ":
        return []
    return list(data[name].value or [])


def text_of(data: Dataset, name: str) -> str:
    """What an element says, in one line; "" where it is missing or empty."""
    return " ".join(str(data.get(name) or "").split())


def code_of(item: Dataset | None) -> Code:
    """The code in an item of a code sequence."""
    if item is None:
        return Code()
    values = (text_of(item, name) for name in ("CodeValue", "LongCodeValue", "URNCodeValue"))
    value = next(filter(None, values), "")
    return Code(text_of(item, "CodingSchemeDesignator"), value, text_of(item, "CodeMeaning"))


def references(data: Dataset, name: str, uid: str) -> set[str]:
    """The values of `uid` in the items of all sequences called `name`, however deep they lie."""
    found = {text_of(item, uid) for item in items(data, name)} - {""}
    for element in data:
        if element.VR == "SQ" and "FunctionalGroups" not in element.keyword:
            found |= {value for item in element.value for value in references(item, name, uid)}
    return found


def check_ct(
    path: Path,
    request: MaskRequest,
    frames: Collection[str],
    series: Collection[str],
    images: Collection[str],
) -> None:
    """Raises `InputError` when masks say that they were drawn on another scan than the CT: by the UIDs of the
    frame of reference, of the series, or where the CT's series is not known of the images."""
    if request.ct is None:
        return
    ct, ids = request.ct.source, request.ct.ids
    if frames and ids.frame_of_reference and ids.frame_of_reference not in frames:
        raise InputError(
            f'The masks in "{path}" lie in another frame of reference ({min(frames)}) than the CT "{ct}" '
            f"({ids.frame_of_reference}), as those of another patient or scan do; give the CT that they were "
            "drawn on."
        )
    if series and ids.series and ids.series not in series:
        raise InputError(
            f'The masks in "{path}" were drawn on the series {min(series)}, and the CT "{ct}" is '
            f"{ids.series}; give the series that they were drawn on."
        )
    if images and ids.images and not ids.series and not ids.images.intersection(images):
        raise InputError(
            f'The masks in "{path}" were drawn on other images than those of the CT "{ct}"; give the CT that '
            "they were drawn on."
        )


def objects_in(folder: Path) -> Iterator[tuple[Path, str]]:
    """The DICOM files of a folder with their class; what cannot be opened is none."""
    for file in sorted(folder.iterdir()):
        with suppress(InputError):
            kind = None if is_hidden(file) or not file.is_file() else sop_class(file)
            if kind is not None:
                yield file, kind


def needs_highdicom(path: Path) -> bool:
    """Whether masks at `path`, a file or a folder, are read with highdicom. Raises `InputError` like
    `sop_class`."""
    kinds = {kind for _, kind in objects_in(path)} if path.is_dir() else {sop_class(path)}
    return bool(kinds & {SEGMENTATION, LABEL_MAP})


def highdicom() -> Any:
    """The library that knows DICOM segmentations; raises `InputError` where it is not installed."""
    try:
        import highdicom.seg
    except ImportError:
        raise InputError(
            "DICOM segmentations need the package highdicom; "
            + way('install it with pip install "segae[dicom]".', "install it under Packages.")
        ) from None
    return highdicom
