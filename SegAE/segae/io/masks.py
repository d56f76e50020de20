"""What readers of masks share: what is asked of them, and the way from values in a file to segments.

A format of masks is a `MaskReader`; `segae.io.segmentation` lists them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from segae.data import CTPlace, Segment, Segmentation, pack
from segae.errors import InputError
from segae.files import shown_path
from segae.finding import Finding
from segae.geometry.box import Box, boxes_of_labels, enclosing_box
from segae.geometry.grid import Grid
from segae.io.image import StoredImage
from segae.labels.identify import Identification, identify
from segae.labels.structure import Structure
from segae.labels.table import LabelTable

_MOST_LABELS = 1000  # more different values than any label map has: an image, not masks
_HIGHEST_LABEL = 65535
_ROUNDED = 1e-3  # by which arithmetic puts a label off its whole number
_MOST_ROUNDED = 0.01  # more is no rounding, whatever the header's scaling is


MaskPart = tuple[Box, np.ndarray]  # what fills a box (k, j, i; boolean)


@dataclass(frozen=True)
class MaskRequest:
    """What a user says about masks: `name` of a single one, the file or named scheme with the `names` of
    values, `only` these masks (by the file's name or by structure; None: all), and the `table` of structures
    that names can mean. `values`: the named scheme that holds for values which nothing else names, because
    the layout of the data set says so. `ct`: what the masks belong to, where it is known.
    """

    table: LabelTable
    name: str | None = None
    names: Path | None = None
    only: Collection[str] | None = None
    values: str | None = None
    ct: CTPlace | None = None

    def identify(self, name: str) -> Identification:
        """What a name in a file means."""
        return identify(name, table=self.table)

    def identify_given(self, name: str) -> Identification:
        """What a user's own word means, which may be a row of the table."""
        row = name.strip()
        return identify(value=int(row), table=self.table) if row.isdecimal() else self.identify(name)

    def keeps(self, name: str, structure: Structure | None) -> bool:
        """Whether a mask is among those that are wanted."""
        if self.only is None or name in self.only:
            return True
        return structure is not None and structure in map(self._structure, self.only)

    def _structure(self, name: str) -> Structure | None:
        return self.identify_given(name).structure


@dataclass(frozen=True)
class MaskReader:
    """How one format of masks is read: `can_read` says whether it is this one, `read` gives its segments and
    what was noticed about them. `suffixes`: of the files; `description`: one sentence for people, `limits`
    another, about what is refused or left out."""

    name: str
    suffixes: tuple[str, ...]
    description: str
    limits: str
    can_read: Callable[[Path, MaskRequest], bool]
    read: Callable[[Path, MaskRequest], Segmentation]


def whole_numbers(voxels: np.ndarray, path: Path, precision: float = 0.0) -> np.ndarray:
    """`voxels` (nk, nj, ni) as integers; raises `InputError` if a value is no whole number.

    Values may lie off by rounding, or by the `precision` with which the file stores numbers.
    """
    if voxels.dtype.kind in "iub":
        return voxels
    tolerance = min(max(precision, _ROUNDED), _MOST_ROUNDED)
    whole = np.empty(voxels.shape, np.int32)
    for k, plane in enumerate(voxels):
        limit = 2**31 - 1
        if not (np.isfinite(plane).all() and (np.abs(plane) < limit).all()):
            raise InputError(f'"{path}" holds values that are no labels; store masks as whole numbers.')
        whole[k] = np.round(plane)
        off = np.abs(whole[k] - plane) > tolerance
        if off.any():
            value = float(plane[off][0])
            raise InputError(
                f'"{path}" holds {value:g} and is no mask; cut it off at a threshold and store 0 and 1, '
                "or whole numbers."
            )
    return whole


def boxes_by_label(labels: np.ndarray, path: Path) -> dict[int, Box]:
    """Box (k, j, i) of each value but 0 of an integer array.

    Raises `InputError` when the values cannot be labels: negative, beyond 65535, or more than a thousand.
    """
    lowest, highest = int(labels.min()), int(labels.max())
    if lowest < 0 or highest > _HIGHEST_LABEL:
        raise InputError(f'"{path}" holds values from {lowest} to {highest}, no labels; give a label map.')
    boxes = boxes_of_labels(labels)
    if len(boxes) > _MOST_LABELS:
        raise InputError(f'"{path}" holds {len(boxes)} different values and is no label map; give masks.')
    return boxes


def binary_segment(image: StoredImage, name: str, found: Identification) -> Segment:
    """The one mask in a file. Raises `InputError` unless it holds 0 and one other whole number."""
    labels = whole_numbers(image.voxels, image.path, image.precision)
    box = Box.of_mask(labels)
    inside = labels[box.slices]
    values = [int(inside.max()), int(inside.min())] if inside.size else [0, 0]
    value = values[0] or values[1]
    if ((inside != 0) & (inside != value)).any():
        raise InputError(
            f'"{image.path}" is taken for one mask ("{name}") but holds more than 0 and one other value; '
            "give a binary mask, or name its labels in a JSON or CSV file."
        )
    return segment_of(name, found, image.grid, box, inside != 0, image.path)


def segment_of(
    name: str, found: Identification, grid: Grid, box: Box, inside: np.ndarray, path: Path
) -> Segment:
    """A segment from what fills its box (boolean)."""
    bits = pack(inside)
    source = shown_path(path)
    return Segment(shown_path(name), found.structure, found.reason, grid, box, bits, source, found.confidence)


def joined(parts: Sequence[MaskPart]) -> MaskPart:
    """The parts of one mask in the box that holds them all."""
    box = enclosing_box(one for one, _ in parts)
    inside = np.zeros(box.shape, bool)
    for own, part in parts:
        inside[own.relative_to(box).slices] |= part
    return box, inside


def of_no_segment(values: Collection[int], path: Path) -> list[Finding]:
    """A finding for values that no segment has, as a deleted segment leaves them."""
    if not values:
        return []
    which = f"value {min(values)}" if len(values) == 1 else f"values {', '.join(map(str, sorted(values)))}"
    text = f'"{path}" holds the {which} of no segment; these voxels are left out, name them in 3D Slicer.'
    return [Finding("UNNAMED_VALUE", "warning", text, source=str(path))]


def same_names(written: Sequence[str], unique: Sequence[str], path: Path) -> tuple[Finding, ...]:
    """A finding SAME_NAME for each name that several masks of a file have. `written`: their names in the
    file; `unique`: those that they have in results."""
    findings = []
    for name in dict.fromkeys(one for one, other in zip(written, unique, strict=True) if one != other):
        called = tuple(other for one, other in zip(written, unique, strict=True) if one == name)
        text = (
            f'{len(called)} masks in "{path}" are called "{name}" and are listed as '
            f"{' and '.join(called)}; give each its own name."
        )
        findings.append(Finding("SAME_NAME", "warning", text, called, str(path)))
    return tuple(findings)


def known(segments: Sequence[Segment], path: Path) -> Sequence[Segment]:
    """`segments`, unless there are none or not one of them has a structure (`InputError`)."""
    if not segments:
        raise InputError(f'"{path}" holds no mask: every voxel is background; give another file.')
    if all(segment.structure is None for segment in segments):
        raise InputError(f'No label in "{path}" is a known structure: {segments[0].reason}')
    return segments
