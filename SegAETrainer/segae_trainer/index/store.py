"""The index as a JSON file, and as a CSV table for people."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

from segae.errors import InputError, OutputError
from segae.labels import by_index
from segae.preflight import Finding
from segae.whole_file import whole_file
from segae_trainer.index.scan import Index, PseudoLabel, Scan

_FORMAT = "segae index 1"
_COLUMNS = (
    "name", "patient", "split", "ct", "masks", "n_structures", "n_pseudo_labels", "structures",
)  # fmt: skip


def check_index_path(path: str | Path) -> None:
    """Raises `OutputError` for a place where no index can be written, before hours are spent on it."""
    path = Path(path)
    if path.suffix.lower() != ".json":
        raise OutputError(f'The index "{path}" must be a .json file; its table goes beside it as .csv.')
    if path.is_dir():
        raise OutputError(f'"{path}" is a folder; give the name of a .json file, such as index.json in it.')


def write_index(index: Index, path: str | Path) -> tuple[Path, Path]:
    """Write `path` (JSON, read back by `read_index`) and a table of the scans beside it (CSV); returns both.

    Files below the folder of `path` are written relative to it, so that the folder can be moved as a whole.
    Raises `OutputError` when they cannot be written, or `path` is no .json file.
    """
    check_index_path(path)
    path = Path(path)
    content = {
        "format": _FORMAT,
        "seed": index.seed,
        "scans": [_scan_out(scan, path.parent) for scan in index.scans],
        "findings": [asdict(finding) for finding in index.findings],
    }
    table = path.with_suffix(".csv")
    with whole_file(path) as stream:
        stream.write(json.dumps(content, indent=1, ensure_ascii=False).encode())
    with whole_file(table) as stream:
        stream.write(_table(index, path.parent).encode())
    return path, table


def read_index(path: str | Path) -> Index:
    """Read what `write_index` wrote. Raises `InputError` for anything else."""
    path = Path(path)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["format"] != _FORMAT:
            raise KeyError("format")
        scans = tuple(_scan_in(scan, path.parent) for scan in content["scans"])
        findings = tuple(Finding(**finding) for finding in content["findings"])
        return Index(scans, findings, int(content["seed"]))
    except OSError:
        raise InputError(f'There is no index "{path}" that can be read; write one first.') from None
    except (ValueError, KeyError, TypeError):
        raise InputError(f'"{path}" is no index of scans, or a damaged one; write it again.') from None


def _scan_out(scan: Scan, base: Path) -> dict[str, Any]:
    row = asdict(scan) | {"ct": _relative(scan.ct, base), "masks": _relative(scan.masks, base)}
    row["pseudo_labels"] = [
        [label.structure, label.source, _relative(label.path, base), label.value]
        for label in scan.pseudo_labels
    ]
    return row


def _scan_in(row: dict[str, Any], base: Path) -> Scan:
    labels = tuple(
        PseudoLabel(structure, source, base / path, value)
        for structure, source, path, value in row["pseudo_labels"]
    )
    places = {"ct": base / row["ct"], "masks": base / row["masks"]}
    return Scan(**row | places | {"structures": tuple(row["structures"]), "pseudo_labels": labels})


def _table(index: Index, base: Path) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for scan in index.scans:
        names = "; ".join(str(by_index(structure)) for structure in scan.structures)
        places = [_relative(scan.ct, base), _relative(scan.masks, base)]
        counts = [len(scan.structures), len(scan.pseudo_labels)]
        writer.writerow([scan.name, scan.patient, scan.split, *places, *counts, names])
    return text.getvalue()


def _relative(path: Path, base: Path) -> str:
    path, base = path.absolute(), base.absolute()
    return path.relative_to(base).as_posix() if path.is_relative_to(base) else str(path)


def count_scans(index: Index) -> dict[int, int]:
    """Number of scans that show each structure, by row of the label table, the rarest first."""
    counts = Counter(structure for scan in index.scans for structure in scan.structures)
    return dict(sorted(counts.items(), key=lambda item: (item[1], item[0])))
