"""Which CT belongs to which masks, who is trained, validated and tested on, and the file that says so."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from segae.errors import InputError, OutputError, way
from segae.files import whole_file
from segae.finding import Finding
from segae.io.layouts import SPLITS as SPLITS
from segae.labels.schemes import DAP
from segae.labels.table import LabelTable


@dataclass(frozen=True)
class PseudoLabel:
    """The mask of row `structure` of the label table that the checkpoint or program `source` made.

    `value`: what its voxels hold in the file; None for a binary file, where everything but 0 belongs to it.
    `expert`: a person drew or checked it.
    """

    structure: int
    source: str
    path: Path
    value: int | None = None
    expert: bool = False


@dataclass(frozen=True)
class Scan:
    """A CT and its true masks: a label map of table rows, or a folder with a binary file per structure.

    `ct` is an image file or a folder with a DICOM series. `structures`: indices of the label table that have
    voxels. `split`: "train", "val" or "test", "" while undecided. `known`: structures whose masks are known,
    None for all that the layout knows; `absent`: structures that were looked for and are not there;
    `left_out`: structures whose masks are not trusted. `coarse`: train on larger pixels too. `label_table`:
    what names and label values mean. `values`: the named scheme of a label map's values that nothing else
    names; None where the layout gives none.
    """

    name: str
    patient: str
    ct: Path
    masks: Path
    structures: tuple[int, ...] = ()
    pseudo_labels: tuple[PseudoLabel, ...] = ()
    split: str = ""
    known: tuple[int, ...] | None = None
    absent: tuple[int, ...] = ()
    left_out: tuple[int, ...] = ()
    coarse: bool = False
    label_table: LabelTable = field(default_factory=LabelTable.default)
    values: str | None = DAP


@dataclass(frozen=True)
class Found:
    """What a layout holds before anything was opened: scans by name, and what has no partner."""

    scans: tuple[Scan, ...]
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True)
class Index:
    """All usable scans sorted by name, what was wrong with the others, and the seed of the split."""

    scans: tuple[Scan, ...]
    findings: tuple[Finding, ...]
    seed: int

    def of(self, split: str) -> tuple[Scan, ...]:
        """The scans of one split."""
        return tuple(scan for scan in self.scans if scan.split == split)

    @property
    def label_table(self) -> LabelTable:
        """What names and label values mean, the same for all scans."""
        return self.scans[0].label_table if self.scans else LabelTable.default()


@dataclass(frozen=True)
class Shares:
    """Parts of the patients; what is neither validated nor tested on is trained on."""

    val: float = 0.1
    test: float = 0.1

    def __post_init__(self) -> None:
        if not (0 < self.val < 1 and 0 <= self.test < 1 and self.val + self.test < 1):
            raise InputError(
                f"The shares {self.val:g} for validation and {self.test:g} for testing leave nothing to "
                "train on or nothing to validate on; give parts of 1 such as 0.1 and 0.1."
            )


def split_by_patient(patients: Iterable[str], shares: Shares, seed: int) -> dict[str, str]:
    """ "train", "val" or "test" for every patient.

    Patients are sorted by the SHA-256 of seed and name, so that the split depends neither on the order of
    files nor on the platform, and one more patient moves a few others at most. At least one patient is
    trained and one validated on; with three or more, at least one is tested on unless `shares.test` is 0.
    Raises `InputError` for fewer than two patients.
    """
    order = sorted(set(patients), key=lambda patient: hashlib.sha256(f"{seed}:{patient}".encode()).digest())
    if len(order) < 2:
        raise InputError(
            f'All scans are of one patient ("{order[0]}"), so that none is left to validate on; add others.'
            if order
            else "There is no scan to split; add scans."
        )
    n_val = max(1, round(shares.val * len(order)))
    n_test = max(1, round(shares.test * len(order))) if shares.test and len(order) > 2 else 0
    n_test = min(n_test, len(order) - n_val - 1)
    val, test = set(order[:n_val]), set(order[n_val : n_val + n_test])
    return {p: "val" if p in val else "test" if p in test else "train" for p in sorted(order)}


HIGHEST_INDEX = 255  # label indices of a training set are bytes


def read_label_table(path: Path | None) -> LabelTable:
    """The label table with the structures of one's own in the CSV file `path`, the default one for None.
    Raises `InputError` for a table that cannot be used, or an index that a training set cannot hold."""
    table = LabelTable.default() if path is None else LabelTable.read(path)
    odd = next((row for row in table.own if "/" in row.name or "\\" in row.name), None)
    if odd is not None:
        raise InputError(f'The label table "{path}" names "{odd}", which is no file name; leave out the "/".')
    last = table.structures[-1]
    if last.index > HIGHEST_INDEX:
        raise InputError(
            f'The label table "{path}" gives "{last}" the index {last.index}, and a training set holds '
            f"indices up to {HIGHEST_INDEX}; give it a smaller one, or none."
        )
    return table


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
        "own_structures": index.label_table.to_json(),
        "scans": [_scan_out(scan, path.parent) for scan in index.scans],
        "findings": [asdict(finding) for finding in index.findings],
    }
    table = path.with_suffix(".csv")
    with whole_file(path) as stream:
        stream.write(json.dumps(content, indent=1, ensure_ascii=False).encode("utf-8", "backslashreplace"))
    with whole_file(table) as stream:
        stream.write(_table(index, path.parent).encode("utf-8", "backslashreplace"))
    return path, table


def read_index(path: str | Path) -> Index:
    """Read what `write_index` wrote. Raises `InputError` for anything else."""
    path = Path(path)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["format"] != _FORMAT:
            raise KeyError("format")
        table = LabelTable.from_json(content.get("own_structures", ()))
        scans = tuple(_scan_in(scan, path.parent, table) for scan in content["scans"])
        findings = tuple(Finding.from_dict(finding) for finding in content["findings"])
        return Index(scans, findings, int(content["seed"]))
    except OSError:
        raise InputError(
            f'There is no index "{path}" that can be read; ' + way("write one first.", "press Check data.")
        ) from None
    except (ValueError, KeyError, TypeError):
        raise InputError(
            f'"{path}" is no index of scans, or a damaged one; ' + way("write it again.", "press Check data.")
        ) from None


def _scan_out(scan: Scan, base: Path) -> dict[str, Any]:
    row = {one.name: getattr(scan, one.name) for one in fields(scan) if one.name != "label_table"}
    row |= {"ct": _relative(scan.ct, base), "masks": _relative(scan.masks, base)}
    row["pseudo_labels"] = [
        [label.structure, label.source, _relative(label.path, base), label.value, label.expert]
        for label in scan.pseudo_labels
    ]
    return row


def _scan_in(row: dict[str, Any], base: Path, table: LabelTable) -> Scan:
    labels = tuple(
        PseudoLabel(structure, source, base / path, *more)
        for structure, source, path, *more in row["pseudo_labels"]
    )
    places = {"ct": base / row["ct"], "masks": base / row["masks"]}
    values: dict[str, Any] = {**row, **places, "pseudo_labels": labels}
    for name in ("structures", "absent", "left_out", "known"):
        if values.get(name) is not None:
            values[name] = tuple(values[name])
    return Scan(**values, label_table=table)


def _table(index: Index, base: Path) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for scan in index.scans:
        names = "; ".join(str(scan.label_table.by_index(structure)) for structure in scan.structures)
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
