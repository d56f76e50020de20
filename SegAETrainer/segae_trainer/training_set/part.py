"""What one scan gives to a training set, kept on the disk until all scans are done."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from segae.whole_file import whole_file
from segae_trainer.index.scan import Scan
from segae_trainer.training_set.arrays import read_arrays
from segae_trainer.training_set.layout import ct_file
from segae_trainer.training_set.pairs import Plan, scan_pairs
from segae_trainer.training_set.store import StoredScan

UNFINISHED = "unfinished"  # folder inside the set


@dataclass(frozen=True)
class Part:
    """`scan` as the set tells of it, its number of pairs and bytes of bits, the SHA-256 of its CT, and the
    rows whose pseudo labels were left out since its true masks do not know them."""

    scan: StoredScan
    pairs: int
    mask_bytes: int
    ct_sha256: str
    unknown: tuple[int, ...]


def part_folder(folder: Path, scan: str) -> Path:
    """Where the part of `scan` waits, with `pairs.npy`, `masks.bin` and `part.json`."""
    return folder / UNFINISHED / scan


def make_part(folder: Path, number: int, scan: Scan, plan: Plan) -> Part:
    """Read scan `number` and write its CT and its part of the set; `part.json` comes last.

    Raises `InputError` for a scan that cannot be used, `OutputError` when the disk is full.
    """
    arrays = read_arrays(scan)
    table, bits = scan_pairs(number, scan, arrays, plan)
    digest = write_array(folder / ct_file(scan.name), arrays.ct)
    place = part_folder(folder, scan.name)
    write_array(place / "pairs.npy", table)
    with whole_file(place / "masks.bin") as stream:
        stream.write(bits)
    labelled = {label.structure for label in scan.pseudo_labels}
    patient, spacing = (scan.patient, scan.split), (arrays.pixel_mm, arrays.slice_mm)
    slices, rows, columns = arrays.ct.shape
    part = Part(
        scan=StoredScan(scan.name, *patient, slices, rows, columns, *spacing),
        pairs=len(table),
        mask_bytes=len(bits),
        ct_sha256=digest,
        unknown=tuple(sorted((labelled & plan.structures) - arrays.known)),
    )
    write_json(place / "part.json", asdict(part))
    return part


def read_part(folder: Path, scan: str) -> Part | None:
    """The part of `scan`, when it is finished."""
    path = part_folder(folder, scan) / "part.json"
    if not path.exists():
        return None
    content = json.loads(path.read_text(encoding="utf-8"))
    content["scan"], content["unknown"] = StoredScan.from_json(content["scan"]), tuple(content["unknown"])
    return Part(**content)


def write_array(path: Path, array: np.ndarray) -> str:
    """Write `array` (C order) as `.npy`; returns the SHA-256 of its content. Raises `OutputError`."""
    content = np.ascontiguousarray(array).data
    with whole_file(path) as stream:
        write_header(stream, array.dtype, array.shape)
        stream.write(content)
    return hashlib.sha256(content).hexdigest()


def write_header(stream: Any, dtype: np.dtype, shape: tuple[int, ...]) -> None:
    """The beginning of a `.npy` file."""
    header = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(stream, header)


def write_json(path: Path, content: Any) -> None:
    """Write JSON that appears whole or not at all."""
    with whole_file(path) as stream:
        stream.write(json.dumps(content, indent=1, ensure_ascii=False).encode())
