"""A CT and its masks in a folder, on their way from one process to another.

`ct.npy`: the voxels [k, j, i] in their own number type; left out when the receiver still has them.
`masks.npy`: the packed bits of all segments, one after the other (uint8, flat). `payload.json`: the rest; a
segment holds its structure and says its grid by position in "grids", where 0 is that of the CT. Masks that
travel alone have `masks.json` in its place.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from segae.data import Segment, Segmentation, Volume
from segae.finding import Finding
from segae.geometry.box import Box
from segae.geometry.grid import Grid
from segae.jobs.settings import JobSettings
from segae.labels.structure import Structure

_SLAB = 16 << 20  # bytes that are written between two looks at whether to go on


@dataclass(frozen=True, eq=False)
class Payload:
    """What one job works on. `digest` identifies the voxels of `ct`."""

    ct: Volume
    digest: str
    segmentation: Segmentation
    settings: JobSettings


def digest_of(voxels: np.ndarray, go_on: Callable[[], None]) -> str:
    """A hash of shape, number type and voxels; `go_on` is called between slabs and may raise."""
    digest = hashlib.blake2b(f"{voxels.dtype.str} {voxels.shape}".encode())
    for slab in _slabs(voxels):
        go_on()
        digest.update(slab)
    return digest.hexdigest()


def write_payload(folder: Path, payload: Payload, *, with_ct: bool, go_on: Callable[[], None]) -> None:
    """Fill `folder`, which is made; `go_on` is called between slabs and may raise. Raises OSError when it
    cannot be written."""
    folder.mkdir(mode=0o700)
    if with_ct:
        _save(folder / "ct.npy", payload.ct.voxels, go_on)
    content = {
        "ct": {
            "source": payload.ct.source,
            "digest": payload.digest,
            "findings": [asdict(finding) for finding in payload.ct.findings],
        },
        "masks": _write_masks(folder, payload.segmentation, [payload.ct.grid], go_on),
        "settings": payload.settings.as_dict(),
    }
    (folder / "payload.json").write_text(json.dumps(content), encoding="utf-8")


def read_payload(folder: Path, kept: Payload | None = None) -> Payload:
    """What `write_payload` wrote; the voxels come from `kept`, an earlier payload, when they were left out.

    Raises OSError, ValueError or KeyError for a folder that is not whole.
    """
    content = json.loads((folder / "payload.json").read_text(encoding="utf-8"))
    digest = content["ct"]["digest"]
    if kept is not None and kept.digest == digest:
        voxels = kept.ct.voxels
    else:
        voxels = np.load(folder / "ct.npy", allow_pickle=False)
    segmentation, grids = _read_masks(folder, content["masks"])
    findings = tuple(map(Finding.from_dict, content["ct"]["findings"]))
    return Payload(
        Volume(voxels, grids[0], content["ct"]["source"], findings),
        digest,
        segmentation,
        JobSettings.from_dict(content["settings"]),
    )


def write_masks(folder: Path, segmentation: Segmentation) -> None:
    """Masks alone, into a folder that is there. Raises OSError when they cannot be written."""
    content = _write_masks(folder, segmentation, [], lambda: None)
    (folder / "masks.json").write_text(json.dumps(content), encoding="utf-8")


def read_masks(folder: Path) -> Segmentation:
    """What `write_masks` wrote; raises as `read_payload`."""
    content = json.loads((folder / "masks.json").read_text(encoding="utf-8"))
    return _read_masks(folder, content)[0]


def _write_masks(
    folder: Path, segmentation: Segmentation, grids: list[Grid], go_on: Callable[[], None]
) -> dict[str, Any]:
    """Write the bits; returns the rest. `grids`: those that have a position already."""
    segments = [_described(segment, grids) for segment in segmentation.segments]
    bits = [segment.bits.ravel() for segment in segmentation.segments]
    _save(folder / "masks.npy", np.concatenate([np.zeros(0, np.uint8), *bits]), go_on)
    return {
        "grids": [
            {"size": list(grid.size), "affine": grid.affine.tolist(), "kind": [grid.placed, grid.is_crop]}
            for grid in grids
        ],
        "source": str(segmentation.source),
        "segments": segments,
        "findings": [asdict(finding) for finding in segmentation.findings],
    }


def _read_masks(folder: Path, content: dict[str, Any]) -> tuple[Segmentation, list[Grid]]:
    grids = [
        Grid(tuple(grid["size"]), np.array(grid["affine"], float), *grid["kind"]) for grid in content["grids"]
    ]
    bits = np.load(folder / "masks.npy", allow_pickle=False)
    findings = tuple(map(Finding.from_dict, content["findings"]))
    segments = tuple(_segments(content["segments"], grids, bits))
    return Segmentation(segments, content["source"], findings), grids


def _slabs(array: np.ndarray) -> Iterator[memoryview]:
    """Contiguous runs of whole planes, each of about `_SLAB` bytes."""
    planes = max(1, _SLAB // max(1, array[:1].nbytes))
    for start in range(0, len(array), planes):
        yield np.ascontiguousarray(array[start : start + planes]).data


def _save(path: Path, array: np.ndarray, go_on: Callable[[], None]) -> None:
    with path.open("xb") as file:
        header = {"descr": array.dtype.str, "fortran_order": False, "shape": array.shape}
        np.lib.format.write_array_header_1_0(file, header)
        for slab in _slabs(array):
            go_on()
            file.write(slab)


def _described(segment: Segment, grids: list[Grid]) -> dict[str, Any]:
    """A segment without its bits; its grid is added to `grids` when it is a new one."""
    return {
        "name": segment.name,
        "structure": None if segment.structure is None else segment.structure.to_json(),
        "reason": segment.reason,
        "confidence": segment.confidence,
        "source": segment.source,
        "box": [[extent.start, extent.stop] for extent in segment.box],
        "bits": list(segment.bits.shape),
        "grid": _position(segment.grid, grids),
    }


def _position(grid: Grid, grids: list[Grid]) -> int:
    for position, other in enumerate(grids):
        kinds = (other.size, other.placed, other.is_crop) == (grid.size, grid.placed, grid.is_crop)
        if other is grid or (kinds and np.array_equal(other.affine, grid.affine)):
            return position
    grids.append(grid)
    return len(grids) - 1


def _segments(described: list[dict[str, Any]], grids: list[Grid], masks: np.ndarray) -> Iterator[Segment]:
    start = 0
    for one in described:
        count = int(np.prod(one["bits"]))
        bits = masks[start : start + count].reshape(one["bits"])
        start += count
        structure = None if one["structure"] is None else Structure.from_json(one["structure"])
        box = Box(tuple(slice(*ends) for ends in one["box"]))
        place = grids[one["grid"]], box, bits, one["source"]
        yield Segment(one["name"], structure, one["reason"], *place, one["confidence"])
