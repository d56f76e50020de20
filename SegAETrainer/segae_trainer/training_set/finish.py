"""The parts of all scans become one set."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

import segae
from segae.errors import InputError
from segae.labels import by_index
from segae.progress import Watch
from segae.whole_file import whole_file
from segae_trainer.index.scan import SPLITS, Index
from segae_trainer.training_set.layout import FORMAT, MASKS, ORIENTATION, PAIR, PAIRS, SET
from segae_trainer.training_set.pairs import Plan
from segae_trainer.training_set.part import UNFINISHED, Part, part_folder, write_header, write_json
from segae_trainer.training_set.statistics import write_statistics

_CHUNK = 1 << 24  # bytes
_NAMES = 6  # that a sentence tells


def finish(
    folder: Path, index: Index, plan: Plan, parts: Sequence[Part], made_from: dict[str, Any], watch: Watch
) -> None:
    """Write `pairs.npy`, `masks.bin`, the statistics and, last of all, `set.json`; remove the parts.

    Raises `InputError` when there is no pair, `OutputError` when the disk is full, and `Cancelled`.
    """
    if not any(part.pairs for part in parts):
        raise InputError(
            f'Not one slice can be used for "{folder}": no pseudo label and no mask fits the sampling '
            f'"{plan.sampling.rule}"; choose another folder with other options.'
        )
    watch.step("putting together", 0, 3)
    sums = [
        _write(folder / PAIRS, _table(folder, parts), sum(part.pairs for part in parts)),
        _write(folder / MASKS, _bits(folder, parts)),
    ]
    watch.step("putting together", 1, 3)
    table = np.load(folder / PAIRS, mmap_mode="r")
    write_statistics(folder, table, [part.scan for part in parts], plan.sources)
    watch.step("putting together", 2, 3)
    scans = [asdict(part.scan) for part in parts]
    contents = {"orientation": ORIENTATION, "sources": plan.sources, "scans": scans}
    content = {
        "format": FORMAT,
        "fingerprint": _sha256({**contents, "files": [*sums, *(part.ct_sha256 for part in parts)]}),
        "made_from": made_from,
        "versions": {"segae": segae.__version__, "numpy": np.__version__},
        "structures": sorted(plan.structures),
        "pairs": len(table),
        "mask_bytes": sum(part.mask_bytes for part in parts),
        "findings": list(findings(index, plan, parts, table)),
        **contents,
    }
    write_json(folder / SET, content)
    shutil.rmtree(folder / UNFINISHED)
    watch.step("putting together", 3, 3)


def findings(index: Index, plan: Plan, parts: Sequence[Part], table: np.ndarray) -> Iterator[str]:
    """What somebody who trains on the set should know, in sentences."""
    without = [scan.name for scan in index.scans if not scan.pseudo_labels]
    if without and len(plan.sources) > 1:
        yield f"{_some(without)}: no pseudo labels; predict them, or only masks made on purpose teach them."
    split = np.array([SPLITS.index(part.scan.split) for part in parts])[table["scan"]]
    for number, name in enumerate(SPLITS):
        if not (split == number).any():
            yield f'No pair is in "{name}"; split the index anew if you need some.'
    untaught = plan.structures - set(np.unique(table["structure"][split == 0]).tolist())
    if untaught:
        yield f"{_structures(untaught)}: no pair to train on; a model cannot learn them from this set."
    unshown = {label.structure for scan in index.scans for label in scan.pseudo_labels} - plan.structures
    if unshown:
        yield f"{_structures(unshown)}: pseudo labels left out, because no true mask of any scan shows them."
    unknown = {structure for part in parts for structure in part.unknown}
    if unknown:
        n = sum(bool(part.unknown) for part in parts)
        scans = "1 scan that has" if n == 1 else f"{n} scans that have"
        yield f"{_structures(unknown)}: pseudo labels left out in {scans} no true mask file for them."


def _structures(rows: Iterable[int]) -> str:
    return _some([str(by_index(row)) for row in sorted(rows)])


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMES} more" if len(names) > _NAMES else ""
    return ", ".join(names[:_NAMES]) + more


def _table(folder: Path, parts: Sequence[Part]) -> Iterator[bytes]:
    """The tables of all parts, with the places of their masks in the bits of all."""
    base = 0
    for part in parts:
        table = np.load(part_folder(folder, part.scan.name) / "pairs.npy")
        table["mask_at"] += np.where(table["mask_pixels"] > 0, base, 0).astype(np.uint64)
        table["truth_at"] += np.where(table["truth_pixels"] > 0, base, 0).astype(np.uint64)
        base += part.mask_bytes
        yield table.tobytes()


def _bits(folder: Path, parts: Sequence[Part]) -> Iterator[bytes]:
    for part in parts:
        with (part_folder(folder, part.scan.name) / "masks.bin").open("rb") as stream:
            while chunk := stream.read(_CHUNK):
                yield chunk


def _write(path: Path, chunks: Iterator[bytes], rows: int | None = None) -> str:
    """Write `chunks`, after the header of a table of `rows` if given; returns their SHA-256."""
    digest = hashlib.sha256()
    with whole_file(path) as stream:
        if rows is not None:
            write_header(stream, PAIR, (rows,))
        for chunk in chunks:
            digest.update(chunk)
            stream.write(chunk)
    return digest.hexdigest()


def _sha256(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
