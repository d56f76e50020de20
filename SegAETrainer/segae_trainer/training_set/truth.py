"""The true masks of a scan, and the growing string of bits in which masks and truths are kept."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

import numpy as np
from scipy import ndimage

from segae_trainer.training_set.arrays import N_ROWS


class Stored(NamedTuple):
    """Where the bits of a mask stand: its box (first and last row, first and last column), its first byte,
    and its number of pixels."""

    box: tuple[int, int, int, int] = (0, 0, 0, 0)
    at: int = 0
    pixels: int = 0


EMPTY = Stored()


class Truth:
    """True masks by slice and row of the label table; each is stored once, when it is first asked for.

    `labels` (K, H, W): rows of the label table. `pixels` (K, rows): size of every mask. `bits`: what was
    stored so far.
    """

    def __init__(self, labels: np.ndarray) -> None:
        self.labels = labels
        self.pixels = np.stack([count_rows(slice_labels) for slice_labels in labels])
        self.bits = bytearray()
        self._stored: dict[tuple[int, int], Stored] = {}

    def mask(self, k: int, structure: int) -> np.ndarray:
        """The true mask (H, W) bool of a structure in slice `k`."""
        return self.labels[k] == structure

    def stored(self, k: int, structure: int) -> Stored:
        """Where the true mask is kept."""
        if not self.pixels[k, structure]:
            return EMPTY
        if (k, structure) not in self._stored:
            self._stored[k, structure] = self.store(self.mask(k, structure))
        return self._stored[k, structure]

    def store(self, mask: np.ndarray, box: tuple[slice, slice] | None = None) -> Stored:
        """Keep any `mask` (H, W) bool; `box` is its extent (rows, columns), where that is known."""
        box = box or next(iter(ndimage.find_objects(mask.view(np.uint8))), None)
        if box is None:
            return EMPTY
        rows, columns = box
        at, inside = len(self.bits), mask[box]
        self.bits += np.packbits(inside).tobytes()
        edges = (rows.start, rows.stop, columns.start, columns.stop)
        return Stored(edges, at, int(np.count_nonzero(inside)))

    def organs(self, structures: Collection[int]) -> np.ndarray:
        """(N, 2): slice and row of every true mask of `structures`."""
        rows = np.array(sorted(structures), int)
        k, place = np.nonzero(self.pixels[:, rows])
        return np.column_stack((k, rows[place]))


def count_rows(labels: np.ndarray) -> np.ndarray:
    """Pixels of every row of the label table in `labels`."""
    return np.bincount(labels.ravel(), minlength=N_ROWS)
