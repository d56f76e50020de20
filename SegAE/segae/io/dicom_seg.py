"""Segments of a DICOM segmentation (SEG): binary, fractional, or a label map.

highdicom takes the object apart and unpacks its frames. Where a frame lies is read as for the slices of a CT,
so that frames may stand in any order, be missing where a segment has no voxels, and lie oblique.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from segae.data import Segmentation, unique_names
from segae.errors import InputError
from segae.files import reason
from segae.finding import Finding
from segae.geometry.box import Box
from segae.geometry.grid import Grid
from segae.io.dicom_masks import check_ct, code_of, highdicom, items, needs_highdicom, references, text_of
from segae.io.dicom_slices import Slice, quiet, read_dataset, read_slices
from segae.io.image import check_grid, ras_from_lps
from segae.io.masks import (
    MaskPart,
    MaskReader,
    MaskRequest,
    boxes_by_label,
    joined,
    known,
    of_no_segment,
    same_names,
    segment_of,
)
from segae.io.stream import damaged
from segae.labels.identify import identify
from segae.labels.terminology import Terminology

if TYPE_CHECKING:
    from pydicom import Dataset

_OFF = 0.1  # of the slice distance by which a frame may lie off its place
_CUT = 0.5  # probability or occupancy from which on a voxel belongs to a segment


def _can_read(path: Path, request: MaskRequest) -> bool:
    """Whether it says that it is a segmentation, whatever the name of the file."""
    return path.is_file() and needs_highdicom(path)


def _read(path: Path, request: MaskRequest) -> Segmentation:
    """The segments of the file; several may overlap. Findings: FRACTIONAL_MASK, UNNAMED_VALUE for voxels of
    no segment, and SAME_NAME.

    Raises `InputError` for masks that were drawn on another CT, do not lie on one grid, or cannot be read.
    """
    if request.names is not None:
        raise InputError(f'"{path}" is a DICOM segmentation, which names its segments itself; give no names.')
    seg = _parsed(path)
    check_ct(
        path,
        request,
        {text_of(seg, "FrameOfReferenceUID")} - {""},
        references(seg, "ReferencedSeriesSequence", "SeriesInstanceUID"),
        references(seg, "ReferencedInstanceSequence", "ReferencedSOPInstanceUID"),
    )
    described = {int(one.SegmentNumber): one for one in seg.SegmentSequence}
    for number in (0, _background(seg)):
        described.pop(number, None)
    if request.name is not None and len(described) != 1:
        raise InputError(f'"{path}" holds {len(described)} segments; give no name for all of them.')
    frames = read_slices(path)
    grid, places = _grid_of(path, frames, _slice_distance(seg), request)
    parts = _parts(path, seg, places)
    names = [request.name or _name_of(one) for one in described.values()]
    unique = unique_names(names, [str(number) for number in described])
    segments = []
    for name, (number, one) in zip(unique, described.items(), strict=True):
        box, inside = joined(parts.get(number, ()))
        found = (
            identify(_name_of(one), terminology=_terminology(one).entry, table=request.table)
            if request.name is None
            else request.identify_given(request.name)
        )
        segments.append(segment_of(name, found, grid, box, inside, path))
    findings = [
        *_about_fractions(path, seg),
        *same_names(names, unique, path),
        *of_no_segment(parts.keys() - described.keys(), path),
    ]
    return Segmentation(tuple(known(segments, path)), str(path), tuple(findings))


def _parsed(path: Path) -> Any:
    """The `highdicom.seg.Segmentation` of a file."""
    segmentations = highdicom().seg.Segmentation
    data = read_dataset(path)
    if "PixelData" not in data or not items(data, "SegmentSequence"):
        what = "segments" if "PixelData" in data else "frames"
        raise InputError(f'The DICOM segmentation "{path}" holds no {what}; write it again from its source.')
    for one in data.SegmentSequence:  # some programs forget what the library wants to be there
        for name, value in (("SegmentLabel", ""), ("SegmentAlgorithmType", "MANUAL")):
            if name not in one:
                setattr(one, name, value)
    needed = {"BINARY": "Rows", "LABELMAP": "Rows", "FRACTIONAL": "MaximumFractionalValue"}
    if needed.get(str(data.get("SegmentationType"))) not in {element.keyword for element in data}:
        raise InputError(
            f'The DICOM segmentation "{path}" does not say what its numbers mean (SegmentationType); write '
            "it again from its source."
        )
    try:
        with quiet():
            return segmentations.from_dataset(data, copy=False)
    except Exception as error:  # a damaged object can end in any error of the library
        raise InputError(
            f'The DICOM segmentation "{path}" is not as the standard says ({reason(error).rstrip(".")}); '
            "write it again from its source."
        ) from None


def _grid_of(
    path: Path, frames: Sequence[Slice], distance: float | None, request: MaskRequest
) -> tuple[Grid, list[int]]:
    """The grid that the frames (all of one plane) lie on, and the slice (k) of each frame.

    `distance`: between slices in mm, as far as the file says it.
    """
    first = frames[0]
    if not all(one.has_place for one in frames):
        raise InputError(
            f'The frames of "{path}" do not say where they lie in the patient, as those of a microscope do '
            "not; give a segmentation of a CT."
        )
    assert first.orientation is not None and first.spacing is not None
    if not all(
        np.allclose(one.orientation, first.orientation, atol=1e-3)  # type: ignore[arg-type]
        and np.allclose(one.spacing, first.spacing, rtol=1e-3)  # type: ignore[arg-type]
        and one.size == first.size
        for one in frames
    ):
        raise InputError(
            f'The frames of "{path}" have several orientations or pixel sizes; write each set to a file.'
        )
    affine = np.eye(4)
    affine[:3, 0] = ras_from_lps(first.orientation[:3]) * first.spacing[1]
    affine[:3, 1] = ras_from_lps(first.orientation[3:]) * first.spacing[0]
    normal = ras_from_lps(np.cross(first.orientation[:3], first.orientation[3:]))
    positions = np.array([ras_from_lps(one.position) for one in frames])  # type: ignore[arg-type]
    start = positions[int((positions @ normal).argmin())]
    for step in _steps(positions - start, normal, distance, request):
        k = np.round((positions - start) @ normal / (step @ normal)).astype(int)
        if np.linalg.norm(positions - start - k[:, None] * step, axis=1).max() <= _OFF * (step @ normal):
            affine[:3, 2], affine[:3, 3] = step, start
            grid = Grid((first.size[1], first.size[0], int(k.max()) + 1), affine, is_crop=True)
            check_grid(grid, path)
            return grid, k.tolist()
    raise InputError(
        f'The frames of "{path}" lie on no regular grid; give a segmentation with evenly spaced slices.'
    )


def _steps(
    offsets: np.ndarray, normal: np.ndarray, distance: float | None, request: MaskRequest
) -> Iterator[np.ndarray]:
    """What may lead from one slice to the next (RAS, mm), the likeliest first: what the file says, the
    smallest distance of the frames, and, where they are few or far apart, the CT's. Empty slices are left out
    of a segmentation, so that the frames alone do not tell it. Frames on each second slice of the CT only are
    not taken for frames of the CT."""
    of_ct = None if request.ct is None else _step_of(request.ct.grid, normal)
    if of_ct is not None and distance is not None and of_ct @ normal > distance:
        yield of_ct
    if distance is not None:
        yield normal * distance
    along = np.sort(offsets @ normal)
    gaps = np.diff(along)
    gaps = gaps[gaps > 1e-3]
    own = None
    if gaps.size:
        count = max(1, round(float(along[-1]) / float(gaps.min())))
        own = offsets[int((offsets @ normal).argmax())] / count
    if own is not None and gaps.size > 1:
        yield own
    if of_ct is not None:
        yield of_ct
    yield normal if own is None else own


def _step_of(ct: Grid, normal: np.ndarray) -> np.ndarray:
    """From one slice to the next along the axis of the CT that is nearest to the normal."""
    axis = ct.affine[:3, int(np.abs(normal @ ct.directions).argmax())]
    return axis * np.sign(normal @ axis)


def _slice_distance(seg: Dataset) -> float | None:
    shared = items(seg, "SharedFunctionalGroupsSequence")
    measures = items(shared[0], "PixelMeasuresSequence") if shared else []
    try:
        distance = float(measures[0].get("SpacingBetweenSlices") or 0) if measures else 0.0
    except (TypeError, ValueError):  # no number, and then the frames tell it
        return None
    return distance if distance > 0 else None


def _parts(path: Path, seg: Any, places: Sequence[int]) -> Mapping[int, list[MaskPart]]:
    """What the frames hold of each segment, by its number."""
    parts: dict[int, list[MaskPart]] = defaultdict(list)
    is_label_map = seg.SegmentationType == "LABELMAP"
    numbers = [] if is_label_map else _segment_numbers(path, seg, len(places))
    for n, k in enumerate(places):
        frame = _frame(path, seg, n)[None]
        if is_label_map:
            boxes = boxes_by_label(frame, path)
            boxes.pop(_background(seg), None)
        else:
            frame = frame >= seg.MaximumFractionalValue * _CUT if _is_fractional(seg) else frame != 0
            boxes = {numbers[n]: Box.of_mask(frame)}
        for number, box in boxes.items():
            if not box.is_empty:
                inside = frame[box.slices]
                part = inside == number if is_label_map else inside
                parts[number].append((box.shift(k, 0, 0), part))
    return parts


def _background(seg: Dataset) -> int:
    """The value in a label map that is no segment."""
    return int(seg.get("PixelPaddingValue") or 0)


def _segment_numbers(path: Path, seg: Dataset, n_frames: int) -> list[int]:
    """Which segment each frame belongs to."""
    shared = items(seg, "SharedFunctionalGroupsSequence")
    frames = items(seg, "PerFrameFunctionalGroupsSequence")
    numbers = []
    for one in [*frames, *[None] * (n_frames - len(frames))]:
        told = [part for group in (one, *shared) for part in items(group, "SegmentIdentificationSequence")]
        if not told or "ReferencedSegmentNumber" not in told[0]:
            raise damaged(path, "its frames do not say to which segment they belong")
        numbers.append(int(told[0].ReferencedSegmentNumber))
    return numbers


def _frame(path: Path, seg: Any, n: int) -> np.ndarray:
    """The stored values (rows, columns) of frame `n`."""
    try:
        with quiet():
            frame = seg.get_stored_frame(n, as_index=True)
    except Exception as error:  # a damaged stream can end in any error of the library
        syntax = getattr(seg, "file_meta", {}).get("TransferSyntaxUID")
        how = f" ({syntax.name})" if syntax else ""
        raise damaged(path, f"its frames{how} cannot be read: {reason(error)}") from None
    if frame.shape != (seg.Rows, seg.Columns) or frame.dtype.kind not in "iu":
        raise damaged(path, "its frames are not as its header says")
    return frame


def _name_of(segment: Dataset) -> str:
    kind = items(segment, "SegmentedPropertyTypeCodeSequence")
    return text_of(segment, "SegmentLabel") or (text_of(kind[0], "CodeMeaning") if kind else "")


def _terminology(segment: Dataset) -> Terminology:
    """What the codes of a segment say. Modifiers stand inside the code that they modify; some programs put
    them beside it."""

    def first(name: str, *places: Dataset | None) -> Dataset | None:
        return next((item for place in places for item in items(place, name)), None)

    kind = first("SegmentedPropertyTypeCodeSequence", segment)
    region = first("AnatomicRegionSequence", segment) or first("PrimaryAnatomicStructureSequence", segment)
    return Terminology(
        context="DICOM",
        category=code_of(first("SegmentedPropertyCategoryCodeSequence", segment)),
        type=code_of(kind),
        type_modifier=code_of(first("SegmentedPropertyTypeModifierCodeSequence", kind, segment)),
        region_context="DICOM",
        region=code_of(region),
        region_modifier=code_of(
            first("AnatomicRegionModifierSequence", region, segment)
            or first("PrimaryAnatomicStructureModifierSequence", region, segment)
        ),
    )


def _is_fractional(seg: Dataset) -> bool:
    return seg.SegmentationType == "FRACTIONAL"


def _about_fractions(path: Path, seg: Dataset) -> list[Finding]:
    if not _is_fractional(seg):
        return []
    what = "occupied shares of voxels" if seg.get("SegmentationFractionalType") == "OCCUPANCY" else (
        "probabilities"
    )  # fmt: skip
    text = f'"{path}" holds {what}, and voxels from {_CUT:g} on are taken; see whether the masks are right.'
    return [Finding("FRACTIONAL_MASK", "warning", text, source=str(path))]


DICOM_SEG = MaskReader(
    "DICOM segmentation",
    (".dcm",),
    "A DICOM segmentation (SEG) with coded segments: binary, fractional or a label map, packed or not.",
    "Masks that were drawn on another CT, and frames without position in the patient, are refused.",
    _can_read,
    _read,
)
