"""A mask as JSON values: its bits inside its box, compressed, as base64 text."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from segae.data import Segment
from segae.geometry.grid import Grid
from segae.labels.table import by_index


def pack(segment: Segment) -> dict[str, Any]:
    """`segment` as JSON values; it need not lie on the grid of a CT that the reader has."""
    return {
        "name": segment.name,
        "structure": None if segment.structure is None else segment.structure.index,
        "reason": segment.reason,
        "size": list(segment.grid.size),
        "affine": segment.grid.affine.tolist(),
        "box": [[extent.start, extent.stop] for extent in segment.box],
        "bits": base64.b64encode(zlib.compress(segment.bits.tobytes(), 1)).decode("ascii"),
    }


def unpack(values: Mapping[str, Any]) -> Segment:
    """Inverse of `pack`; raises KeyError, TypeError or ValueError for anything else."""
    k, j, i = (slice(start, stop) for start, stop in values["box"])
    shape = (k.stop - k.start, j.stop - j.start, -(-(i.stop - i.start) // 8))
    try:
        raw = zlib.decompress(base64.b64decode(values["bits"], validate=True))
    except zlib.error as error:
        raise ValueError(str(error)) from error
    ni, nj, nk = values["size"]
    return Segment(
        values["name"],
        None if values["structure"] is None else by_index(values["structure"]),
        values["reason"],
        Grid((ni, nj, nk), np.array(values["affine"], float)),
        (k, j, i),
        np.frombuffer(raw, np.uint8).reshape(shape),
    )
