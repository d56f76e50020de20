"""Names as they appear in pictures and tables."""

from __future__ import annotations

import re

ELLIPSIS = "…"


def organ_name(segment: str, structure: str) -> str:
    """The segment's own name, with the structure it was taken for when that reads differently."""
    if not structure or _letters(segment) == _letters(structure):
        return structure or one_line(segment)
    return f"{one_line(segment)} ({structure})"


def shorten(text: str, width: int) -> str:
    """At most `width` characters: the middle gives way, since names differ at both ends ("rib left 11")."""
    if len(text) <= width:
        return text
    tail = (width - 1) // 2
    return text[: width - 1 - tail] + ELLIPSIS + (text[-tail:] if tail else "")


def one_line(text: str) -> str:
    """Text without line breaks or other control characters."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _letters(name: str) -> list[str]:
    """Words of a name in any order, so that "left kidney" equals "kidney_left"."""
    return sorted(re.findall(r"\w+", name.lower().replace("_", " ")))
