"""Who may be learned from and who is examined: truth is handed out for annotated masks only.

A `Pool` gives CTs of all its patients and true masks of those annotated; segmenters and scorers learn from
nothing else. An `Exam` holds the test patients, and gives figures and no arrays.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from segae.errors import InputError
from segae.geometry.box import Box
from segae.labels.schemes import DAP
from segae.progress import Watch
from segae_trainer.data.index import Index, Scan
from segae_trainer.data.sample import LabelledScan
from segae_trainer.data.scan_files import (
    read_labelled_scan,
    read_unlabelled_scan,
    write_label_map,
)
from segae_trainer.data.synthetic_errors import dice

Mask = tuple[str, int]  # a scan by name, and a structure of it


@dataclass(frozen=True)
class Pool:
    """Scans that may be annotated, the `structures` of interest, and the masks `annotated` so far."""

    scans: tuple[Scan, ...]
    structures: frozenset[int]
    annotated: frozenset[Mask] = frozenset()

    def offered(self) -> tuple[Mask, ...]:
        """The masks that can still be annotated, in the order of the scans."""
        return tuple(mask for mask in self._masks(self.scans) if mask not in self.annotated)

    def with_annotated(self, masks: Iterable[Mask]) -> Pool:
        """The pool after some more masks were annotated."""
        return replace(self, annotated=self.annotated.union(masks))

    def with_scans_annotated(self, names: Collection[str]) -> Pool:
        """The pool after all masks of some scans were annotated."""
        return self.with_annotated(self._masks(scan for scan in self.scans if scan.name in names))

    def labelled(self) -> list[LabelledScan]:
        """The scans with annotated masks, with those masks alone. No other truth is read."""
        return [read_labelled_scan(scan, only)[0] for scan, only in self._labelled()]

    def unlabelled(self) -> Iterator[LabelledScan]:
        """The scans with masks on offer, without any mask, one after the other."""
        names = {name for name, _ in self.offered()}
        return (read_unlabelled_scan(scan)[0] for scan in self.scans if scan.name in names)

    def index(self, folder: Path) -> Index:
        """The annotated scans with the annotated masks, to train a scorer on; `folder` gets a label map for
        each. Nothing in it leads to the files of other masks."""
        scans = []
        for scan, only in self._labelled():
            masks = folder / scan.name / "truth.nii.gz"
            if not masks.is_file():
                labelled, grid = read_labelled_scan(scan, only)
                write_label_map(masks, labelled.labels, grid)
            kept = tuple(sorted(only))
            scans.append(
                replace(
                    scan, masks=masks, values=DAP, structures=kept, known=kept, split="train",
                    pseudo_labels=(), absent=(), left_out=(),
                )
            )  # fmt: skip
        return Index(tuple(scans), (), 0)

    def _labelled(self) -> Iterator[tuple[Scan, frozenset[int]]]:
        for scan in self.scans:
            only = frozenset(structure for name, structure in self.annotated if name == scan.name)
            if only:
                yield scan, only

    def _masks(self, scans: Iterable[Scan]) -> Iterator[Mask]:
        for scan in scans:
            yield from ((scan.name, one) for one in scan.structures if one in self.structures)


@dataclass(frozen=True)
class Exam:
    """Test patients, who are never annotated. `partly_drawn`: structures whose absence beyond the first and
    last slice in which they are drawn means nothing. `tolerance_mm`: of the surface Dice."""

    scans: tuple[Scan, ...]
    structures: frozenset[int]
    partly_drawn: frozenset[int] = frozenset()
    tolerance_mm: float = 3.0

    def results(
        self, label: Callable[[LabelledScan], np.ndarray], watch: Watch | None = None
    ) -> Iterator[dict[str, Any]]:
        """Dice and surface Dice of each true mask. `label` gets a scan without truth and gives label indices
        (K, H, W)."""
        watch = watch or Watch()
        for done, scan in enumerate(self.scans):
            watch.step("testing", done, len(self.scans))
            found = label(read_unlabelled_scan(scan)[0])
            asked = sorted(self.structures.intersection(scan.structures))
            truth, _ = read_labelled_scan(scan, asked)
            for structure in asked:
                where = slice(None)
                if structure in self.partly_drawn:
                    drawn = np.flatnonzero((truth.labels == structure).any(axis=(1, 2)))
                    where = slice(drawn[0], drawn[-1] + 1) if len(drawn) else slice(0, 0)
                pair = found[where] == structure, truth.labels[where] == structure
                name = str(scan.label_table.by_index(structure))
                about = {"patient": scan.patient, "scan": scan.name, "structure": name}
                if pair[1].any():
                    nsd = surface_dice(*pair, truth.spacing, self.tolerance_mm)
                    yield {**about, "dice": dice(*pair), "nsd": nsd}
        watch.step("testing", len(self.scans), len(self.scans))


def surface_dice(
    mask: np.ndarray, truth: np.ndarray, spacing: tuple[float, ...], tolerance_mm: float
) -> float:
    """Share of the surface of two boolean arrays with `spacing` in mm that lies within `tolerance_mm` of the
    other's surface, the normalised surface Dice of Nikolov et al. 2018, by MONAI; 1 when both are empty, 0
    when one is."""
    if not (mask.any() and truth.any()):
        return float(not (mask.any() or truth.any()))
    import torch
    from monai.metrics.surface_dice import compute_surface_dice

    part = Box.of_mask(mask | truth).slices
    one, other = (torch.from_numpy(np.pad(array[part], 1))[None, None].float() for array in (mask, truth))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # MONAI about its own code
        found = compute_surface_dice(one, other, [tolerance_mm], include_background=True, spacing=spacing)
    return float(found.item())


@dataclass(frozen=True)
class Cohort:
    """All scans of an experiment: those to learn from, some of which are labelled from the `start`, and those
    to test on."""

    pool: Pool
    exam: Exam

    def start(self, labelled: int, seed: int) -> Pool:
        """The pool with the masks of `labelled` of its patients, drawn by `seed`, annotated."""
        chosen = _drawn(self.patients(), labelled, seed)
        return self.pool.with_scans_annotated({s.name for s in self.pool.scans if s.patient in chosen})

    def patients(self) -> list[str]:
        """The patients of the pool, sorted."""
        return sorted({scan.patient for scan in self.pool.scans})


TEST_SEED = 2026  # who is tested on is the same for all seeds of an experiment


def divide(
    index: Index,
    structures: Sequence[int],
    tested: int,
    labelled: int,
    *,
    partly_drawn: Collection[int] = (),
    tolerance_mm: float = 3.0,
) -> Cohort:
    """Patients to test on, drawn by a seed, and the pool of all others; `structures` empty: all that a scan
    shows. Raises `InputError` when there are too few patients, or nobody has a structure."""
    shown = {one for scan in index.scans for one in scan.structures}
    missing = sorted({*structures, *partly_drawn} - shown)
    if missing:
        name = index.label_table.by_index(missing[0])
        raise InputError(f'No scan has a mask of "{name}"; leave it out, or add patients that have one.')
    wanted = frozenset(structures or shown)
    scans = tuple(scan for scan in index.scans if wanted.intersection(scan.structures))
    patients = sorted({scan.patient for scan in scans})
    if len(patients) < 2:
        raise InputError(
            f"There is {len(patients)} patient with masks, and nobody is left to test on; add patients."
        )
    if min(tested, labelled) < 1:
        raise InputError("At least one patient must be labelled and one tested on; correct these numbers.")
    if tested + labelled > len(patients):
        raise InputError(
            f"{labelled} labelled and {tested} test patients are asked for, and there are {len(patients)}; "
            "ask for fewer, or add patients."
        )
    test = _drawn(patients, tested, TEST_SEED)
    return Cohort(
        Pool(tuple(scan for scan in scans if scan.patient not in test), wanted),
        Exam(
            tuple(scan for scan in scans if scan.patient in test), wanted, frozenset(partly_drawn),
            tolerance_mm,
        ),
    )  # fmt: skip


def _drawn(names: list[str], count: int, seed: int) -> frozenset[str]:
    order = np.random.default_rng(seed).permutation(len(names))
    return frozenset(names[int(place)] for place in order[:count])
