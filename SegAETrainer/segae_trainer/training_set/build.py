"""From an index to a training set, one scan after the other."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from segae.errors import InputError
from segae.progress import Watch
from segae_trainer.index.scan import SPLITS, Index, Scan
from segae_trainer.training_set.finish import finish
from segae_trainer.training_set.layout import ON_PURPOSE, SET
from segae_trainer.training_set.pairs import Plan
from segae_trainer.training_set.part import UNFINISHED, Part, make_part, read_part, write_json
from segae_trainer.training_set.sampling import WHOLE, Sampling
from segae_trainer.training_set.store import TrainingSet

_MADE_FROM = "made_from.json"


def build_training_set(
    index: Index,
    folder: str | Path,
    sampling: Sampling = WHOLE,
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
    plan = Plan(sampling, shown, (*sources, ON_PURPOSE))
    parts = list(_parts(index, folder, plan, workers, watch))
    finish(folder, index, plan, parts, made_from, watch)
    return TrainingSet.open(folder)


def _check(index: Index, sampling: Sampling) -> None:
    if not index.scans:
        raise InputError("The index holds no scan; index folders with CTs and masks first.")
    name, times = Counter(scan.name for scan in index.scans).most_common(1)[0]
    if times > 1:
        raise InputError(f'{times} scans of the index are called "{name}"; give them different names.')
    unsplit = next((scan.name for scan in index.scans if scan.split not in SPLITS), None)
    if unsplit is not None:
        raise InputError(f'The scan "{unsplit}" is in no split; index the scans again.')
    on_purpose = sampling.degraded + sampling.exact + sampling.wrong_name
    if not on_purpose and not any(scan.pseudo_labels for scan in index.scans):
        raise InputError(
            "The index holds no pseudo labels and no mask is to be made wrong on purpose, so that there is "
            "nothing to learn from; predict the scans first, or give the degraded masks a weight."
        )


def _made_from(index: Index, sampling: Sampling) -> dict[str, Any]:
    """What the content of a set depends on, whatever folder the files lie in."""
    scans = [
        [scan.name, scan.patient, scan.split, scan.structures]
        + [[label.structure, label.source, label.path.name, label.value] for label in scan.pseudo_labels]
        for scan in index.scans
    ]
    digest = hashlib.sha256(json.dumps(scans).encode()).hexdigest()
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
    write_json(marker, made_from)


def _compare(before: dict[str, Any], now: dict[str, Any], folder: Path) -> None:
    for key, what in (("sampling", "with another sampling"), ("index_sha256", "from another index")):
        if before[key] != now[key]:
            raise InputError(
                f'The training set "{folder}" was begun {what}; choose another folder, or delete this one.'
            )


def _parts(index: Index, folder: Path, plan: Plan, workers: int, watch: Watch) -> Iterator[Part]:
    """The parts of all scans in their order, made now or before."""
    jobs = [(folder, number, scan, plan) for number, scan in enumerate(index.scans)]
    watch.step("scans", 0, len(jobs))
    if workers == 1:
        yield from _watched(map(_part, jobs), len(jobs), watch)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        try:
            yield from _watched(pool.map(_part, jobs), len(jobs), watch)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _part(job: tuple[Path, int, Scan, Plan]) -> Part:
    folder, number, scan, plan = job
    return read_part(folder, scan.name) or make_part(folder, number, scan, plan)


def _watched(parts: Iterator[Part], total: int, watch: Watch) -> Iterator[Part]:
    for done, part in enumerate(parts, start=1):
        yield part
        watch.step("scans", done, total)
