"""From an index to a training set, one scan after the other."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

import segae
from segae.errors import InputError, way
from segae.files import whole_file, write_json
from segae.labels.table import LabelTable
from segae.progress import Watch
from segae_trainer.data.draw_samples import Sampling, coarse_factors
from segae_trainer.data.index import SPLITS, Index, Scan
from segae_trainer.data.sample import ORIENTATION, SYNTHETIC
from segae_trainer.data.scan_files import read_labelled_scan
from segae_trainer.data.scan_pairs import Plan, scan_pairs
from segae_trainer.data.set_statistics import write_statistics
from segae_trainer.data.training_set import (
    FORMAT,
    MASKS,
    PAIR,
    PAIRS,
    SET,
    StoredScan,
    TrainingSet,
    scan_file,
)

UNFINISHED = "unfinished"  # folder inside the set


@dataclass(frozen=True)
class Part:
    """`scan` as the set tells of it, its number of rows and bytes of bits, the SHA-256 of its arrays, and the
    structures whose pseudo labels were left out since its true masks do not know them."""

    scan: StoredScan
    pairs: int
    mask_bytes: int
    sha256: tuple[str, str]
    unknown: tuple[int, ...]


def part_folder(folder: Path, scan: str) -> Path:
    """Where the part of `scan` waits, with `pairs.npy`, `masks.bin` and `part.json`."""
    return folder / UNFINISHED / scan


def make_parts(folder: Path, scan: Scan, plan: Plan) -> list[Part]:
    """Read a scan and write its arrays and its part of the set, and those of its coarser versions;
    `parts.json` comes last. Parts are not numbered yet.

    Raises `InputError` for a scan that cannot be used, `OutputError` when the disk is full.
    """
    whole, grid = read_labelled_scan(scan)
    sampling, train = plan.sampling, scan.split == "train"
    factors = coarse_factors(whole.pixel_mm) if scan.coarse and train and sampling.coarse_repeats else []
    versions = [(whole, sampling.fine_repeats if factors else sampling.repeats)]
    versions += [(whole.coarser(n), -(-sampling.coarse_repeats // len(factors))) for n in factors]
    labelled = {label.structure for label in scan.pseudo_labels}
    parts = []
    for place, (version, repeats) in enumerate(versions):
        table, bits = scan_pairs(0, scan, version, grid, plan, repeats, pseudo=place == 0)
        here = part_folder(folder, version.name)
        sums = tuple(
            write_array(folder / scan_file(version.name, name), getattr(version, name))
            for name in ("ct", "labels")
        )
        write_array(here / "pairs.npy", table)
        with whole_file(here / "masks.bin") as stream:
            stream.write(bits)
        slices, rows, columns = version.ct.shape
        stored = StoredScan(
            version.name, scan.patient, scan.split, slices, rows, columns, version.spacing,
            tuple(sorted(version.known)), tuple(sorted(version.absent)),
        )  # fmt: skip
        unknown = tuple(sorted((labelled & plan.structures) - whole.known)) if place == 0 else ()
        parts.append(Part(stored, len(table), len(bits), (sums[0], sums[1]), unknown))
    write_json([asdict(part) for part in parts], part_folder(folder, scan.name) / "parts.json")
    return parts


def read_parts(folder: Path, scan: str) -> list[Part] | None:
    """The parts of `scan` and its coarser versions, when they are finished."""
    path = part_folder(folder, scan) / "parts.json"
    if not path.exists():
        return None
    return [
        Part(
            StoredScan.from_json(row["scan"]), row["pairs"], row["mask_bytes"], tuple(row["sha256"]),
            tuple(row["unknown"]),
        )
        for row in json.loads(path.read_text(encoding="utf-8"))
    ]  # fmt: skip


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
    write_statistics(folder, table, [part.scan for part in parts], plan.sources, index.label_table)
    watch.step("putting together", 2, 3)
    scans = [asdict(part.scan) for part in parts]
    contents = {
        "orientation": ORIENTATION,
        "sources": plan.sources,
        "expert_sources": sorted(
            {label.source for scan in index.scans for label in scan.pseudo_labels if label.expert}
        ),
        "scans": scans,
        "own_structures": index.label_table.to_json(),
    }
    content = {
        "format": FORMAT,
        "fingerprint": _sha256(
            {**contents, "files": [*sums, *(sum_ for part in parts for sum_ in part.sha256)]}
        ),
        "made_from": made_from,
        "versions": {"segae": segae.__version__, "numpy": np.__version__},
        "structures": sorted(plan.structures),
        "pairs": len(table),
        "mask_bytes": sum(part.mask_bytes for part in parts),
        "findings": list(findings(index, plan, parts, table)),
        **contents,
    }
    write_json(content, folder / SET)
    shutil.rmtree(folder / UNFINISHED)
    watch.step("putting together", 3, 3)


def findings(index: Index, plan: Plan, parts: Sequence[Part], pairs: np.ndarray) -> Iterator[str]:
    """What somebody who trains on the set should know, in sentences."""
    without = [scan.name for scan in index.scans if not scan.pseudo_labels]
    if without and len(plan.sources) > 1:
        yield (
            f"{_some(without)}: no pseudo labels; predict them, or a model learns from synthetic errors only "
            "there."
        )
    split = np.array([SPLITS.index(part.scan.split) for part in parts])[pairs["scan"]]
    for number, name in enumerate(SPLITS):
        if not (split == number).any():
            yield f'No pair is in "{name}"; split the index anew if you need some.'
    untaught = plan.structures - set(np.unique(pairs["structure"][split == 0]).tolist())
    table = index.label_table
    if untaught:
        yield f"{_structures(untaught, table)}: no pair to train on; a model cannot learn them from this set."
    unshown = {label.structure for scan in index.scans for label in scan.pseudo_labels} - plan.structures
    if unshown:
        yield (
            f"{_structures(unshown, table)}: pseudo labels left out, because no true mask of any scan shows "
            "them."
        )
    unknown = {structure for part in parts for structure in part.unknown}
    if unknown:
        n = sum(bool(part.unknown) for part in parts)
        scans = "1 scan that has" if n == 1 else f"{n} scans that have"
        yield f"{_structures(unknown, table)}: pseudo labels left out in {scans} no true mask file for them."


def _structures(rows: Iterable[int], table: LabelTable) -> str:
    return _some([str(table.by_index(row)) for row in sorted(rows)])


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMES} more" if len(names) > _NAMES else ""
    return ", ".join(names[:_NAMES]) + more


def _table(folder: Path, parts: Sequence[Part]) -> Iterator[bytes]:
    """The tables of all parts, with the places of their masks in the bits of all."""
    base = 0
    for number, part in enumerate(parts):
        table = np.load(part_folder(folder, part.scan.name) / "pairs.npy")
        table["scan"] = number
        table["mask_at"] += np.where(table["mask_pixels"] > 0, base, 0).astype(np.uint64)
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


_MADE_FROM = "made_from.json"


def build_training_set(
    index: Index,
    folder: str | Path,
    sampling: Sampling = Sampling(),  # noqa: B008 (frozen)
    *,
    workers: int = 1,
    watch: Watch | None = None,
) -> TrainingSet:
    """Write a training set of all scans of `index`; `workers` processes share the scans.

    What an earlier call that was interrupted has finished is not done again, and the files are the same in
    the end; a finished set is opened. Pseudo labels of structures that no scan shows are left out.

    Raises `InputError` when a scan cannot be used, nothing is left to learn from, or `folder` holds something
    else; `OutputError` when the disk is full, with everything kept that was finished; and `Cancelled`.
    """
    folder, watch = Path(folder), watch or Watch()
    _check(index, sampling)
    made_from = _made_from(index, sampling)
    if (folder / SET).exists():
        training_set = TrainingSet.open(folder)
        _compare(training_set.made_from, made_from, folder)
        return training_set
    _begin(folder, made_from)
    shown = frozenset(structure for scan in index.scans for structure in scan.structures)
    sources = sorted({label.source for scan in index.scans for label in scan.pseudo_labels})
    plan = Plan(sampling, shown, (*sources, SYNTHETIC))
    parts = list(_parts(index, folder, plan, workers, watch))
    finish(folder, index, plan, parts, made_from, watch)
    return TrainingSet.open(folder)


def _check(index: Index, sampling: Sampling) -> None:
    if not index.scans:
        raise InputError(
            way(
                "The index holds no scan; index folders with CTs and masks first.",
                "The list of scans is empty; press Check data with folders of CTs and masks.",
            )
        )
    name, times = Counter(scan.name for scan in index.scans).most_common(1)[0]
    if times > 1:
        raise InputError(f'{times} scans of the index are called "{name}"; give them different names.')
    unsplit = next((scan.name for scan in index.scans if scan.split not in SPLITS), None)
    if unsplit is not None:
        raise InputError(
            f'The scan "{unsplit}" is in no split; '
            + way("index the scans again.", "press Check data again.")
        )
    if not sampling.repeats and not any(scan.pseudo_labels for scan in index.scans):
        raise InputError(
            "No scan comes with predicted masks (pseudo labels) and no synthetic errors are to be drawn, so "
            "that there is nothing to learn from; "
            + way(
                "predict the scans first, or give --repeats.",
                "choose the slices in which mask or organ has pixels, which draws some.",
            )
        )


def _made_from(index: Index, sampling: Sampling) -> dict[str, Any]:
    """What the content of a set depends on, whatever folder the files lie in."""
    scans = [
        [
            scan.name,
            scan.patient,
            scan.split,
            scan.structures,
            scan.known,
            scan.absent,
            scan.left_out,
            scan.coarse,
        ]
        + [[label.structure, label.source, label.path.name, label.value] for label in scan.pseudo_labels]
        for scan in index.scans
    ]
    own = index.label_table.to_json()
    digest = hashlib.sha256(json.dumps([*scans, *own]).encode()).hexdigest()
    return {"index_sha256": digest, "split_seed": index.seed, "sampling": sampling.as_json()}


def _begin(folder: Path, made_from: dict[str, Any]) -> None:
    """Check that `folder` is new, or was begun in the same way; remove what a killed process left."""
    marker = folder / UNFINISHED / _MADE_FROM
    if marker.exists():
        _compare(json.loads(marker.read_text(encoding="utf-8")), made_from, folder)
    elif folder.exists() and (not folder.is_dir() or any(p.name != UNFINISHED for p in folder.iterdir())):
        raise InputError(f'"{folder}" holds other files; choose a new folder for the training set.')
    for leftover in folder.rglob(".*.part"):
        leftover.unlink()
    write_json(made_from, marker)


def _compare(before: dict[str, Any], now: dict[str, Any], folder: Path) -> None:
    for key, what in (("sampling", "with another sampling"), ("index_sha256", "from another index")):
        if before[key] != now[key]:
            raise InputError(
                f'The training set "{folder}" was begun {what}; choose another folder, or delete this one.'
            )


def _parts(index: Index, folder: Path, plan: Plan, workers: int, watch: Watch) -> Iterator[Part]:
    """The parts of all scans in their order, made now or before."""
    jobs = [(folder, scan, plan) for scan in index.scans]
    watch.step("scans", 0, len(jobs))
    if workers == 1:
        yield from _watched(map(_of_scan, jobs), len(jobs), watch)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        try:
            yield from _watched(pool.map(_of_scan, jobs), len(jobs), watch)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _of_scan(job: tuple[Path, Scan, Plan]) -> list[Part]:
    folder, scan, plan = job
    return read_parts(folder, scan.name) or make_parts(folder, scan, plan)


def _watched(scans: Iterator[list[Part]], total: int, watch: Watch) -> Iterator[Part]:
    for done, parts in enumerate(scans, start=1):
        yield from parts
        watch.step("scans", done, total)
