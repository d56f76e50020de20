"""What the preflight found, short enough to be read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from segae.preflight.findings import Finding

if TYPE_CHECKING:
    from rich.console import Console

EACH = 3  # findings of one kind that are printed one by one
NAMES = 6


def print_findings(console: Console, findings: Sequence[Finding]) -> None:
    """The warnings, a line each; of many with the same code the first, and the names of the others."""
    by_code: dict[str, list[Finding]] = {}
    for finding in findings:
        if finding.severity == "warning":
            by_code.setdefault(finding.code, []).append(finding)
    for code, group in by_code.items():
        for finding in group if len(group) <= EACH else group[:1]:
            console.print(f"[yellow]{code}[/] ", end="")
            console.print(finding.message, soft_wrap=True, highlight=False, markup=False)
        if len(group) > EACH:
            others = [finding.segment or "" for finding in group[1:]]
            more = f" and {len(others) - NAMES} more" if len(others) > NAMES else ""
            console.print(f"[yellow]{code}[/] ", end="")
            console.print(
                f"The same of {', '.join(others[:NAMES])}{more}.",
                soft_wrap=True,
                highlight=False,
                markup=False,
            )
