"""What a check has to say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from segae.errors import plain_text

Severity = Literal["error", "warning", "info"]


@dataclass(frozen=True)
class Finding:
    """One observation: `code` for programs, `message` (one sentence, what to do included) for people.

    An "error" stops the case. `segments`: names of the masks that it is about, the one to look at first in
    front; none where it is about the whole case. `source`: the file.
    """

    code: str
    severity: Severity
    message: str
    segments: tuple[str, ...] = ()
    source: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "message", plain_text(self.message))
        object.__setattr__(self, "segments", tuple(map(plain_text, self.segments)))
        object.__setattr__(self, "source", None if self.source is None else plain_text(self.source))

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Finding:
        """The finding that `dataclasses.asdict` made a dictionary of; those of version 0.1 have one `segment`
        or None. Raises KeyError or TypeError for anything else."""
        kept = dict(values)
        if "segment" in kept:
            only = kept.pop("segment")
            kept["segments"] = () if only is None else (only,)
        return cls(**{**kept, "segments": tuple(kept["segments"])})
