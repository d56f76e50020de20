"""One mask in one slice, with its CT and its truth: what everything is trained on and measured with."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from segae.geometry.box import Box
from segae.geometry.grid import Grid
from segae.geometry.orientation import FILE
from segae.labels.structure import Structure
from segae.labels.table import LabelTable
from segae_trainer.data.synthetic_errors import DEGRADATIONS

if TYPE_CHECKING:
    from segae.inputs.stack import CTStack

ORIENTATION = "LAS"
LOWEST_HU, HIGHEST_HU = -1024, 3071

PSEUDO_LABEL, MISSED, INVENTED = PREDICTED = ("pseudo label", "missed", "invented")
ERRORS = (*DEGRADATIONS, "several")  # synthetic errors whose Dice spreads evenly over 0..1
# "no overlap": beside the organ; "empty": the organ is there and the mask is not; "beyond its end": the mask
# goes on where the organ has ended; "absent", "searched": no mask, cut round where the organ was near, or
# round the whole body.
KINDS = (
    *PREDICTED, *ERRORS, "fine noise", "exact", "wrong name", "no overlap", "empty", "beyond its end",
    "absent", "searched",
)  # fmt: skip
NOT_OWN_NAME = ("wrong name", "absent", "searched")  # kinds that do not show what the name looks like
SYNTHETIC = "synthetic"  # the source of all that no segmenter and no person drew

CropBox = tuple[int, int, int, int]  # first and last row, first and last column, ends half-open


@dataclass(frozen=True, eq=False)
class LabelledScan:
    """A CT with its true masks, in the axis order `ORIENTATION`.

    `ct` (K, H, W) int16 HU, clipped; `labels` (K, H, W) uint8: indices of the label table; `spacing`: mm
    between slices, rows and columns. `known`: structures whose masks are known, so that what is not marked
    is not the organ; `absent`: structures that were looked for and are not in the scan. `label_table`: what
    the indices mean.
    """

    name: str
    patient: str
    ct: np.ndarray
    labels: np.ndarray
    spacing: tuple[float, float, float]
    known: frozenset[int] = frozenset()
    absent: frozenset[int] = frozenset()
    label_table: LabelTable = field(default_factory=LabelTable.default)

    @property
    def pixel_mm(self) -> tuple[float, float]:
        """Millimetres between rows and between columns."""
        return self.spacing[1:]

    @property
    def slice_mm(self) -> float:
        """Millimetres between slices."""
        return self.spacing[0]

    @cached_property
    def stack(self) -> CTStack:
        """The CT as a network sees it, with the patient's outline; it shares the memory of `ct`, which must
        not be write-protected."""
        import torch  # the panel in Slicer describes sets without it

        from segae.inputs.position import body_outline
        from segae.inputs.stack import CTStack

        slices, rows, columns = self.ct.shape
        slice_mm, row_mm, column_mm = self.spacing
        grid = Grid((columns, rows, slices), np.diag([column_mm, row_mm, slice_mm, 1.0]))
        voxels = torch.from_numpy(self.ct)
        return CTStack(voxels, grid, grid, FILE, body_outline(voxels, self.spacing))

    def structures(self, k: int) -> list[int]:
        """Structures with a true mask in slice `k`."""
        return [int(index) for index in np.unique(self.labels[k]) if index]

    def truth(self, k: int, structure: int) -> np.ndarray:
        """The true mask (H, W) bool."""
        return self.labels[k] == structure

    def without(self, structures: set[int]) -> LabelledScan:
        """The scan with some structures turned into background, because their masks cannot be trusted."""
        labels = np.where(np.isin(self.labels, list(structures)), 0, self.labels).astype(np.uint8)
        return replace(self, labels=labels, known=self.known - structures)

    def coarser(self, factor: int) -> LabelledScan:
        """The scan on pixels `factor` times as large: CT averaged over blocks, labels as at the blocks'
        centres."""
        slices = len(self.ct)
        rows, columns = (n // factor * factor for n in self.ct.shape[1:])
        blocks = self.ct[:, :rows, :columns].reshape(
            slices, rows // factor, factor, columns // factor, factor
        )
        centres = slice(factor // 2, None, factor)
        return replace(
            self,
            name=f"{self.name}-x{factor}",
            ct=blocks.mean(axis=(2, 4), dtype=np.float32).astype(np.int16),
            labels=np.ascontiguousarray(self.labels[:, :rows, :columns][:, centres, centres]),
            spacing=(self.spacing[0], self.spacing[1] * factor, self.spacing[2] * factor),
        )


@dataclass(frozen=True, eq=False)
class Sample:
    """A mask (H, W) bool in slice `slice` of a scan, and the label index `structure` that it is said to be.

    `kind`: one of `KINDS`; `source`: who made the mask. `variant`: which variation of the CT's grey values
    it was drawn for, 0 for none. `crop_box`: what the crop is cut round, None for the whole body.
    """

    scan: LabelledScan
    slice: int
    structure: int
    mask: np.ndarray
    kind: str
    source: str = SYNTHETIC
    variant: int = 0
    crop_box: CropBox | None = None

    @property
    def ct(self) -> np.ndarray:
        """The slice (H, W) in HU."""
        return self.scan.ct[self.slice]

    @property
    def truth(self) -> np.ndarray:
        """The true mask (H, W) bool of the structure."""
        return self.scan.truth(self.slice, self.structure)

    @property
    def label(self) -> Structure:
        """The row of the label table that the mask is said to be."""
        return self.scan.label_table.by_index(self.structure)

    @property
    def dice(self) -> float:
        """True Dice over the whole slice, NaN where neither mask nor organ has a pixel."""
        truth = self.truth
        total = np.count_nonzero(self.mask) + np.count_nonzero(truth)
        return 2 * np.count_nonzero(self.mask & truth) / total if total else float("nan")

    @property
    def known(self) -> bool:
        """Whether the scan's masks of this structure are known."""
        return self.structure in self.scan.known

    def square_mm(self, mask: np.ndarray) -> float:
        """Area of `mask` (H, W) in mm2."""
        return float(np.count_nonzero(mask)) * self.scan.spacing[1] * self.scan.spacing[2]


class Samples(Sequence[Sample]):
    """Samples that are made when they are needed, each from one of `entries`, the same every time."""

    def __init__(self, entries: Sequence[Any], make: Callable[[Any], Sample]) -> None:
        self._entries, self._make = entries, make

    def __len__(self) -> int:
        return len(self._entries)

    @overload
    def __getitem__(self, place: int) -> Sample: ...
    @overload
    def __getitem__(self, place: slice) -> Samples: ...
    def __getitem__(self, place: int | slice) -> Sample | Samples:
        if isinstance(place, slice):
            return Samples(self._entries[place], self._make)
        return self._make(self._entries[place])


def box_of(mask: np.ndarray) -> CropBox:
    """The box of a mask (H, W) that is not empty."""
    return edges_of(Box.of_mask(mask))


def edges_of(box: Iterable[slice]) -> CropBox:
    """First and last row, first and last column, ends half-open."""
    rows, columns = box
    return rows.start, rows.stop, columns.start, columns.stop
