"""What a job tells while it runs, and how that travels between processes as lines of JSON."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from segae.checks.names import NameCheck
from segae.data import Segment
from segae.geometry.box import Box
from segae.geometry.grid import Grid
from segae.labels.structure import Structure
from segae.results.columns import SLICES, names
from segae.results.record import header_of, report_from, row_values, slice_values, slices_from
from segae.results.types import CaseReport, SliceResult


def pack(segment: Segment) -> dict[str, Any]:
    """`segment` as JSON values; it need not lie on the grid of a CT that the reader has."""
    return {
        "name": segment.name,
        "structure": None if segment.structure is None else segment.structure.to_json(),
        "reason": segment.reason,
        "size": list(segment.grid.size),
        "affine": segment.grid.affine.tolist(),
        "box": [[extent.start, extent.stop] for extent in segment.box],
        "bits": base64.b64encode(zlib.compress(segment.bits.tobytes(), 1)).decode("ascii"),
    }


def unpack(values: Mapping[str, Any]) -> Segment:
    """Inverse of `pack`; raises KeyError, TypeError or ValueError for anything else."""
    box = Box(tuple(slice(start, stop) for start, stop in values["box"]))
    nk, nj, ni = box.shape
    shape = (nk, nj, -(-ni // 8))
    try:
        raw = zlib.decompress(base64.b64decode(values["bits"], validate=True))
    except zlib.error as error:
        raise ValueError(str(error)) from error
    ni, nj, nk = values["size"]
    return Segment(
        values["name"],
        None if values["structure"] is None else Structure.from_json(values["structure"]),
        values["reason"],
        Grid((ni, nj, nk), np.array(values["affine"], float)),
        box,
        np.frombuffer(raw, np.uint8).reshape(shape),
    )


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
    """The next batch of scored slices, by the place of their segment in the segmentation handed in."""

    slices: Mapping[int, tuple[SliceResult, ...]]


@dataclass(frozen=True)
class Finished:
    """Everything was scored; `report` holds the slices of all `Scores` again, with verdicts and findings."""

    report: CaseReport


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
class Returned:
    """A called function ended well with `value`, a JSON value."""

    value: Any


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
Event = Progress | Scores | Result | Returned | Failed | Cancelled
LAST = (Finished, Located, NamesChecked, Returned, Failed, Cancelled)


def encode(job: int, event: Event) -> bytes:
    """One line, its end included."""
    return _line({"event": type(event).__name__.lower(), "job": job, **_content(event)})


def decode(line: bytes) -> tuple[int, Event] | None:
    """Job and event of a line; None for a line that is none (a launcher's greeting, say)."""
    try:
        message = json.loads(line.decode("utf-8", "replace"))
        return message["job"], _event(message)
    except (ValueError, KeyError, TypeError):
        return None


def command(name: str, job: int, **values: Any) -> bytes:
    """A command to the child as one line."""
    return _line({"command": name, "job": job, **values})


def _line(message: dict[str, Any]) -> bytes:
    return (json.dumps(message) + "\n").encode()


def _content(event: Event) -> dict[str, Any]:
    if isinstance(event, Scores):
        return {"segments": [[place, slice_values(slices)] for place, slices in event.slices.items()]}
    if isinstance(event, Finished):
        return {"header": header_of(event.report), "rows": list(row_values(event.report))}
    if isinstance(event, Located):
        return {"missing": pack(event.missing), "extra": pack(event.extra)}
    if isinstance(event, NamesChecked):
        return {"checks": [_check_values(check) for check in event.checks]}
    return asdict(event)


def _event(message: dict[str, Any]) -> Event:
    kind = message["event"]
    if kind == "progress":
        return Progress(message["stage"], message["done"], message["total"], message["seconds"])
    if kind == "scores":
        return Scores({place: slices_from(values) for place, values in message["segments"]})
    if kind == "finished":
        return Finished(report_from(message["header"], names(SLICES), message["rows"]))
    if kind == "located":
        return Located(unpack(message["missing"]), unpack(message["extra"]))
    if kind == "nameschecked":
        return NamesChecked(tuple(_check(values) for values in message["checks"]))
    if kind == "returned":
        return Returned(message["value"])
    if kind == "failed":
        return Failed(message["sentence"], message["kind"], message["details"])
    if kind == "cancelled":
        return Cancelled()
    raise ValueError(f"{kind} is no event")


def _check_values(check: NameCheck) -> dict[str, Any]:
    """A check as JSON values."""
    looks_like = None if check.looks_like is None else check.looks_like.to_json()
    return {**vars(check), "named": check.named.to_json(), "looks_like": looks_like}


def _check(values: dict[str, Any]) -> NameCheck:
    other = values["looks_like"]
    looks_like = None if other is None else Structure.from_json(other)
    return NameCheck(**{**values, "named": Structure.from_json(values["named"]), "looks_like": looks_like})
