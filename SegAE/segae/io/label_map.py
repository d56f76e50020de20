"""An image file with one mask, or with several that its values tell apart.

Values are named by a JSON or CSV file, by the label table in a NIfTI header, or else are rows of the label
table, as in the DAP Atlas.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from segae.data import Segment
from segae.errors import InputError
from segae.io.image import StoredImage
from segae.io.label_names import find_names_file, header_names, read_names
from segae.io.masks import (
    MaskReader,
    MaskRequest,
    binary_segment,
    boxes_by_label,
    known,
    segment_of,
    whole_numbers,
)
from segae.io.readers import read_image, stem
from segae.labels.identify import Identification, identify
from segae.labels.table import FIRST_STRUCTURE

_MARKS = (1, 255)  # what binary masks are usually filled with; anything else is taken for a label


def _read(path: Path, request: MaskRequest) -> Sequence[Segment]:
    if request.name is not None:
        return [_named_mask(read_image(path), request.name, request)]
    image = read_image(path, layers=True)
    names_file = request.names or find_names_file(path)
    names = read_names(names_file) if names_file is not None else header_names(path)
    return _named_labels(image, names, request) if names or names_file else _unnamed(image, request)


def _unnamed(image: StoredImage, request: MaskRequest) -> Sequence[Segment]:
    """A file without names: a binary mask if its name is a structure, else a map of rows of the table."""
    if image.voxels.ndim != 3:
        raise InputError(f'"{image.path}" holds several layers without names; save it as .seg.nrrd.')
    name = stem(image.path)
    if request.identify(name).structure is not None:
        return [_named_mask(image, name, request)]
    labels = whole_numbers(image.voxels, image.path)
    boxes = boxes_by_label(labels, image.path)
    if not boxes or (len(boxes) == 1 and next(iter(boxes)) in _MARKS):
        return [_named_mask(image, name, request)]
    segments = []
    for value, box in boxes.items():
        if value >= FIRST_STRUCTURE:  # rows 0 and 1 of the table are background and "left to annotate"
            found = identify(value=value, table=request.table)
            called = f"label {value}" if found.structure is None else found.structure.name
            inside = labels[box.slices] == value
            segments.append(segment_of(called, found, image.grid, box, inside, image.path))
    return known(segments, image.path)


def _named_labels(image: StoredImage, names: Mapping[int, str], request: MaskRequest) -> Sequence[Segment]:
    """Segments of a label map whose values have names; names without voxels are left out."""
    if image.voxels.ndim != 3:
        raise InputError(f'"{image.path}" holds several layers; names by value fit a file with one only.')
    labels = whole_numbers(image.voxels, image.path)
    segments = []
    for value, box in boxes_by_label(labels, image.path).items():
        name = names.get(value) or f"label {value}"
        found = _identify_value(value, names, image.path, request)
        inside = labels[box.slices] == value
        segments.append(segment_of(name, found, image.grid, box, inside, image.path))
    return known(segments, image.path)


def _identify_value(value: int, names: Mapping[int, str], path: Path, request: MaskRequest) -> Identification:
    if value in names:
        return request.identify(names[value])
    reason = f'The value {value} has no name in "{path}" or its names file; name it.'
    return Identification(None, reason, refusal="no name")


def _named_mask(image: StoredImage, name: str, request: MaskRequest) -> Segment:
    found = request.identify_given(name) if name == request.name else request.identify(name)
    if found.structure is None:
        raise InputError(f'The mask "{image.path}" cannot be scored: {found.reason}')
    return binary_segment(image, name, found)


LABEL_MAP = MaskReader("mask or label map", lambda path, request: True, _read)
