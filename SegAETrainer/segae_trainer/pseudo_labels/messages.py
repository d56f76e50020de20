"""What a child process tells its parent, line by line among what nnU-Net prints."""

from __future__ import annotations

import json
from typing import Any

from segae import errors
from segae.errors import SegAEError
from segae.progress import Step

_MARK = "@segae "


def tell_progress(stage: str, done: int, total: int) -> None:
    """Print a step of the work."""
    print(_MARK + json.dumps({"step": [stage, done, total]}), flush=True)


def tell_error(error: SegAEError) -> None:
    """Print an error that the user can solve."""
    print(_MARK + json.dumps({"error": [type(error).__name__, str(error)]}), flush=True)


def parse_message(line: str) -> Step | SegAEError | None:
    """What a line tells; None for a line of somebody else."""
    if not line.startswith(_MARK):
        return None
    content: dict[str, Any] = json.loads(line[len(_MARK) :])
    if "step" in content:
        return Step(*content["step"])
    name, text = content["error"]
    return getattr(errors, name)(text)
