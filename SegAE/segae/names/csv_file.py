"""The answers as a table."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from segae.names.name_check import NameCheck
from segae.whole_file import whole_file

COLUMNS = (
    "case", "segment", "structure_index", "structure", "looks_like_index", "looks_like",
    "score_named", "score_other", "confident", "reason",
)  # fmt: skip


def write_checks(checks: Sequence[NameCheck], case: str, path: str | Path) -> Path:
    """Write a CSV file (UTF-8, `COLUMNS`; empty where there is no other name or no score) and return its
    path. Raises `OutputError` when that is not possible."""
    with whole_file(path) as stream:
        text = io.TextIOWrapper(stream, encoding="utf-8", newline="", write_through=True)
        table = csv.writer(text, lineterminator="\n")
        table.writerow(COLUMNS)
        table.writerows(_values(check, case) for check in checks)
        text.detach()
    return Path(path)


def _values(check: NameCheck, case: str) -> list[object]:
    other = check.looks_like
    return [
        case,
        check.segment,
        check.named.index,
        check.named.name,
        "" if other is None else other.index,
        "" if other is None else other.name,
        _number(check.score_named),
        _number(check.score_other),
        int(check.confident),
        check.reason,
    ]


def _number(score: float | None) -> str:
    return "" if score is None else f"{score:.4f}"
