"""Doubtful names as findings of a report."""

from __future__ import annotations

from collections.abc import Sequence

from segae.names.name_check import NameCheck
from segae.preflight.findings import Finding


def name_findings(checks: Sequence[NameCheck]) -> tuple[Finding, ...]:
    """A finding NAME_DOUBTFUL for each mask that looks like another structure: a warning where the check is
    sure, else a note."""
    return tuple(
        Finding(
            "NAME_DOUBTFUL",
            "warning" if check.confident else "info",
            f'The mask "{check.segment}" is {check.sentence}; look at it, and rename it if that is right.',
            check.segment,
        )
        for check in checks
        if check.is_doubtful
    )
