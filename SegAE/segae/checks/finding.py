"""What a check has to say, and what all checks of a case lead to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from segae.data import Segmentation
from segae.errors import InputError

Severity = Literal["error", "warning", "info"]


@dataclass(frozen=True)
class Finding:
    """One observation: `code` for programs, `message` (one sentence, what to do included) for people.

    An "error" stops the case. `segment` and `source` name the mask and the file that it is about.
    """

    code: str
    severity: Severity
    message: str
    segment: str | None = None
    source: str | None = None


@dataclass(frozen=True)
class Preflight:
    """All findings of a case, and the segments that can be scored, on the CT's grid."""

    findings: tuple[Finding, ...]
    segmentation: Segmentation

    @property
    def errors(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.severity == "error")

    def raise_for_errors(self) -> None:
        """Raises `InputError` with the first error's sentence when there is any."""
        if self.errors:
            first, *others = self.errors
            more = f" ({len(others)} more of {len(self.errors)} errors not shown)" if others else ""
            raise InputError(first.message + more)
