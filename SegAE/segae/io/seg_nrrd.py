"""Segments of a `.seg.nrrd` file, as 3D Slicer writes it.

The header fields are those of vtkMRMLSegmentationStorageNode: SegmentN_ID, _Name, _LabelValue, _Layer, _Tags.
Segments that do not overlap share a layer; each layer is one component of the array.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

import numpy as np

from segae.data import Segment, Segmentation, unique_names
from segae.errors import InputError
from segae.geometry.box import Box
from segae.geometry.grid import Grid
from segae.io.image import StoredImage
from segae.io.mask_layers import mask_layers, same_grid
from segae.io.masks import (
    MaskReader,
    MaskRequest,
    boxes_by_label,
    known,
    of_no_segment,
    same_names,
    segment_of,
    whole_numbers,
)
from segae.io.nrrd import NRRD
from segae.labels.identify import identify
from segae.labels.terminology import terminology_for

_SEGMENT_ID = re.compile(r"Segment(\d+)_ID$")
_REFERENCE = re.compile(r"Reference image geometry\|([^|&]*)")


@dataclass(frozen=True)
class _Field:
    """What the header says of one segment."""

    id: str
    name: str
    layer: int
    value: int
    terminology: str


def _can_read(path: Path, request: MaskRequest) -> bool:
    """Whether the header describes segments, and nobody names the values otherwise."""
    if not NRRD.can_read(path) or not path.is_file() or request.name or request.names:
        return False
    return any(_SEGMENT_ID.match(key) for key in NRRD.read_header(path))


def _read(path: Path, request: MaskRequest) -> Segmentation:
    """The segments of the file, layer by layer; several may overlap, and several may have one name. Findings:
    UNNAMED_VALUE for voxels that belong to no segment, and SAME_NAME.

    A file that was cropped to its segments is put back on the grid of its reference image, which the header
    holds. Raises `InputError` for fields that do not fit the array.
    """
    image = NRRD.read(path, layers=True)
    layers = image.voxels if image.voxels.ndim == 4 else image.voxels[..., None]
    fields = _fields(image, layers.shape[-1])
    grid, offset = _reference_grid(image)
    unique = unique_names([field.name for field in fields], [field.id for field in fields])
    segments, findings = [], [*same_names([field.name for field in fields], unique, path)]
    for layer in sorted({field.layer for field in fields}):
        labels = whole_numbers(np.ascontiguousarray(layers[..., layer]), path)
        boxes = boxes_by_label(labels, path)
        findings += of_no_segment(set(boxes) - {f.value for f in fields if f.layer == layer}, path)
        for name, field in zip(unique, fields, strict=True):
            if field.layer != layer:
                continue
            box = boxes.get(field.value, Box.empty())
            inside = labels[box.slices] == field.value
            found = identify(
                field.name, segment_id=field.id, terminology=field.terminology, table=request.table
            )
            segments.append(segment_of(name, found, grid, box.shift(*offset[::-1].tolist()), inside, path))
    return Segmentation(tuple(known(segments, path)), str(path), tuple(findings))


def _fields(image: StoredImage, n_layers: int) -> list[_Field]:
    header = image.header
    numbers = sorted(int(match[1]) for match in map(_SEGMENT_ID.match, header) if match)
    fields = []
    for n in numbers:
        # Files from before shared layers have one layer per segment and neither field.
        layer = _integer(image, f"Segment{n}_Layer", n if n_layers == len(numbers) else 0)
        value = _integer(image, f"Segment{n}_LabelValue", 1)
        if not 0 <= layer < n_layers:
            raise InputError(
                f'"{image.path}" has segment {n} in layer {layer} of {n_layers}; save it again in 3D Slicer.'
            )
        identifier = header[f"Segment{n}_ID"]
        name = header.get(f"Segment{n}_Name", identifier)
        terminology = _terminology(header.get(f"Segment{n}_Tags", ""))
        fields.append(_Field(identifier, name, layer, value, terminology))
    return fields


def _integer(image: StoredImage, key: str, default: int) -> int:
    text = image.header.get(key, str(default))
    try:
        return int(text)
    except ValueError:
        raise InputError(f'"{image.path}" gives "{text}" as {key}; save it again from 3D Slicer.') from None


def _terminology(tags: str) -> str:
    """The terminology entry among the tags, which read Key:Value|Key:Value|."""
    entries = (tag.partition(":") for tag in tags.split("|"))
    return next((value for key, _, value in entries if key == "TerminologyEntry"), "")


def _reference_grid(image: StoredImage) -> tuple[Grid, np.ndarray]:
    """The reference image's grid and where (i, j, k) the stored array begins on it."""
    crop = replace(image.grid, is_crop=True)
    offset = image.header.get("Segmentation_ReferenceImageExtentOffset", "0 0 0").split()
    geometry = _REFERENCE.search(image.header.get("Segmentation_ConversionParameters", ""))
    extent = geometry[1].strip(";").split(";")[16:22] if geometry else []
    try:
        start = np.array([int(n) for n in offset])
        bounds = np.array([int(n) for n in extent]).reshape(-1, 2)
    except ValueError:
        return crop, np.zeros(3, int)
    stored = np.array(image.grid.size)
    if start.shape != (3,) or bounds.shape != (3, 2):
        return crop, np.zeros(3, int)
    start, size = start - bounds[:, 0], bounds[:, 1] - bounds[:, 0] + 1
    if (start < 0).any() or (start + stored > size).any():  # reaches beyond its reference
        return crop, np.zeros(3, int)
    affine = image.grid.affine.copy()
    affine[:3, 3] = image.grid.world(-start)
    return Grid((int(size[0]), int(size[1]), int(size[2])), affine, crop.placed, is_crop=True), start


_LPS = (-1.0, -1.0, 1.0)  # RAS to the space in which Slicer writes


def write_seg_nrrd(segments: Sequence[Segment], grid: Grid, stream: BinaryIO) -> None:
    """Write masks under their names, with the codes of their structures, as 3D Slicer does. Masks that
    overlap get layers of their own, empty ones are kept.

    All lie on `grid`, the whole of which is written. Raises `InputError` for a mask on another grid and for
    two masks of one name.
    """
    names = [segment.name for segment in segments]
    if len(set(names)) < len(names):
        double = next(name for name in names if names.count(name) > 1)
        raise InputError(f'Two masks are called "{double}"; give each its own name.')
    for segment in segments:
        if not same_grid(segment.grid, grid):
            raise InputError(f'"{segment.name}" does not lie on the grid of the other masks; load it again.')
    layers = mask_layers(segments)
    places = {
        place: (n, value)
        for n, layer in enumerate(layers)
        for value, place in enumerate(layer.places, start=1)
    }
    in_order = [places[n] for n in range(len(segments))]
    stream.write(_header_text(segments, grid, in_order, len(layers)).encode("utf-8", "backslashreplace"))
    packed = zlib.compressobj(1, zlib.DEFLATED, 16 + zlib.MAX_WBITS)  # with the frame of gzip
    plane = np.zeros((*grid.shape[1:], max(1, len(layers))), np.uint8)
    for k in range(grid.shape[0]):
        for n, layer in enumerate(layers):
            along, rows, columns = layer.box.slices
            inside = along.start <= k < along.stop
            plane[rows, columns, n] = layer.labels[k - along.start] if inside else 0
        stream.write(packed.compress(plane.data))
    stream.write(packed.flush())


def _header_text(
    segments: Sequence[Segment], grid: Grid, places: Sequence[tuple[int, int]], n_layers: int
) -> str:
    """The header, with the empty line that ends it. `places`: layer and value of each segment."""
    layered = n_layers > 1
    directions = [_vector(column) for column in (grid.affine[:3, :3] * np.array(_LPS)[:, None]).T]
    ni, nj, nk = grid.size
    fields = [
        "NRRD0004",
        "type: unsigned char",
        f"dimension: {4 if layered else 3}",
        "space: left-posterior-superior",
        f"sizes: {f'{n_layers} ' if layered else ''}{ni} {nj} {nk}",
        f"space directions: {'none ' if layered else ''}{' '.join(directions)}",
        f"kinds: {'list ' if layered else ''}domain domain domain",
        "encoding: gzip",
        f"space origin: {_vector(grid.affine[:3, 3] * _LPS)}",
    ]
    pairs = {
        "Segmentation_ContainedRepresentationNames": "Binary labelmap|",
        "Segmentation_MasterRepresentation": "Binary labelmap",
        "Segmentation_SourceRepresentation": "Binary labelmap",
        "Segmentation_ReferenceImageExtentOffset": "0 0 0",
    }
    for n, (segment, (layer, value)) in enumerate(zip(segments, places, strict=True)):
        entry = "" if segment.structure is None else terminology_for(segment.structure)
        pairs |= {
            f"Segment{n}_ID": f"Segment_{n + 1}",
            f"Segment{n}_Name": segment.name,
            f"Segment{n}_Extent": f"0 {ni - 1} 0 {nj - 1} 0 {nk - 1}",
            f"Segment{n}_LabelValue": str(value),
            f"Segment{n}_Layer": str(layer),
            f"Segment{n}_Tags": f"TerminologyEntry:{entry}|" if entry else "",
        }
    lines = (f"{key}:={_escaped(value)}" for key, value in pairs.items())
    return "\n".join([*fields, *lines]) + "\n\n"


def _vector(values: Iterable[float]) -> str:
    return f"({','.join(repr(float(value)) for value in values)})"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n")


SEG_NRRD = MaskReader(
    "3D Slicer segmentation",
    (".seg.nrrd",),
    "A segmentation of 3D Slicer, with names, terminology and overlapping segments, cropped or not.",
    "Values of no segment are left out with a finding; closed surfaces alone are not read.",
    _can_read,
    _read,
)
