"""Events as lines of JSON and back."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from segae.labels.table import by_index
from segae.names.name_check import NameCheck
from segae.report.record import header_of, report_from, row_values
from segae.report.rows import SliceScore
from segae.worker.events import (
    Cancelled,
    Event,
    Failed,
    Finished,
    Located,
    NamesChecked,
    Progress,
    Scores,
)
from segae.worker.packed import pack, unpack


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


def command(name: str, job: int, **values: str) -> bytes:
    """A command to the child as one line."""
    return _line({"command": name, "job": job, **values})


def _line(message: dict[str, Any]) -> bytes:
    return (json.dumps(message) + "\n").encode()


def _content(event: Event) -> dict[str, Any]:
    if isinstance(event, Scores):
        return {"rows": [row_values(row) for row in event.rows]}
    if isinstance(event, Finished):
        return {"header": header_of(event.report), "rows": [row_values(row) for row in event.report.slices]}
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
        return Scores(tuple(SliceScore(*values) for values in message["rows"]))
    if kind == "finished":
        return Finished(report_from(message["header"], message["rows"]))
    if kind == "located":
        return Located(unpack(message["missing"]), unpack(message["extra"]))
    if kind == "nameschecked":
        return NamesChecked(tuple(_check(values) for values in message["checks"]))
    if kind == "failed":
        return Failed(message["sentence"], message["kind"], message["details"])
    if kind == "cancelled":
        return Cancelled()
    raise ValueError(f"{kind} is no event")


def _check_values(check: NameCheck) -> dict[str, Any]:
    """A check with structures as rows of the label table."""
    other = check.looks_like
    return {**vars(check), "named": check.named.index, "looks_like": None if other is None else other.index}


def _check(values: dict[str, Any]) -> NameCheck:
    other = values["looks_like"]
    looks_like = None if other is None else by_index(other)
    return NameCheck(**{**values, "named": by_index(values["named"]), "looks_like": looks_like})
