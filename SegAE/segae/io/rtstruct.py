"""Structures of a DICOM structure set (RTSTRUCT): contours, filled on the slices of the CT.

Nothing is made up between contours: a slice without one stays empty. Contours that lie between the slices of
the CT were drawn on other slices, and their structure is left out.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from segae.data import CTPlace, Segment, Segmentation, unique_names
from segae.errors import InputError
from segae.finding import Finding
from segae.geometry.box import Box
from segae.geometry.contours import fill_all
from segae.io.dicom_masks import CONTOURS, check_ct, code_of, items, references, text_of
from segae.io.dicom_slices import quiet, read_dataset, sop_class
from segae.io.image import ras_from_lps
from segae.io.masks import MaskPart, MaskReader, MaskRequest, joined, known, same_names, segment_of
from segae.io.stream import damaged
from segae.labels.identify import identify
from segae.labels.terminology import Code, Terminology

if TYPE_CHECKING:
    from pydicom import Dataset

_CLOSED, _XOR = "CLOSED_PLANAR", "CLOSEDPLANAR_XOR"
_OFF = 0.25  # of the slice distance by which a contour may lie off its slice
_LINE = 1e-3  # voxels within which the points of a contour lie on a line
_ONE_PLANE = 0.1  # of it, by which contours of one slice may lie apart


@dataclass
class _Structure:
    """A structure of the set: its closed contours (n, 3) as indices i, j, k of the CT, and how many others it
    has, by why they are left out."""

    number: int
    name: str
    frame: str
    code: Code = field(default_factory=Code)
    contours: list[np.ndarray] = field(default_factory=list)
    xor: bool = False
    left_out: dict[str, int] = field(default_factory=lambda: defaultdict(int))


def _can_read(path: Path, request: MaskRequest) -> bool:
    """Whether it says that it is a structure set, whatever the name of the file."""
    return sop_class(path) == CONTOURS


def _read(path: Path, request: MaskRequest) -> Segmentation:
    """The structures of the file on the grid of the CT. Findings: CONTOURS_LEFT_OUT, CONTOURS_CROSS,
    CONTOUR_GAPS, MASK_LEFT_OUT for a structure that cannot be filled, and SAME_NAME.

    Raises `InputError` without the CT, for contours that were drawn on another one, and when no structure can
    be filled.
    """
    if request.names is not None:
        raise InputError(f'"{path}" is a DICOM structure set, which names its masks itself; give no names.')
    if request.ct is None:
        raise InputError(f'"{path}" holds contours, which are filled on the slices of a CT; give it, too.')
    data = read_dataset(path)
    try:
        with quiet():
            structures = _structures(data, request.ct)
            _check(path, request, data, structures)
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise damaged(path, f"its contours cannot be read: {type(error).__name__}") from None
    if not any(one.contours or one.left_out for one in structures):
        raise InputError(f'The structure set "{path}" holds no contours; give one in which organs are drawn.')
    if request.name is not None and len(structures) != 1:
        raise InputError(f'"{path}" holds {len(structures)} structures; give no name for all of them.')
    names = [request.name or one.name for one in structures]
    unique = unique_names(names, [str(one.number) for one in structures])
    segments, findings = [], [*same_names(names, unique, path)]
    left_out: list[Finding] = []
    for name, one in zip(unique, structures, strict=True):
        findings += _about_left_out(path, name, one)
        try:
            segment, noticed = _segment(path, name, one, request, request.ct)
        except _NotFilledError as why:
            text = f'The mask "{name}" in "{path}" is left out: {why}'
            left_out.append(Finding("MASK_LEFT_OUT", "warning", text, (name,), str(path)))
            continue
        segments.append(segment)
        findings += noticed
    if not segments:
        raise InputError(f'No structure in "{path}" can be filled; the first reason: {left_out[0].message}')
    return Segmentation(tuple(known(segments, path)), str(path), (*findings, *left_out))


class _NotFilledError(Exception):
    """Why a structure is left out: a sentence without its subject."""


def _structures(data: Dataset, ct: CTPlace) -> list[_Structure]:
    """The structures in the order of the file."""
    found = {
        int(one.ROINumber): _Structure(
            int(one.ROINumber),
            text_of(one, "ROIName") or f"ROI {one.ROINumber}",
            text_of(one, "ReferencedFrameOfReferenceUID"),
        )
        for one in items(data, "StructureSetROISequence")
    }
    for one in items(data, "RTROIObservationsSequence"):
        codes = items(one, "RTROIIdentificationCodeSequence")
        if codes and int(one.get("ReferencedROINumber", -1)) in found:
            found[int(one.ReferencedROINumber)].code = code_of(codes[0])
    to_index = np.linalg.inv(ct.grid.affine)
    for one in items(data, "ROIContourSequence"):
        structure = found.get(int(one.ReferencedROINumber))
        if structure is not None:
            for contour in items(one, "ContourSequence"):
                _add_contour(structure, contour, to_index)
    return list(found.values())


def _add_contour(structure: _Structure, contour: Dataset, to_index: np.ndarray) -> None:
    kind = text_of(contour, "ContourGeometricType") or _CLOSED
    if kind not in (_CLOSED, _XOR):
        structure.left_out[f"of the type {kind}"] += 1
        return
    points = np.array(contour.get("ContourData") or [], float).reshape(-1, 3)
    if not np.isfinite(points).all():
        raise ValueError("a contour without numbers")
    index = ras_from_lps(points.T).T @ to_index[:3, :3].T + to_index[:3, 3]
    if len(index) < 3 or np.linalg.svd(index - index.mean(axis=0), compute_uv=False)[1] < _LINE:
        structure.left_out["without an area"] += 1
        return
    structure.contours.append(index)
    structure.xor |= kind == _XOR


def _check(path: Path, request: MaskRequest, data: Dataset, structures: Sequence[_Structure]) -> None:
    """Whether the set was drawn on the CT; raises `InputError`."""
    frames = references(data, "ReferencedFrameOfReferenceSequence", "FrameOfReferenceUID")
    frames |= {one.frame for one in structures if one.frame}
    series = references(data, "RTReferencedSeriesSequence", "SeriesInstanceUID")
    images = references(data, "ContourImageSequence", "ReferencedSOPInstanceUID")
    check_ct(path, request, frames, series, images)


def _segment(
    path: Path, name: str, one: _Structure, request: MaskRequest, ct: CTPlace
) -> tuple[Segment, list[Finding]]:
    """The mask of a structure; raises `_NotFilledError`."""
    if not one.contours and one.left_out:
        raise _NotFilledError("it has no closed contour; draw it on the slices.")
    frame = ct.ids.frame_of_reference
    if one.frame and frame and one.frame != frame:
        raise _NotFilledError(f"it lies in another frame of reference ({one.frame}) than the CT.")
    axis, slices = _by_slice(one.contours, ct)
    size = ct.grid.size[axis]
    parts: list[MaskPart] = []
    crossing = 0
    for index, contours in sorted(slices.items()):
        if 0 <= index < size:
            filled = fill_all(contours, _plane_shape(ct, axis), xor=one.xor)
            crossing += filled.crossing
            parts += _part(filled.pixels, index, axis)
    outside = sorted(set(slices) - set(range(size)))
    if outside and len(outside) == len(slices):
        raise _NotFilledError("all its contours lie outside of the CT; give the CT that it was drawn on.")
    box, inside = joined(parts)
    if request.name is None:
        kind = Terminology("DICOM", Code(), one.code, Code())
        found = identify(one.name, terminology=kind.entry if one.code != Code() else "", table=request.table)
    else:
        found = request.identify_given(request.name)
    findings = [
        _about(path, name, code, count, one_of_them, several, todo)
        for code, count, one_of_them, several, todo in (
            ("CONTOURS_LEFT_OUT", len(outside), "contours on {} slice outside of the CT",
             "contours on {} slices outside of the CT", "left out, give the CT that it was drawn on."),
            ("CONTOURS_CROSS", crossing, "{} contour that crosses another one",
             "{} contours that cross others", "look whether the mask is what was meant."),
            ("CONTOUR_GAPS", _gaps(slices), "no contour on {} slice between others",
             "no contour on {} slices between others", "left empty, draw the organ where it is."),
        )
        if count
    ]  # fmt: skip
    return segment_of(name, found, ct.grid, box, inside, path), findings


def _by_slice(contours: Sequence[np.ndarray], ct: CTPlace) -> tuple[int, dict[int, list[np.ndarray]]]:
    """The axis (0, 1, 2 = i, j, k) of the CT along which the contours are flat, and the contours (n, 2: row,
    column) of each slice along it. Raises `_NotFilledError` for contours that lie on no slices."""
    if not contours:
        return 2, {}
    axis = int(np.sum([np.ptp(one, axis=0) for one in contours], axis=0).argmin())
    slices: dict[int, list[np.ndarray]] = defaultdict(list)
    planes: dict[int, list[float]] = defaultdict(list)
    for one in contours:
        along = one[:, axis]
        index = round(float(along.mean()))
        off = float(np.abs(along - index).max())
        planes[index].append(float(along.mean()))
        if np.ptp(along) > _OFF:
            raise _NotFilledError("its contours lie oblique to the slices of the CT; draw it on them.")
        if off > _OFF or np.ptp(planes[index]) > _ONE_PLANE:
            raise _NotFilledError(
                f"its contours lie up to {off * ct.grid.spacing[axis]:.2g} mm beside the slices of the CT, "
                "so that they were drawn on others; give the CT that it was drawn on."
            )
        plane = np.delete(one, axis, axis=1)[:, ::-1]
        if not any(np.array_equal(plane, other) for other in slices[index]):  # some are written twice
            slices[index].append(plane)
    return axis, slices


def _plane_shape(ct: CTPlace, axis: int) -> tuple[int, int]:
    rows, columns = np.delete(ct.grid.shape, 2 - axis).tolist()
    return rows, columns


def _part(pixels: np.ndarray, index: int, axis: int) -> Iterable[MaskPart]:
    """What a slice holds, as a part of the volume; nothing for an empty one."""
    box = Box.of_mask(pixels)
    if not box.is_empty:
        extents = list(box.slices)
        extents.insert(2 - axis, slice(index, index + 1))
        yield Box(tuple(extents)), np.expand_dims(pixels[box.slices], 2 - axis)


def _gaps(slices: Iterable[int]) -> int:
    """How many slices between the first and the last have no contour."""
    drawn = set(slices)
    return max(drawn) - min(drawn) + 1 - len(drawn) if drawn else 0


def _about_left_out(path: Path, name: str, one: _Structure) -> list[Finding]:
    todo = "left out, as only closed contours enclose anything."
    return [
        _about(path, name, "CONTOURS_LEFT_OUT", count, f"{{}} contour {why}", f"{{}} contours {why}", todo)
        for why, count in one.left_out.items()
    ]


def _about(path: Path, name: str, code: str, count: int, single: str, several: str, todo: str) -> Finding:
    what = (single if count == 1 else several).format(count)
    text = f'The mask "{name}" in "{path}" has {what}; {todo}'
    return Finding(code, "warning", text, (name,), str(path))


RTSTRUCT = MaskReader(
    "DICOM structure set",
    (".dcm",),
    "A DICOM structure set (RTSTRUCT): closed contours, filled on the slices of the CT, with their holes.",
    "Points and open lines are left out, and structures whose contours lie between the slices of the CT.",
    _can_read,
    _read,
)
