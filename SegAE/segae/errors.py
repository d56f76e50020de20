"""Problems that a user can solve. Their text is one sentence: what is wrong, where, and what to do."""

from __future__ import annotations


class SegAEError(Exception):
    """Base of every error that a command turns into one line and exit code 2."""


class InputError(SegAEError):
    """A CT, a mask, a name or an option that cannot be used as it is."""


class ModelError(SegAEError):
    """A checkpoint that cannot be read, is unknown, or does not fit what was asked."""


class OutputError(SegAEError):
    """A result that could not be written."""


class Cancelled(SegAEError):
    """The user stopped the work; what was finished before is kept."""
