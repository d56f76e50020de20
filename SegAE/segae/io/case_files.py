"""The files of one case, what a layout of a data set holds, and what a result was made from."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Any

from segae.data import Segmentation, Volume
from segae.errors import InputError
from segae.files import shown_path
from segae.io.ct import read_ct
from segae.io.label_names import names_beside
from segae.io.readers import is_hidden
from segae.io.segmentation import read_segmentation
from segae.labels.table import LabelTable

_BEGINNING = 1024  # bytes of a file that hold its header, or the compressed header


@dataclass(frozen=True)
class CaseFiles:
    """`masks`: a folder of binary files or one file; `name`: the organ of a binary file, else None.

    `patient` is "" where the layout does not tell it: each case is then a patient of its own. `split`:
    "train", "val", "test" or "". `values`: the named scheme that the layout says the values of a label map
    follow, else None. `problem`: why the case cannot be scored, where that is known before a file is opened.
    `series`: the SeriesInstanceUID of the CT, where `ct` is a DICOM folder with several.
    """

    case: str
    ct: Path
    masks: Path
    name: str | None = None
    patient: str = ""
    split: str = ""
    values: str | None = None
    problem: str = field(default="", compare=False)
    series: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "case", shown_path(self.case))  # it goes into every file of results

    @classmethod
    def of_report(
        cls, case: str, ct: str, masks: str, options: Mapping[str, Any], patient: str = ""
    ) -> CaseFiles:
        """The files that a report says it was made from; `options`: what it says was asked."""
        return cls(
            case, Path(ct), Path(masks), options.get("name"), patient,
            values=options.get("values"), series=options.get("series"),
        )  # fmt: skip

    def absolute(self) -> CaseFiles:
        """The same case with paths that do not depend on the working directory."""
        return replace(self, ct=self.ct.absolute(), masks=self.masks.absolute())

    def inputs(self, names: Path | None = None) -> dict[str, Any]:
        """What a result was made from, as JSON values: for CT, masks and names how many files, how many
        bytes, and a digest over name, size, time of change and beginning of each file.

        `names`: what was given for the values of a label map; else files beside the masks count. Raises
        OSError for a file that cannot be read.
        """
        named = names_beside(self.masks) if names is None else [names]
        return {"ct": _state([self.ct]), "masks": _state([self.masks]), "names": _state(named)}


def read_case(files: CaseFiles, names: Path | None, table: LabelTable) -> tuple[Volume, Segmentation]:
    """The CT and the masks of a case. `names`: for the values of a label map; `table`: what names can mean.
    Raises `InputError` or OSError."""
    if files.problem:
        raise InputError(files.problem)
    ct = read_ct(files.ct, series=files.series)
    masks = read_segmentation(
        files.masks, name=files.name, names=names, table=table, values=files.values, ct=ct.place
    )
    return ct, masks


def _state(paths: Iterable[Path]) -> dict[str, Any]:
    digest, n_files, size = hashlib.sha256(), 0, 0
    for path in _files(paths):
        status = path.stat()
        with path.open("rb") as stream:
            beginning = stream.read(_BEGINNING)
        told = f"{path.name}\0{status.st_size}\0{status.st_mtime_ns}\0"
        digest.update(told.encode("utf-8", "surrogateescape") + beginning)
        n_files, size = n_files + 1, size + status.st_size
    return {"files": n_files, "bytes": size, "sha256": digest.hexdigest()}


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            yield from sorted(inner for inner in path.rglob("*") if inner.is_file() and not is_hidden(inner))
        elif path.exists():
            yield path


@dataclass(frozen=True)
class LeftOut:
    """Something about a data set that a user should know, mostly a file or folder that is no whole case:
    `code` for programs, `message` (one sentence) for people.

    `case`: what it would be; a batch lists it as a failure. None for what is no case.
    """

    code: str
    message: str
    source: Path
    case: CaseFiles | None = None


@dataclass(frozen=True)
class Layout:
    """What a layout holds before anything was opened: whole cases, and what has no partner."""

    cases: tuple[CaseFiles, ...]
    left_out: tuple[LeftOut, ...] = ()


def with_own_names(cases: Iterable[CaseFiles]) -> tuple[list[CaseFiles], list[LeftOut]]:
    """Cases sorted by name, of which no two have one, because results are kept by it; and what was changed.

    Of a case that is listed twice one stays; other cases of one name get a number. Names that only differ in
    capitals or in the form of accents count as one, as they do for some file systems.
    """
    kept: list[CaseFiles] = []
    told: list[LeftOut] = []
    taken: dict[str, list[CaseFiles]] = {}  # what has a name already, by the name that was asked for
    ordered = sorted(cases, key=lambda one: (one.case, str(one.ct), str(one.masks), one.name or ""))
    asked = {_key(one.case) for one in ordered}
    for one in ordered:
        same = taken.setdefault(_key(one.case), [])
        if any((one.ct, one.masks, one.name) == (other.ct, other.masks, other.name) for other in same):
            text = f'The case "{one.case}" is listed twice with the same files; it is scored once.'
            told.append(LeftOut("DUPLICATE", text, one.ct))
            continue
        own = one.case
        if same:
            numbers = (f"{one.case} ({n})" for n in count(len(same) + 1))
            own = next(name for name in numbers if _key(name) not in asked)
            asked.add(_key(own))
            text = (
                f'Several cases are called "{one.case}"; that of "{one.ct}" is listed as "{own}", give each '
                "its own name."
            )
            told.append(LeftOut("SAME_NAME", text, one.ct))
        same.append(one)
        kept.append(replace(one, case=own))
    return sorted(kept, key=lambda one: one.case), told


def _key(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()
