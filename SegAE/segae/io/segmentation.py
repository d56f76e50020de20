"""Read masks with their names: one binary file, a folder of binary files, or a file with several segments."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

import numpy as np

from segae.data import Segment, Segmentation, pack
from segae.errors import InputError
from segae.geometry.box import Box
from segae.io.boxes import boxes_by_label, whole_numbers
from segae.io.image import StoredImage, is_image_name, read_image, stem
from segae.io.label_names import find_names_file, header_names, read_names
from segae.io.seg_nrrd import has_segments, read_segments
from segae.labels.identify import Identification, identify
from segae.labels.structure import Structure
from segae.labels.table import FIRST_STRUCTURE, LabelTable

_MARKS = (1, 255)  # what binary masks are usually filled with; anything else is taken for a label


def read_segmentation(
    path: str | Path,
    *,
    name: str | None = None,
    names: str | Path | None = None,
    only: Collection[str] | None = None,
    table: LabelTable | None = None,
) -> Segmentation:
    """Masks at `path`, each kept as bits inside its box.

    `path` is a folder of binary files named by organ; or one binary file, with `name` (or its file name)
    saying what it is; or a file with several segments, whose names come from `names` (JSON or CSV) or a file
    of that kind beside it, from its `.seg.nrrd` fields, from its NIfTI header, or else are DAP Atlas indices.
    `only` keeps the masks with these names. `table`: the structures that names can mean (None: the default
    one). Segments that no structure was found for have `structure` None and say why.

    Raises `InputError` for what cannot be read, is no mask, or when no name is known.
    """
    path = Path(path)
    table = table or LabelTable.default()
    wanted = None if only is None else _Wanted(only, table)
    if path.is_dir():
        if name is not None or names is not None:
            raise InputError(f'"{path}" is a folder, where files name the masks; give no other names.')
        segments = _read_folder(path, wanted, table)
    elif name is not None:
        segments = [_named_mask(read_image(path), name, table)]
    else:
        segments = [
            s for s in _read_file(path, names, table) if wanted is None or wanted(s.name, s.structure)
        ]
    if not segments and only is not None:
        raise InputError(f'"{path}" holds none of the masks {", ".join(only)}; ask for names that are there.')
    return Segmentation(tuple(segments), str(path))


class _Wanted:
    """Says of a mask whether it was asked for, by the file's own name or by the structure."""

    def __init__(self, only: Collection[str], table: LabelTable) -> None:
        self._names = set(only)
        self._structures = {_identify_given(name, table).structure for name in only} - {None}

    def __call__(self, name: str, structure: Structure | None) -> bool:
        return name in self._names or structure in self._structures


def _identify_given(name: str, table: LabelTable) -> Identification:
    """What a user's own word means, which may be a row of the table."""
    row = name.strip()
    return identify(value=int(row), table=table) if row.isdecimal() else identify(name, table=table)


def _read_folder(folder: Path, wanted: _Wanted | None, table: LabelTable) -> list[Segment]:
    inner = folder / "segmentations"
    if inner.is_dir():
        raise InputError(f'"{folder}" is no folder of masks but of a case; give "{inner}" or a single file.')
    files = sorted(file for file in folder.iterdir() if is_image_name(file) and stem(file) != "ct")
    if not files:
        raise InputError(f'"{folder}" holds no mask files (.nii.gz, .nrrd, .mha); give another folder.')
    segments = []
    for file in files:
        found = identify(stem(file), table=table)
        if wanted is None or wanted(stem(file), found.structure):
            segments.append(_binary(read_image(file), stem(file), found))
    if segments and all(segment.structure is None for segment in segments):
        raise InputError(f'No file name in "{folder}" is a known structure: {segments[0].reason}')
    return segments


def _read_file(path: Path, names: str | Path | None, table: LabelTable) -> Iterator[Segment]:
    image = read_image(path, layers=True)
    names_file = Path(names) if names is not None else find_names_file(path)
    if names_file is not None:
        return _labelled(image, read_names(names_file), table)
    if has_segments(image.header):
        return _known(read_segments(image, table), path)
    in_header = header_names(path)
    if in_header:
        return _labelled(image, in_header, table)
    return _unlabelled(image, table)


def _unlabelled(image: StoredImage, table: LabelTable) -> Iterator[Segment]:
    """A file without names: a binary mask if its name is a structure, else a map of DAP Atlas indices."""
    if image.voxels.ndim != 3:
        raise InputError(f'"{image.path}" holds several layers without names; save it as .seg.nrrd.')
    if identify(stem(image.path), table=table).structure is not None:
        yield _named_mask(image, stem(image.path), table)
        return
    labels = whole_numbers(image.voxels, image.path)
    boxes = boxes_by_label(labels, image.path)
    if not boxes or (len(boxes) == 1 and next(iter(boxes)) in _MARKS):
        yield _named_mask(image, stem(image.path), table)
        return
    # Rows 0 and 1 of the table are background and "left to annotate".
    boxes = {value: box for value, box in boxes.items() if value >= FIRST_STRUCTURE}
    found = {value: identify(value=value, table=table) for value in boxes}
    yield from _known(_cut(image, labels, boxes, {}, found), image.path)


def _labelled(image: StoredImage, names: Mapping[int, str], table: LabelTable) -> Iterator[Segment]:
    """Segments of a label map whose values have names; names without voxels are left out."""
    if image.voxels.ndim != 3:
        raise InputError(f'"{image.path}" holds several layers; names by value fit a file with one only.')
    labels = whole_numbers(image.voxels, image.path)
    boxes = boxes_by_label(labels, image.path)
    found = {value: _labelled_as(value, names, image.path, table) for value in boxes}
    return _known(_cut(image, labels, boxes, names, found), image.path)


def _labelled_as(value: int, names: Mapping[int, str], path: Path, table: LabelTable) -> Identification:
    if value in names:
        return identify(names[value], table=table)
    reason = f'The value {value} has no name in "{path}" or its names file; name it.'
    return Identification(None, reason, refusal="no name")


def _cut(
    image: StoredImage,
    labels: np.ndarray,
    boxes: Mapping[int, Box],
    names: Mapping[int, str],
    found: Mapping[int, Identification],
) -> Iterator[Segment]:
    for value, box in boxes.items():
        structure = found[value].structure
        name = names.get(value) or (structure.name if structure else f"label {value}")
        bits = pack(labels[box.slices] == value)
        yield Segment(name, structure, found[value].reason, image.grid, box, bits, str(image.path))


def _known(segments: Iterator[Segment], path: Path) -> Iterator[Segment]:
    """`segments`, unless not one of them has a structure."""
    all_segments = list(segments)
    if not all_segments:
        raise InputError(f'"{path}" holds no mask: every voxel is background; give another file.')
    if all(segment.structure is None for segment in all_segments):
        raise InputError(f'No label in "{path}" is a known structure: {all_segments[0].reason}')
    return iter(all_segments)


def _named_mask(image: StoredImage, name: str, table: LabelTable) -> Segment:
    found = _identify_given(name, table)
    if found.structure is None:
        raise InputError(f'The mask "{image.path}" cannot be scored: {found.reason}')
    return _binary(image, name, found)


def _binary(image: StoredImage, name: str, found: Identification) -> Segment:
    """The one mask in a file. Raises `InputError` unless it holds 0 and one other whole number."""
    box = Box.of_mask(image.voxels)
    inside = whole_numbers(image.voxels[box.slices], image.path)
    values = [int(inside.max()), int(inside.min())] if inside.size else [0, 0]
    value = values[0] or values[1]
    if ((inside != 0) & (inside != value)).any():
        raise InputError(
            f'"{image.path}" is taken for one mask ("{name}") but holds more than 0 and one other value; '
            "give a binary mask, or name its labels in a JSON or CSV file."
        )
    return Segment(name, found.structure, found.reason, image.grid, box, pack(inside != 0), str(image.path))
