"""What a command did, short enough to be read: a table, and what was found in sentences."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segae_trainer.data.index import SPLITS, Index
from segae_trainer.data.sample import KINDS

if TYPE_CHECKING:
    from rich.console import Console

    from segae.finding import Finding
    from segae_trainer.data.training_set import TrainingSet

HALF = 0.5  # true Dice; the share of pairs below it is printed
_EACH = 3  # findings of one kind that are printed one by one


def print_table(console: Console, head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table whose first column is text; numbers are divided at the thousands."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for place, name in enumerate(head):
        table.add_column(name, justify="left" if place == 0 else "right")
    for row in rows:
        table.add_row(*(_cell(value) for value in row))
    console.print(table)


def print_sentence(console: Console, text: str, mark: str = "") -> None:
    """One line, however long, after a coloured `mark`."""
    if mark:
        console.print(f"[yellow]{mark}[/] ", end="")
    console.print(text, soft_wrap=True, highlight=False, markup=False)


def print_index(console: Console, index: Index) -> None:
    """Scans, patients, structures and pseudo labels by split."""
    rows = []
    for split in SPLITS:
        scans = index.of(split)
        patients = {scan.patient for scan in scans}
        structures = {structure for scan in scans for structure in scan.structures}
        labels = sum(len(scan.pseudo_labels) for scan in scans)
        rows.append((split, len(scans), len(patients), len(structures), labels))
    print_table(console, ("split", "scans", "patients", "structures", "pseudo labels"), rows)


def print_sources(console: Console, index: Index) -> None:
    """Scans and masks by who made the pseudo labels."""
    sources = sorted({label.source for scan in index.scans for label in scan.pseudo_labels})
    rows = []
    for source in sources:
        counts = [sum(label.source == source for label in scan.pseudo_labels) for scan in index.scans]
        rows.append((source, sum(count > 0 for count in counts), sum(counts)))
    print_table(console, ("pseudo labels by", "scans", "masks"), rows)


def print_training_set(console: Console, training_set: TrainingSet) -> None:
    """Pairs and their Dice by split, and how many there are of each kind."""
    import numpy as np

    table = training_set.table
    rows = []
    for split in SPLITS:
        scans = [scan for scan in training_set.scans if scan.split == split]
        patients = {scan.patient for scan in scans}
        of_split = training_set.rows(split)
        dice = table["dice"][of_split]
        dice = dice[np.isfinite(dice)]
        figures = (float(np.median(dice)), _percent(dice < HALF), _percent(dice == 0)) if len(dice) else ()
        rows.append((split, len(scans), len(patients), len(of_split), *(figures or ("-", "-", "-"))))
    head = ("split", "scans", "patients", "pairs", "median Dice", f"below {HALF:g}", "no overlap")
    print_table(console, head, rows)
    counts = np.bincount(table["kind"], minlength=len(KINDS)).tolist()
    kinds = ", ".join(f"{kind} {count:,}" for kind, count in zip(KINDS, counts, strict=True) if count)
    print_sentence(console, f"By kind: {kinds}.")


def without_repeats(index: Index) -> Index:
    """The index with each finding once, however often its predictions were added."""
    return replace(index, findings=tuple(dict.fromkeys(index.findings)))


def print_findings(console: Console, findings: Iterable[Finding], where: object) -> None:
    """The findings by kind; of a kind with many the first ones, and that the others stand in `where`."""
    by_code: dict[str, list[Finding]] = {}
    for finding in findings:
        by_code.setdefault(finding.code, []).append(finding)
    for code, group in by_code.items():
        for finding in group[:_EACH]:
            print_sentence(console, finding.message, code)
        if len(group) > _EACH:
            print_sentence(console, f'{len(group) - _EACH} more of this kind stand in "{where}".', code)


def told_figures(model: Path) -> str:
    """How the model that a training wrote did on the validation scans, and where the curves are."""
    from segae.models.checkpoint import read_spec

    spec = read_spec(model)
    figures, epoch = spec.figures["validation"], spec.training["epoch"]
    lcc, mae = ("not defined" if figures[key] is None else f"{figures[key]:.3f}" for key in ("lcc", "mae"))
    return (
        f"Its epoch {epoch} was the best: LCC {lcc}, mean absolute error {mae} on {figures['n']:,} slices of "
        f'the validation scans; "{model.with_name("curves.png")}" shows all epochs.'
    )


def _percent(hits: Any) -> str:
    return f"{100 * float(hits.mean()):.0f} %"


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.2f}"
    return f"{value:,}" if isinstance(value, int) else str(value)
