"""Names of the values in a label map: from a JSON or CSV file, or from a NIfTI header extension."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from xml.etree import ElementTree

from segae.errors import InputError
from segae.io.nifti import NIFTI, has_extension, open_nifti
from segae.io.readers import stem

_VALUE_COLUMNS = ("value", "label_value", "labelvalue", "index", "id", "key", "label")
_NAME_COLUMNS = ("name", "structure", "organ", "label_name", "labelname", "class", "segment", "label")


def find_names_file(mask: Path) -> Path | None:
    """The JSON or CSV file beside `mask` that has its name, if there is one."""
    beside = (mask.with_name(stem(mask) + suffix) for suffix in (".json", ".csv"))
    return next((path for path in beside if path.is_file()), None)


def read_names(path: Path) -> dict[int, str]:
    """Value -> name from a JSON object (either way round, or nnU-Net's "labels") or a CSV table.

    Background (0) is left out. Raises `InputError` when the file is missing or holds no such names.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):
        raise InputError(f'Label names could not be read from "{path}"; give a JSON or CSV file.') from None
    pairs = _csv_pairs(text, path) if path.suffix.lower() in (".csv", ".tsv") else _json_pairs(text, path)
    names: dict[int, str] = {}
    for value, name in pairs:
        if names.setdefault(value, name) != name:
            raise InputError(f'"{path}" names {value} both "{names[value]}" and "{name}"; keep one.')
    names.pop(0, None)
    return names


def header_names(path: Path) -> dict[int, str]:
    """Value -> name from the label table in the header extension of a NIfTI file; empty if it has none."""
    if not (NIFTI.can_read(path) and has_extension(path)):
        return {}
    try:
        import nibabel
        from nibabel.spatialimages import HeaderDataError
    except ImportError:
        raise InputError(
            f'The label names in the header of "{path}" can only be read with nibabel; install it '
            "(pip install nibabel) or give the names in a JSON or CSV file."
        ) from None
    try:
        with open_nifti(path) as stream:
            header = nibabel.Nifti1Header.from_fileobj(stream)
    except (HeaderDataError, ValueError):
        raise _damaged_table(path) from None
    for extension in header.extensions:
        content = extension.get_content()
        text = content.encode() if isinstance(content, str) else bytes(content)
        if b"<LabelTable" in text:
            return _label_table(text.strip(b"\0 \r\n"), path)
    return {}


def _label_table(xml: bytes, path: Path) -> dict[int, str]:
    try:
        labels = ElementTree.fromstring(xml).iter("Label")
        names = {int(label.attrib["Key"]): (label.text or "").strip() for label in labels}
    except (ElementTree.ParseError, LookupError, ValueError):
        raise _damaged_table(path) from None
    names.pop(0, None)
    return names


def _damaged_table(path: Path) -> InputError:
    return InputError(
        f'The label table in the header of "{path}" is damaged; give the names in a JSON or CSV file.'
    )


def _json_pairs(text: str, path: Path) -> list[tuple[int, str]]:
    try:
        content = json.loads(text)
    except ValueError:
        raise _no_names(path) from None
    if isinstance(content, dict) and isinstance(content.get("labels"), dict):
        content = content["labels"]
    if not isinstance(content, dict) or not content:
        raise _no_names(path)
    return [_pair(key, value, path) for key, value in content.items()]


def _csv_pairs(text: str, path: Path) -> list[tuple[int, str]]:
    lines = [line for line in text.splitlines() if line.strip()]
    if not lines:
        raise _no_names(path)
    delimiter = max(",;\t", key=lines[0].count)
    rows = [[cell.strip() for cell in row] for row in csv.reader(lines, delimiter=delimiter)]
    columns = [cell.lower().replace(" ", "_") for cell in rows[0]]
    value = _column(columns, _VALUE_COLUMNS)
    name = _column([c if n != value else "" for n, c in enumerate(columns)], _NAME_COLUMNS)
    if value is None or name is None:
        if len(columns) != 2:
            raise _no_names(path)
        return [_pair(row[0], row[1], path) for row in rows if len(row) == 2]
    if any(len(row) <= max(value, name) for row in rows):
        raise _no_names(path)
    return [_pair(row[value], row[name], path) for row in rows[1:]]


def _column(columns: list[str], wanted: tuple[str, ...]) -> int | None:
    return next((columns.index(name) for name in wanted if name in columns), None)


def _pair(one: object, other: object, path: Path) -> tuple[int, str]:
    """(value, name) whichever of the two is the number."""
    for value, name in ((one, other), (other, one)):
        if isinstance(name, str) and _is_whole(value):
            return int(str(value)), name
    raise _no_names(path)


def _is_whole(value: object) -> bool:
    if isinstance(value, bool):
        return False
    return isinstance(value, int) or (isinstance(value, str) and value.strip().isdecimal())


def _no_names(path: Path) -> InputError:
    return InputError(
        f'"{path}" holds no label names; write a JSON object such as {{"1": "liver"}} or a CSV table with '
        "the columns value and name."
    )
