"""A cohort: which scans are trained on, which are tested on, and which belong to the same patient."""

from __future__ import annotations

import csv
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from segae.errors import InputError
from segae.io.readers import read_image
from segae.labels.resolver import resolve
from segae.labels.table import LabelTable
from segae_trainer.data.index import Index, PseudoLabel, Scan

USES = ("folds", "final", "test")
DEFAULT = Path(__file__).with_name("cohort.csv")


@dataclass(frozen=True)
class Member:
    """`use`: "folds" (each patient is tested once by a model that never saw it, and trains the final
    model), "final" (trains the final model only) or "test" (trains nothing). `leave_out`: structures
    whose masks are not trusted. `coarse`: train on larger pixels too. `complete`: every structure
    that TotalSegmentator knows was looked for, so that those without a mask are not in the scan.
    `label_table`: what names and label indices mean."""

    case: str
    patient: str
    use: str
    leave_out: tuple[str, ...] = ()
    coarse: bool = False
    complete: bool = False
    label_table: LabelTable = field(default_factory=LabelTable.default)

    def scan(self, data: Path, split: str) -> Scan:
        """The scan in its folder in `data`, which holds `ct.nii.gz`, `labels_dap.nii.gz` with label indices
        on the CT's grid, and second segmentations `pred_<name>_dap.nii.gz`. Raises `InputError` when a file
        is missing or holds something else."""
        folder = data / self.case
        masks = _present(folder / "labels_dap.nii.gz")
        shown = _indices(masks, self.label_table)
        left_out = {self._index(name) for name in self.leave_out}
        looked_for = {row.index for row in self.label_table.structures if row.totalsegmentator_v2}
        known = tuple(sorted(shown - left_out))
        if not known:
            raise InputError(f'The label map "{masks}" is empty; leave the case out.')
        others = tuple(
            PseudoLabel(structure, path.name.split("_")[1], path, structure)
            for path in sorted(folder.glob("pred_*_dap.nii.gz"))
            for structure in known
        )
        return Scan(
            self.case, self.patient, _present(folder / "ct.nii.gz"), masks, known,
            others if split == "test" else (), split, known,
            tuple(sorted(looked_for - shown)) if self.complete else (), tuple(sorted(left_out)), self.coarse,
            self.label_table,
        )  # fmt: skip

    def wrong_masks(self, data: Path) -> dict[int, Path]:
        """Files of masks that are known to be wrong, `bad_<structure>.nii.gz`, by structure."""
        return {
            self._index(path.name.removeprefix("bad_").removesuffix(".nii.gz")): path
            for path in sorted((data / self.case).glob("bad_*.nii.gz"))
        }

    def as_json(self) -> dict[str, Any]:
        """What the cohort's file says of it, for a model that was trained on it."""
        return {one.name: getattr(self, one.name) for one in fields(self) if one.name != "label_table"}

    def _index(self, name: str) -> int:
        return resolve(name, table=self.label_table).structure.index


@dataclass(frozen=True)
class Cohort:
    members: tuple[Member, ...]

    @property
    def fold_patients(self) -> tuple[str, ...]:
        """The patients who are kept back once."""
        return tuple(dict.fromkeys(member.patient for member in self.members if member.use == "folds"))

    def training(self, kept_back: str | None = None) -> tuple[Member, ...]:
        """The scans of the final model, or those of the fold in which a patient is kept back."""
        if kept_back is None:
            return tuple(member for member in self.members if member.use in ("folds", "final"))
        return tuple(m for m in self.members if m.use == "folds" and m.patient != kept_back)

    def of_patient(self, patient: str) -> tuple[Member, ...]:
        """The scans of one patient."""
        return tuple(member for member in self.members if member.patient == patient)

    @property
    def test(self) -> tuple[Member, ...]:
        """The scans that nothing is trained on."""
        return tuple(member for member in self.members if member.use == "test")

    def index(self, data: Path, kept_back: str | None = None) -> Index:
        """The scans that the final model, or a fold, is trained on."""
        return Index(tuple(one.scan(data, "train") for one in self.training(kept_back)), (), 0)

    def test_index(self, data: Path) -> Index:
        """All scans of the folds, to be tested on."""
        members = [one for one in self.members if one.use == "folds"]
        return Index(tuple(replace(one.scan(data, "test"), coarse=False) for one in members), (), 0)


def read_cohort(path: Path = DEFAULT, label_table: LabelTable | None = None) -> Cohort:
    """From a CSV file with the columns case, patient, use, leave_out (names separated by ;), coarse and
    complete ("yes" or nothing). `label_table`: what names and label indices mean, None for the default one.

    Raises `InputError` for an unknown use, or when the folds have fewer than two patients.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        members = tuple(_member(row, label_table or LabelTable.default()) for row in rows)
    except OSError as error:
        raise InputError(
            f'The cohort "{path}" cannot be read ({error.strerror}); give a CSV file.'
        ) from error
    except KeyError as error:
        raise InputError(
            f'The cohort "{path}" lacks the column {error}; it needs case,patient,use,leave_out,coarse,'
            "complete."
        ) from error
    for member in members:
        if member.use not in USES:
            raise InputError(
                f'"{member.use}" in "{path}" is no use of a case; write one of {", ".join(USES)}.'
            )
    cohort = Cohort(members)
    if len(cohort.fold_patients) < 2:
        raise InputError(f'The cohort "{path}" needs at least two patients with the use "folds".')
    return cohort


def _member(row: dict[str, str], label_table: LabelTable) -> Member:
    left_out = tuple(filter(None, (row["leave_out"] or "").split(";")))
    return Member(
        row["case"], row["patient"], row["use"], left_out, row["coarse"] == "yes", row["complete"] == "yes",
        label_table,
    )  # fmt: skip


def _indices(path: Path, label_table: LabelTable) -> set[int]:
    """Label indices that have voxels in a label map."""
    found = {int(index) for index in np.unique(read_image(path).voxels) if index}
    unknown = min((index for index in found if label_table.get(index) is None), default=None)
    if unknown is not None:
        raise InputError(
            f'"{path}" holds the label {unknown}, which is no row of the label table; translate the labels, '
            "or give --labels with the structures beyond its 145 rows."
        )
    return found


def _present(path: Path) -> Path:
    if not path.is_file():
        raise InputError(f'There is no "{path}"; a case is a folder with ct.nii.gz and labels_dap.nii.gz.')
    return path
