"""Events as lines of JSON and back."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from segae.report.record import header_of, report_from, row_values
from segae.report.rows import SliceScore
from segae.worker.events import Cancelled, Event, Failed, Finished, Progress, Scores


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
    return asdict(event)


def _event(message: dict[str, Any]) -> Event:
    kind = message["event"]
    if kind == "progress":
        return Progress(message["stage"], message["done"], message["total"], message["seconds"])
    if kind == "scores":
        return Scores(tuple(SliceScore(*values) for values in message["rows"]))
    if kind == "finished":
        return Finished(report_from(message["header"], message["rows"]))
    if kind == "failed":
        return Failed(message["sentence"], message["kind"], message["details"])
    if kind == "cancelled":
        return Cancelled()
    raise ValueError(f"{kind} is no event")
