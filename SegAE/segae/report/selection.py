"""Which masks to annotate next: the worst first, spread over structures and patients."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segae.errors import InputError
from segae.files import write_json
from segae.report.opening import itksnap_command, mask_file, slicer_command
from segae.report.page.contents import CaseEntry, MaskEntry, gather
from segae.results.files import write_table
from segae.results.review_order import Order
from segae.results.types import CaseReport

FORMAT = "segae-selection 1"
MOST_CANDIDATES = 1_000_000  # masks that are kept in memory, those to look at first


@dataclass(frozen=True)
class Caps:
    """How many masks are chosen at most: `budget` in all, and of one structure and of one patient."""

    budget: int
    per_structure: int
    per_patient: int

    @classmethod
    def of(cls, budget: int, per_structure: int | None = None, per_patient: int | None = None) -> Caps:
        """The usual caps where none are given: a tenth of the budget of one structure, a twentieth of one
        patient, and two at least. Raises `InputError` for a number below 1."""
        caps = cls(
            budget,
            max(2, -(-budget // 10)) if per_structure is None else per_structure,
            max(2, -(-budget // 20)) if per_patient is None else per_patient,
        )
        if min(caps.budget, caps.per_structure, caps.per_patient) < 1:
            raise InputError("Budget and caps of a selection must be 1 or more.")
        return caps


@dataclass(frozen=True)
class Chosen:
    """A chosen mask with its case; `rank` counts from 1, the worst first."""

    rank: int
    case: CaseEntry
    mask: MaskEntry


@dataclass(frozen=True)
class Selection:
    """`n_candidates`: masks that need review; `n_capped`: those of them that only a cap of structure or
    patient kept out before the budget was spent."""

    chosen: tuple[Chosen, ...]
    caps: Caps
    n_candidates: int
    n_capped: int


def select(reports: Iterable[CaseReport], caps: Caps, order: Order = "review") -> Selection:
    """The masks to annotate next among those that need review, in review order or by predicted Dice. Where
    a data set does not tell patients, each case is a patient of its own."""
    contents = gather(reports, order, MOST_CANDIDATES)
    by_structure: Counter[str] = Counter()
    by_patient: Counter[str] = Counter()
    chosen: list[Chosen] = []
    n_capped = 0
    for mask in contents.masks:
        if not mask.needs_review:
            continue
        if len(chosen) == caps.budget:
            break
        case = contents.cases[mask.case]
        patient = case.patient or case.case
        if by_structure[mask.structure] >= caps.per_structure or by_patient[patient] >= caps.per_patient:
            n_capped += 1
            continue
        by_structure[mask.structure] += 1
        by_patient[patient] += 1
        chosen.append(Chosen(len(chosen) + 1, case, mask))
    return Selection(tuple(chosen), caps, contents.n_to_review, n_capped)


_COLUMNS = (
    "rank", "case", "patient", "segment", "structure", "verdict", "predicted_dice", "interval_low",
    "interval_high", "wrong_ml", "slice_axis", "slice", "x", "y", "z", "ct", "mask", "reasons",
)  # fmt: skip


def write_selection(selection: Selection, folder: Path) -> tuple[Path, Path]:
    """Write `selection.csv`, a row per mask, and `selection.json`, an object per case with its masks; returns
    their paths. Raises `OutputError`."""
    rows = [_values(one) for one in selection.chosen]
    table = write_table(
        _COLUMNS,
        ([_cell(row[name]) for name in _COLUMNS] for row in rows),
        folder / "selection.csv",
    )
    path = folder / "selection.json"
    write_json(_as_json(selection, rows), path)
    return table, path


def read_selection(path: Path) -> list[dict[str, Any]]:
    """The cases of a `selection.json`, that with the worst mask first: `case`, `image`, `label`, `masks`.
    Raises `InputError` when it cannot be read."""
    if not path.exists():
        raise InputError(f'There is no "{path}"; `segae select` writes it.')
    try:
        content = json.loads(path.read_bytes())
        if content["format"] != FORMAT:
            raise ValueError(content["format"])
        return list(content["cases"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f'"{path}" is no selection, or a damaged one; make it with `segae select`.'
        ) from error


def _values(one: Chosen) -> dict[str, Any]:
    case, mask = one.case, one.mask
    return {
        "rank": one.rank, "case": case.case, "patient": case.patient or case.case, "segment": mask.segment,
        "structure": mask.structure, "verdict": mask.verdict, "predicted_dice": mask.predicted_dice,
        **dict(zip(("interval_low", "interval_high"), mask.interval or (None, None), strict=True)),
        "wrong_ml": mask.wrong_ml, "slice_axis": case.slice_axis, "slice": mask.slice,
        **dict(zip("xyz", mask.place or (None,) * 3, strict=True)),
        "ct": case.ct, "mask": mask_file(case.masks, mask.segment), "reasons": " ".join(mask.reasons),
    }  # fmt: skip


def _cell(value: Any) -> Any:
    return "" if value is None else value


def _as_json(selection: Selection, rows: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Cases in the order of their worst mask. `image` and `label` of a case are what MONAI's lists of data
    call them; the commands open each mask in a viewer."""
    cases: dict[str, dict[str, Any]] = {}
    for one, row in zip(selection.chosen, rows, strict=True):
        case = cases.setdefault(
            one.case.case,
            {
                "case": one.case.case, "patient": row["patient"], "image": one.case.ct,
                "label": one.case.masks, "masks": [],
            },
        )  # fmt: skip
        case["masks"].append(
            {name: row[name] for name in _COLUMNS if name not in ("case", "patient", "ct")}
            | {
                "slicer": slicer_command(one.case.ct, row["mask"], one.mask.place),
                "itksnap": itksnap_command(one.case.ct, row["mask"]),
            }
        )
    caps = selection.caps
    return {
        "format": FORMAT,
        "budget": caps.budget,
        "per_structure": caps.per_structure,
        "per_patient": caps.per_patient,
        "masks_that_need_review": selection.n_candidates,
        "cases": list(cases.values()),
    }
