"""The command with which a training was started, kept in its folder: it goes on with these settings only."""

from __future__ import annotations

import json
from collections.abc import Sequence

from segae.errors import InputError
from segae.whole_file import whole_file
from SegAETrainerLib.runs.run_folder import RunFolder


def write_orders(run: RunFolder, arguments: Sequence[str]) -> None:
    """Keep them. Raises `OutputError`."""
    with whole_file(run.orders) as stream:
        stream.write(json.dumps({"arguments": list(arguments)}, indent=1, ensure_ascii=False).encode())


def read_orders(run: RunFolder) -> list[str] | None:
    """None when the training was not started from the panel. Raises `InputError` for a damaged file."""
    try:
        return [str(word) for word in json.loads(run.orders.read_text(encoding="utf-8"))["arguments"]]
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError):
        raise InputError(f'"{run.orders}" is damaged; remove it and resume with the same settings.') from None
