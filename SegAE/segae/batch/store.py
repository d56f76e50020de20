"""The folder that a batch writes: a file per scored case, and a JSON per case that could not be scored.

    OUT/cases/<case>.parquet   the report; appears whole or not at all
    OUT/failed/<case>.json     why the case was not scored; gone once it was

Version 0.1 wrote CSV, and so does Slicer, which has no pyarrow: such files are read as well.

Nothing else is remembered: what is there is done, so a run that was killed goes on where it was.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from segae.errors import InputError
from segae.files import file_name, remove, remove_leftovers, shown_path, whole_file
from segae.io.layouts import CaseFiles
from segae.results.files import read_headers, read_report, write_report
from segae.results.record import FORMAT
from segae.results.types import CaseReport
from segae.scoring.options import ScoringOptions

ENDINGS = (".parquet", ".csv")  # of reports


@dataclass(frozen=True)
class Failure:
    """A case that was not scored, and the sentence that says why."""

    case: str
    reason: str
    ct: str
    masks: str


@dataclass(frozen=True)
class ResultStore:
    """The results under `folder`."""

    folder: Path

    def report_path(self, case: str) -> Path:
        """Where the report of a case is, or will be."""
        return next((path for path in self._report_paths(case) if path.exists()), self._new_path(case))

    def failure_path(self, case: str) -> Path:
        return self.folder / "failed" / f"{file_name(case)}.json"

    def is_done(self, files: CaseFiles, model_sha256: str, options: ScoringOptions) -> bool:
        """Whether the case has a report by this model with these options, made of these files as they are
        now: size, time of change and header of each were kept, so that no two clocks are compared."""
        path = self.report_path(files.case)
        try:
            header = read_headers(path)[0]
            made_of = (header["format"], header["model"]["sha256"], header["ct"], header["segmentation"])
            named = (shown_path(files.ct), shown_path(files.masks))
            same = made_of == (FORMAT, model_sha256, *named)
            return same and header["options"] == _asked(files, options, files.inputs(options.names))
        except (InputError, OSError, ValueError, KeyError, TypeError):
            return False  # missing, or not written by this program, or its files cannot be read: score it

    def save(
        self,
        report: CaseReport,
        files: CaseFiles,
        options: ScoringOptions,
        inputs: Mapping[str, Any] | None = None,
    ) -> None:
        """Keep a report; `inputs`: what `CaseFiles.inputs` gave before the case was read (None: as the files
        are now). Raises `OutputError` when it cannot be written."""
        made_of = files.inputs(options.names) if inputs is None else inputs
        report = replace(report, options=_asked(files, options, made_of), patient=files.patient)
        path = self._new_path(report.case)
        for other in self._report_paths(report.case):
            if other != path and other.exists():
                remove(other)  # of an older run in another format; before, so that never two are there
        write_report(report, path)
        remove(self.failure_path(report.case))

    def save_failure(self, failure: Failure) -> None:
        """Keep a failure, and take away an older report of the case, which is no longer true."""
        with whole_file(self.failure_path(failure.case)) as stream:
            stream.write(json.dumps(asdict(failure), indent=1).encode())
        for path in self._report_paths(failure.case):
            remove(path)

    def clean(self, cases: Iterable[str]) -> None:
        """Remove what a killed run left half-written for these cases; raises `OutputError`."""
        remove_leftovers(
            path for case in cases for path in (*self._report_paths(case), self.failure_path(case))
        )

    def stamps(self, cases: Iterable[str]) -> dict[str, int]:
        """When the report or failure of each case was written, in ns, for the cases that have one: to tell
        whether it was written anew, not to compare with a clock. Each folder is listed once."""
        there = {path for folder in ("cases", "failed") for path in (self.folder / folder).glob("*")}
        stamps: dict[str, int] = {}
        for case in cases:
            for path in (*self._report_paths(case), self.failure_path(case)):
                if path in there:
                    with suppress(FileNotFoundError):  # a failure goes when its case is scored
                        stamps[case] = max(stamps.get(case, 0), path.stat().st_mtime_ns)
        return stamps

    def failure(self, case: str) -> Failure | None:
        """Why the case was not scored; None when it was, or was not tried. Raises `InputError` for a damaged
        file."""
        path = self.failure_path(case)
        return _read_failure(path) if path.exists() else None

    def reports(self) -> Iterator[CaseReport]:
        """All reports, by case name; raises `InputError` when there are none or one is damaged."""
        return (read_report(path) for path in self.report_files())

    def report_files(self) -> list[Path]:
        """The files of all reports, by case name; raises `InputError` when there are none."""
        paths = [path for path in self._files("cases", "*") if path.suffix in ENDINGS]
        if not paths and self._files("failed", "*.json"):
            raise InputError(f'No case in "{self.folder}" was scored; the reasons are in its folder failed.')
        if not paths:
            raise InputError(f'"{self.folder}" holds no results of a batch; give the folder given to --out.')
        return self._own(paths)

    def copies(self) -> tuple[Path, ...]:
        """Files of reports that are copies of another one, such as a file manager or a cloud makes; their
        cases would count twice."""
        paths = [path for path in self._files("cases", "*") if path.suffix in ENDINGS]
        own = set(self._own(paths))
        return tuple(path for path in paths if path not in own)

    def _own(self, paths: Iterable[Path]) -> list[Path]:
        """One file for each case, that with its name where there is one."""
        by_case: dict[str, Path] = {}
        for path in paths:
            case = _case_in(path)
            if case not in by_case or path == self.report_path(case):
                by_case[case] = path
        return sorted(by_case.values(), key=lambda path: path.name)

    def failures(self) -> tuple[Failure, ...]:
        """The cases that could not be scored, by name; raises `InputError` for a damaged file."""
        return tuple(_read_failure(path) for path in self._files("failed", "*.json"))

    def _new_path(self, case: str) -> Path:
        return self._report_paths(case)[0 if find_spec("pyarrow") else 1]

    def _report_paths(self, case: str) -> list[Path]:
        return [self.folder / "cases" / f"{file_name(case)}{ending}" for ending in ENDINGS]

    def _files(self, folder: str, pattern: str) -> list[Path]:
        """Finished files; hidden ones are none of ours."""
        return sorted(path for path in (self.folder / folder).glob(pattern) if path.name[0] != ".")


def report_files(path: Path) -> list[Path]:
    """The files of reports at `path`: of the folder of a batch, of one that `segae score --out` wrote, or the
    file itself. Raises `InputError` when there are none."""
    if path.is_file():
        return [path]
    single = [path / f"report{ending}" for ending in (".json", ".csv", ".parquet")]
    found = next((file for file in single if file.is_file()), None)
    if found is not None and not (path / "cases").is_dir():
        return [found]
    if not path.exists():
        raise InputError(f'There is no "{path}"; give the folder that was given to --out.')
    return ResultStore(path).report_files()


def _asked(files: CaseFiles, options: ScoringOptions, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The options as a report records them, the organ that the data set names for a binary mask, the scheme
    that its layout gives, the series of its CT, and what the report was made from."""
    asked = {"name": files.name, "values": files.values, "series": files.series}
    return options.as_dict() | asked | {"inputs": dict(inputs)}


def _read_failure(path: Path) -> Failure:
    try:
        return Failure(**json.loads(path.read_bytes()))
    except (OSError, ValueError, TypeError) as error:
        raise InputError(f'"{path}" is damaged; remove it and run the batch again.') from error


def _case_in(path: Path) -> str:
    """The case that a report says it is of; the file's name when it cannot be read, so that reading the
    report says why."""
    try:
        return str(read_headers(path)[0]["case"])
    except (OSError, ValueError, KeyError, TypeError, IndexError, InputError):
        return path.stem
