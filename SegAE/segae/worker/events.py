"""What a job tells while it runs. The last event of a job is its result (`Finished`, `Located`,
`NamesChecked`), `Failed` or `Cancelled`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from segae.data import Segment
from segae.names.name_check import NameCheck
from segae.report.report import QualityReport
from segae.report.rows import SliceScore

Kind = Literal["input", "model", "output", "memory", "dependency", "start", "crash"]


@dataclass(frozen=True)
class Progress:
    """`done` of `total` units of `stage`, `seconds` after the stage began.

    Stages in their order: "starting" (child process), "loading" (packages and model), "checking" (preflight),
    then "scoring" (slices), "locating" (errors of one segment) or "checking names" (segments).
    """

    stage: str
    done: int = 0
    total: int = 0
    seconds: float = 0.0

    @property
    def per_second(self) -> float | None:
        """Units per second so far; None before the first."""
        return self.done / self.seconds if self.done and self.seconds > 0 else None

    @property
    def seconds_left(self) -> float | None:
        """At the speed so far; None before the first unit."""
        speed = self.per_second
        return None if speed is None else (self.total - self.done) / speed


@dataclass(frozen=True)
class Scores:
    """The next batch of scored slices."""

    rows: tuple[SliceScore, ...]


@dataclass(frozen=True)
class Finished:
    """Everything was scored; `report` holds the rows of all `Scores` again, with findings and timings."""

    report: QualityReport


@dataclass(frozen=True, eq=False)
class Located:
    """The predicted errors of one segment, on its own grid: voxels of the organ that the mask leaves out, and
    voxels of the mask that are not the organ."""

    missing: Segment
    extra: Segment


@dataclass(frozen=True)
class NamesChecked:
    """What was found out about the name of each segment."""

    checks: tuple[NameCheck, ...]


@dataclass(frozen=True)
class Failed:
    """`sentence` is for the user: what is wrong and what to do; `details` (may be several lines) for the log.

    `kind`: "input", "model", "output" as the errors of segae; "memory" ran out; "dependency": a package is
    missing or broken; "start": there is no child; "crash": it ended without a word.
    """

    sentence: str
    kind: Kind
    details: str = ""


@dataclass(frozen=True)
class Cancelled:
    """Stopped on request. Scores that came before are valid."""


Result = Finished | Located | NamesChecked
Event = Progress | Scores | Result | Failed | Cancelled
LAST = (Finished, Located, NamesChecked, Failed, Cancelled)
