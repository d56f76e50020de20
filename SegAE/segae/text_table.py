"""Text and tables that people made with any program: every usual encoding, every usual separator.

Excel writes a byte order mark, semicolons where the comma is the decimal sign, Latin-1 or UTF-16; BIDS writes
tabs. Nobody should have to know that.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from segae.errors import InputError
from segae.files import reason

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SEPARATORS = ",;\t|"
_BINARY = re.compile(r"[\x00-\x08\x0e-\x1f]")


def read_text(path: Path) -> str:
    """The text of a file in UTF-8, UTF-16, UTF-32, Windows-1252 or Latin-1, with or without a byte order
    mark. Raises `InputError` for a file that cannot be read or is no text."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f'"{path}" cannot be read ({reason(error)}); check its path.') from None
    if data[:4] in (b"PK\x03\x04", b"\xd0\xcf\x11\xe0"):
        raise InputError(f'"{path}" is an Excel workbook and no text; save it as CSV.')
    try:
        text = data.decode(_encoding(data))
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    if _BINARY.search(text):
        raise InputError(f'"{path}" is no text; give a table as text, such as CSV.')
    return text


def _encoding(data: bytes) -> str:
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return encoding
    if len(data) > 1 and 0 in data[:2]:  # every second byte of plain letters in UTF-16
        return "utf-16-be" if data[0] == 0 else "utf-16-le"
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8"


@dataclass(frozen=True)
class TextTable:
    """`columns` in lower case, words joined by "_"; `rows`: (number of the line, cells by column), cells
    stripped, lines without content left out. `separator`: what divides the columns."""

    columns: tuple[str, ...]
    rows: tuple[tuple[int, Mapping[str, str]], ...]
    separator: str


def read_table(path: Path) -> TextTable:
    """The table in a text file with a head line; raises `InputError` for one that cannot be read."""
    return parse_table(read_text(path), path)


def parse_table(text: str, path: Path) -> TextTable:
    """The table in the `text` of `path`; columns are divided by comma, semicolon, tab or "|"."""
    lines, separator = parse_cells(text, path)
    if not lines:
        return TextTable((), (), separator)
    columns = tuple(re.sub(r"[\s.-]+", "_", cell.lower()) for cell in lines[0][1])
    rows = tuple((number, dict(zip(columns, cells, strict=False))) for number, cells in lines[1:])
    return TextTable(columns, rows, separator)


def parse_cells(text: str, path: Path) -> tuple[list[tuple[int, list[str]]], str]:
    """(number of the line, its cells) for every line with content, and the separator that divides most of
    the lines alike. Raises `InputError` for quotes that do not end."""
    declared = re.match(r"sep=(.)\r?\n", text, re.IGNORECASE)  # Excel's own first line
    begin, skipped = (declared.end(), 1) if declared else (0, 0)
    tried, why = [], ""
    for separator in declared[1] if declared else _SEPARATORS:
        try:
            tried.append((_cells(text[begin:], separator, skipped), separator))
        except csv.Error as error:  # quotes do not fit this one
            why = reason(error)
    if not tried:
        raise InputError(f'"{path}" is no table that can be read ({why}); save it anew.')
    return max(tried, key=lambda one: _cells_alike(one[0]))


def _cells_alike(lines: list[tuple[int, list[str]]]) -> int:
    """Cells of the lines that have as many as the first one, 0 for a single column."""
    width = len(lines[0][1]) if lines else 0
    return width * sum(len(cells) == width for _, cells in lines) if width > 1 else 0


def _cells(text: str, separator: str, skipped: int) -> list[tuple[int, list[str]]]:
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=True, strict=True
    )
    rows = ((reader.line_num + skipped, [cell.strip() for cell in row]) for row in reader)
    return [(number, cells) for number, cells in rows if any(cells)]
