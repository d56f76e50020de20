"""Problems that a user can solve. Their text is one sentence: what is wrong, where, and what to do."""

from __future__ import annotations

import os

_DOOR, _PANEL = "SEGAE_DOOR", "panel"  # environment variable, so that child processes know it too


def speak_to_panel() -> None:
    """From now on, this process and its children say what to do in a panel, not on a command line."""
    os.environ[_DOOR] = _PANEL


def speak_to_command_line() -> None:
    """From now on, this process and its children say what to do on a command line, as in the beginning."""
    os.environ.pop(_DOOR, None)


def way(command: str, panel: str) -> str:
    """What the user can do, where that depends on the door: options for a command line, fields and buttons
    for a panel. The rest of the sentence is the same for both."""
    return panel if os.environ.get(_DOOR) == _PANEL else command


class SegAEError(Exception):
    """Base of every error that a command turns into one line and exit code 2."""

    def __init__(self, sentence: str = "") -> None:
        super().__init__(plain_text(sentence))


def plain_text(text: str) -> str:
    """`text` as any file and terminal can hold it: bytes of a path that are no UTF-8 are written as \\xNN."""
    return (
        text
        if text.isascii()
        else text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    )


class InputError(SegAEError):
    """A CT, a mask, a name or an option that cannot be used as it is."""


class ModelError(SegAEError):
    """A checkpoint that cannot be read, is unknown, or does not fit what was asked."""


class OutputError(SegAEError):
    """A result that could not be written."""


class Cancelled(SegAEError):
    """The user stopped the work; what was finished before is kept."""
