"""The folder that a batch writes: a CSV per scored case, and a JSON per case that could not be scored.

    OUT/cases/<case>.csv     the report; appears whole or not at all
    OUT/failed/<case>.json   why the case was not scored; gone once it was

Nothing else is remembered: what is there is done, so a run that was killed goes on where it was.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from segae.batch.cases import CaseFiles
from segae.errors import InputError
from segae.report import csv_format
from segae.report.files import read_report, write_report
from segae.report.report import QualityReport
from segae.whole_file import whole_file


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
        return self.folder / "cases" / f"{_file_name(case)}.csv"

    def failure_path(self, case: str) -> Path:
        return self.folder / "failed" / f"{_file_name(case)}.json"

    def is_done(self, files: CaseFiles, model_sha256: str, options: Mapping[str, object]) -> bool:
        """Whether the case has a report by this model with these options, made after its files last
        changed."""
        path = self.report_path(files.case)
        try:
            written = path.stat().st_mtime
            with path.open("rb") as stream:
                header = csv_format.read_headers(stream)[0]
            same = header["model"]["sha256"] == model_sha256 and header["options"] == dict(options)
        except (OSError, ValueError, KeyError, TypeError):
            return False  # missing, or not written by this program: score it
        return same and written >= files.newest()

    def save(self, report: QualityReport) -> None:
        """Keep a report; raises `OutputError` when it cannot be written."""
        write_report(report, self.report_path(report.case))
        self.failure_path(report.case).unlink(missing_ok=True)

    def save_failure(self, failure: Failure) -> None:
        """Keep a failure, and take away an older report of the case, which is no longer true."""
        with whole_file(self.failure_path(failure.case)) as stream:
            stream.write(json.dumps(asdict(failure), indent=1).encode())
        self.report_path(failure.case).unlink(missing_ok=True)

    def clean(self, cases: Iterator[str]) -> None:
        """Remove what a killed run left half-written for these cases."""
        for case in cases:
            for path in (self.report_path(case), self.failure_path(case)):
                for part in path.parent.glob(f".{_glob_safe(path.name[:100])}.*.part"):
                    part.unlink(missing_ok=True)

    def reports(self) -> Iterator[QualityReport]:
        """All reports, by case name; raises `InputError` when there are none or one is damaged."""
        paths = sorted((self.folder / "cases").glob("*.csv"))
        if not paths:
            raise InputError(f'"{self.folder}" holds no results of a batch; give the folder given to --out.')
        return (read_report(path) for path in paths)

    def failures(self) -> tuple[Failure, ...]:
        """The cases that could not be scored, by name."""
        return tuple(
            Failure(**json.loads(path.read_text()))
            for path in sorted((self.folder / "failed").glob("*.json"))
        )


def _file_name(case: str) -> str:
    """A case's name as a file name: characters that some file system refuses are written as %XX."""
    return re.sub(r'[\x00-\x1f<>:"/\\|?*%]|^\.', lambda match: f"%{ord(match[0]):02X}", case)


def _glob_safe(name: str) -> str:
    return re.sub(r"([\[*?])", r"[\1]", name)
