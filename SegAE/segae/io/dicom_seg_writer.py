"""Masks as a DICOM segmentation (SEG) of the CT that they lie on, with the codes of their structures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from segae.data import Segment, Segmentation
from segae.errors import InputError
from segae.files import reason, whole_file
from segae.geometry.compare import describe_difference
from segae.geometry.grid import Grid
from segae.io.dicom import ct_images
from segae.io.dicom_masks import highdicom
from segae.io.dicom_slices import Slice, quiet, read_dataset
from segae.labels.terminology import Code, parse_terminology, terminology_for

if TYPE_CHECKING:
    from pydicom import Dataset

_MOST = 8 << 30  # bytes for masks that overlap, which the library wants one by one
_TEXT = 64  # characters of a label or a meaning
# Empty where the CT does not have them; the standard wants them to be there.
_WANTED = (
    "PatientID", "PatientName", "PatientBirthDate", "PatientSex", "AccessionNumber", "StudyID", "StudyDate",
    "StudyTime",
)  # fmt: skip
_TISSUE = Code("SCT", "85756007", "Tissue")  # says nothing: the label has the word
_ANATOMY = Code("SCT", "123037004", "Anatomical Structure")
_OWN = "99SEGAE"  # scheme of codes for structures that SNOMED CT has no code for here


def write_dicom_seg(
    segmentation: Segmentation, ct: Path, path: Path, *, series: str | None = None, version: str = "unknown"
) -> None:
    """Write masks to the file `path`, whole or not at all, as a binary segmentation of the CT in DICOM at
    `ct`, a folder or a file with several frames; `series` chooses where there are several.
    `version`: of the program, as the file names it.

    Masks keep their order and names. They may lie in another axis order than the CT or be a crop of it.
    Raises `InputError` for masks on another grid, without any voxel, or a CT that is not in DICOM;
    `OutputError` when the file cannot be written.
    """
    seg = highdicom().seg
    place, slices = ct_images(ct, series)
    segments = [_on_ct(segment, place.grid, ct) for segment in segmentation.segments]
    if all(segment.is_empty for segment in segments):
        raise InputError(f'"{segmentation.source}" holds no mask with voxels; give others.')
    _refuse_originals(path, [*(one.path for one in slices), *(Path(one.source) for one in segments)])
    images = _images(slices)
    masks = _by_frame(_together(segments, place.grid), slices)
    try:
        with quiet():
            made = seg.Segmentation(
                source_images=images, pixel_array=masks, segmentation_type="BINARY",
                segment_descriptions=[_described(n, one, seg) for n, one in enumerate(segments, start=1)],
                series_number=100, instance_number=1, manufacturer="SegAE", manufacturer_model_name="SegAE",
                software_versions=version, device_serial_number="1", series_description="SegAE masks",
                specific_character_set="ISO_IR 192", **_new_uids(),
            )  # fmt: skip
    except (AttributeError, LookupError, TypeError, ValueError, RuntimeError) as error:
        raise InputError(
            f'The images of the CT "{ct}" do not hold what a DICOM segmentation needs '
            f"({reason(error).rstrip('.')}); export the CT again from its archive."
        ) from None
    with whole_file(path) as stream, quiet():
        made.save_as(stream)


def _on_ct(segment: Segment, grid: Grid, ct: Path) -> Segment:
    placed = segment.placed_on(grid)
    if placed is None:
        difference = describe_difference(segment.grid, grid)
        raise InputError(
            f'The mask "{segment.name}" in "{segment.source}" does not lie on the grid of the CT "{ct}": '
            f"{difference}; give the CT that it was drawn on."
        )
    return placed


def _refuse_originals(path: Path, originals: Iterable[Path]) -> None:
    """Raises `InputError` when the new file would take the place of what it is made from."""
    if path.exists() and any(one.exists() and path.samefile(one) for one in set(originals)):
        raise InputError(f'"{path}" holds the masks or a slice of the CT; write to another file.')


def _together(segments: Sequence[Segment], grid: Grid) -> np.ndarray:
    """Labels 1, 2, ... [k, j, i] where no masks overlap, else the masks along a fourth axis."""
    labels = np.zeros(grid.shape, np.uint8 if len(segments) < 256 else np.uint16)
    for value, segment in enumerate(segments, start=1):
        taken, own = labels[segment.box.slices], segment.voxels()
        if (taken[own] != 0).any():
            return _stacked(segments, grid)
        taken[own] = value
    return labels


def _stacked(segments: Sequence[Segment], grid: Grid) -> np.ndarray:
    n_bytes = int(np.prod(grid.shape, dtype=object)) * len(segments)
    if n_bytes > _MOST:
        raise InputError(
            f'The {len(segments)} masks in "{segments[0].source}" overlap and would need '
            f"{n_bytes / 2**30:.0f} GB of memory; give each voxel to one mask, or write fewer at a time."
        )
    masks = np.zeros((*grid.shape, len(segments)), np.uint8)
    for n, segment in enumerate(segments):
        masks[(*segment.box.slices, n)] = segment.voxels()
    return masks


def _by_frame(masks: np.ndarray, slices: Sequence[Slice]) -> np.ndarray:
    """The masks in the order of the frames of the one file that holds all slices; as they are for a file for
    each slice."""
    if slices[0].frame is None:
        return masks
    frames = np.zeros((slices[0].n_frames, *masks.shape[1:]), masks.dtype)
    frames[[one.frame or 0 for one in slices]] = masks
    return frames


def _images(slices: Sequence[Slice]) -> list[Dataset]:
    """The headers of the CT's files, with what the library wants to be there."""
    paths = list(dict.fromkeys(one.path for one in slices))
    if len(paths) > 1 and any(one.frame is not None for one in slices):
        raise InputError(
            f'The CT lies in {len(paths)} files with several frames each ("{paths[0]}" is one of them), '
            "which a DICOM segmentation cannot refer to; convert it to a file for each slice."
        )
    images = [read_dataset(path, pixels=False) for path in paths]
    for image in images:
        image.decode()
        for name in _WANTED:
            if name not in image or (name == "PatientSex" and image.PatientSex not in ("M", "F", "O")):
                setattr(image, name, "")
    return images


def _described(number: int, segment: Segment, seg: Any) -> Dataset:
    """What the file says of a mask."""
    structure = segment.structure
    terms = parse_terminology(terminology_for(structure)) if structure and structure.snomed[0] else None
    category, kind, side = (
        (terms.category, terms.type, terms.type_modifier)
        if terms is not None
        else (_ANATOMY, Code(_OWN, str(structure.index), structure.name), Code())
        if structure is not None
        else (_TISSUE, _TISSUE, Code())
    )
    # A person answers for a corrected mask, whatever made it first.
    one = seg.SegmentDescription(number, _text(segment.name), _coded(category), _coded(kind), "MANUAL")
    if side != Code():
        inner = one.SegmentedPropertyTypeCodeSequence[0]
        inner.SegmentedPropertyTypeModifierCodeSequence = [_coded(side)]
    return one


def _coded(code: Code) -> Any:
    return highdicom().sr.CodedConcept(code.value, code.scheme, _text(code.meaning))


def _text(text: str) -> str:
    """As a short text of DICOM can hold it."""
    return text.replace("\\", "/")[:_TEXT].strip()


def _new_uids() -> dict[str, str]:
    from pydicom.uid import generate_uid

    return {name: generate_uid() for name in ("series_instance_uid", "sop_instance_uid")}
