"""Which scans are learned from, which are tested on, and which belong to the same patient."""

from __future__ import annotations

import csv
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from segae.errors import InputError
from segae.labels.resolver import resolve
from segae.labels.table import load_structures
from segae_trainer.starter.cases import Case, read_case, without

USES = ("folds", "final", "test")
DEFAULT = Path(__file__).with_name("cohort.csv")


@dataclass(frozen=True)
class Member:
    """`use`: "folds" (each patient is tested once by a model that never saw it, and trains the final
    model), "final" (trains the final model only) or "test" (trains nothing). `leave_out`: structures
    whose masks are not trusted. `coarse`: train on larger pixels too. `complete`: every structure
    that TotalSegmentator knows was looked for, so that those without a mask are not in the scan."""

    case: str
    patient: str
    use: str
    leave_out: tuple[str, ...] = ()
    coarse: bool = False
    complete: bool = False

    def read(self, data: Path) -> Case:
        """The case from its folder in `data`."""
        case = read_case(data / self.case)
        if self.complete:
            looked_for = {row.index for row in load_structures() if row.totalsegmentator_v2}
            case = replace(case, absent=frozenset(looked_for - set(np.unique(case.labels).tolist())))
        if self.leave_out:
            case = without(case, {resolve(name).structure.index for name in self.leave_out})
        return case


@dataclass(frozen=True)
class Cohort:
    members: tuple[Member, ...]

    @property
    def fold_patients(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(member.patient for member in self.members if member.use == "folds"))

    def training(self, tested: str | None = None) -> tuple[Member, ...]:
        """The cases of the final model, or those of the fold in which patient `tested` is kept back."""
        if tested is None:
            return tuple(member for member in self.members if member.use in ("folds", "final"))
        return tuple(member for member in self.members if member.use == "folds" and member.patient != tested)

    def of_patient(self, patient: str) -> tuple[Member, ...]:
        return tuple(member for member in self.members if member.patient == patient)

    @property
    def test(self) -> tuple[Member, ...]:
        return tuple(member for member in self.members if member.use == "test")


def read_cohort(path: Path = DEFAULT) -> Cohort:
    """From a CSV file with the columns case, patient, use, leave_out (names separated by ;), coarse and
    complete ("yes" or nothing).

    Raises `InputError` for an unknown use, or when the folds have fewer than two patients.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        members = tuple(_member(row) for row in rows)
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


def _member(row: dict[str, str]) -> Member:
    left_out = tuple(filter(None, (row["leave_out"] or "").split(";")))
    return Member(
        row["case"], row["patient"], row["use"], left_out, row["coarse"] == "yes", row["complete"] == "yes"
    )
