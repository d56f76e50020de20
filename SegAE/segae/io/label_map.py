"""An image file with one mask, or with several that its values tell apart.

Values are named by what the user gives, by the label table in a NIfTI header, by a file beside the mask, or
by the layout of the data set. Values that nothing names are never guessed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from segae.data import Segment, Segmentation, unique_names
from segae.errors import InputError, way
from segae.finding import Finding
from segae.geometry.box import Box
from segae.io.image import StoredImage
from segae.io.label_names import LabelNames, label_names, names_given
from segae.io.masks import (
    MaskReader,
    MaskRequest,
    binary_segment,
    boxes_by_label,
    known,
    same_names,
    segment_of,
    whole_numbers,
)
from segae.io.readers import SUFFIXES, read_image, stem
from segae.labels.identify import Identification
from segae.labels.schemes import schemes

_MARKS = (1, 255)  # what binary masks are usually filled with; anything else is taken for a label
_SHOWN = 8


def _read(path: Path, request: MaskRequest) -> Segmentation:
    image = read_image(path, layers=request.name is None)
    read = _segments(image, request)
    return replace(read, findings=(*image.findings, *read.findings))


def _segments(image: StoredImage, request: MaskRequest) -> Segmentation:
    path = image.path
    if request.name is not None:
        return Segmentation((_named_mask(image, request.name, request),), str(path))
    names = label_names(path, request.names, request.table)
    if image.voxels.ndim != 3:
        which = "holds several layers; names by value fit a file with one only"
        raise InputError(f'"{path}" {which if names.labels else "holds several layers without names"}; save '
                         "it as .seg.nrrd.")  # fmt: skip
    if names.source != _HEADER and not names.asked:
        named = _by_file_name(image, names, request)
        if named is not None:
            return named
    if not names.labels and not names.asked:
        names = _of_layout(image, names, request)
    return _named_labels(image, names, request)


_HEADER = "its header"


def _by_file_name(image: StoredImage, names: LabelNames, request: MaskRequest) -> Segmentation | None:
    """The one mask of a file that is named after its organ, or that nothing else can name; None for a label
    map. A file beside it that says something else is told of and not used."""
    name = stem(image.path)
    called = request.identify(name)
    if called.structure is None:
        if names.labels or request.values is not None:
            return None
        values = _values(image)
        if values and (len(values) > 1 or values[0] not in _MARKS):
            return None
    findings = list(names.findings)
    if names.labels:
        values = _values(image)
        beside = request.identify(names.of_value(values[0]) or "") if len(values) == 1 else called
        if len(values) > 1:
            return None
        if beside.structure != called.structure:
            findings = [f for f in findings if f.code != "NAMES_FOUND"]
            text = (
                f'The file "{image.path}" is taken for {called.structure} by its name, though {names.source} '
                f"beside it names its value {values[0] if values else 0} otherwise; see which is right."
            )
            findings.append(Finding("NAMES_NOT_USED", "warning", text, (name,), str(image.path)))
    return Segmentation((_named_mask(image, name, request),), str(image.path), tuple(findings))


def _values(image: StoredImage) -> list[int]:
    return sorted(boxes_by_label(whole_numbers(image.voxels, image.path, image.precision), image.path))


def _of_layout(image: StoredImage, names: LabelNames, request: MaskRequest) -> LabelNames:
    """What the layout of the data set says about values that nothing else names; raises `InputError`."""
    if request.values is not None:
        labels = names_given(Path(request.values), table=request.table)
        return LabelNames(labels, f"the layout ({request.values})", findings=names.findings)
    values = _values(image)
    shown = ", ".join(map(str, values[:_SHOWN]))
    more = f" and {len(values) - _SHOWN} more" if len(values) > _SHOWN else ""
    raise InputError(
        f'"{image.path}" holds the values {shown}{more}, and nothing says what they stand for; '
        + way(
            'give --names with a file that says it, such as {"1": "liver"} in JSON, or with the scheme that '
            f"the file follows: {', '.join(schemes())}.",
            "choose whose label map it is under Label names, or put a file beside it that says it, such as "
            f'{{"1": "liver"}} in "{stem(image.path)}.json".',
        )
    )


def _named_labels(image: StoredImage, names: LabelNames, request: MaskRequest) -> Segmentation:
    """Segments of a label map whose values have names; names without voxels are left out."""
    labels = whole_numbers(image.voxels, image.path, image.precision)
    boxes = boxes_by_label(labels, image.path)
    named = {value for label in names.labels for value in label.values}
    found: list[tuple[str, tuple[int, ...], Identification]] = [
        (label.name, here, request.identify(label.name))
        for label in names.labels
        if (here := tuple(value for value in label.values if value in boxes))
    ]
    found += [(f"label {value}", (value,), _nameless(value, names)) for value in boxes if value not in named]
    found.sort(key=lambda one: one[1])
    written = [name for name, _, _ in found]
    unique = unique_names(written, [" ".join(map(str, values)) for _, values, _ in found])
    segments = [
        _segment(image, labels, boxes, name, values, identified)
        for name, (_, values, identified) in zip(unique, found, strict=True)
    ]
    findings = (*names.findings, *same_names(written, unique, image.path))
    return Segmentation(tuple(known(segments, image.path)), str(image.path), findings)


def _segment(
    image: StoredImage,
    labels: np.ndarray,
    boxes: Mapping[int, Box],
    name: str,
    values: Sequence[int],
    found: Identification,
) -> Segment:
    box = boxes[values[0]]
    for value in values[1:]:
        box = box.union(boxes[value])
    inside = labels[box.slices] == values[0] if len(values) == 1 else np.isin(labels[box.slices], values)
    return segment_of(name, found, image.grid, box, inside, image.path)


def _nameless(value: int, names: LabelNames) -> Identification:
    reason = f"The value {value} has no name in {names.source}; name it."
    return Identification(None, reason, refusal="no name")


def _named_mask(image: StoredImage, name: str, request: MaskRequest) -> Segment:
    found = request.identify_given(name) if name == request.name else request.identify(name)
    if found.structure is None:
        raise InputError(f'The mask "{image.path}" cannot be scored: {found.reason}')
    return binary_segment(image, name, found)


LABEL_MAP = MaskReader(
    "mask or label map",
    SUFFIXES,
    "An image with one mask, named by its file, or with several masks that its values tell apart.",
    "Values that nothing names, values that are no whole numbers, and several layers are refused.",
    lambda path, request: True,
    _read,
)
