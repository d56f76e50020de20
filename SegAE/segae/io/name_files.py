"""Files that name the values of a label map, in the forms in which programs and data sets write them.

The content tells the form, not the file's ending. To add a form: a function that turns text into entries, and
a line in `FORMS`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segae.errors import InputError
from segae.text_table import parse_cells, read_text

SUFFIXES = (".json", ".csv", ".tsv", ".ctbl", ".label", ".txt", ".lut")


@dataclass(frozen=True)
class NamedLabel:
    """`name` stands for the voxels with one of `values`; several are a region, such as a liver with its
    tumours."""

    name: str
    values: tuple[int, ...]


@dataclass(frozen=True)
class NameForm:
    """One way to write names: `title`, an `example` that names 1 "liver", and `entries`, which gives (value
    or values, name) pairs of a text, or None where it has another form. `entries` may raise ValueError for a
    text of its form that says nothing."""

    title: str
    example: str
    entries: Callable[[str, Path], Sequence[tuple[object, object]] | None]


def read_names(path: Path, mask: Path | None = None) -> tuple[NamedLabel, ...]:
    """What the values of a label map are called, from a file in one of `FORMS`; background (0) is left out.

    `mask`: the label map, whose name chooses between several tables in one file. Raises `InputError` when the
    file cannot be read, holds no names, or gives one value two names.
    """
    text = read_text(path)
    for form in FORMS:
        try:
            entries = form.entries(text, mask or path)
        except ValueError as error:
            raise _no_names(path, str(error)) from None
        if entries is not None:
            return named_labels((_entry(one, other, path) for one, other in entries), path)
    raise _no_names(path)


def named_labels(entries: Iterable[tuple[tuple[int, ...], str]], path: Path) -> tuple[NamedLabel, ...]:
    """Labels from (values, name) pairs; raises `InputError` for a value with two names of its own."""
    labels: dict[NamedLabel, None] = {}
    of_value: dict[int, str] = {}
    for values, name in entries:
        kept = tuple(sorted({value for value in values if value != 0}))
        name = name.strip()
        if len(kept) == 1 and name and of_value.setdefault(kept[0], name) != name:
            raise InputError(f'"{path}" names {kept[0]} both "{of_value[kept[0]]}" and "{name}"; keep one.')
        if kept and name:
            labels[NamedLabel(name, kept)] = None
    return tuple(labels)


def _entry(one: object, other: object, path: Path) -> tuple[tuple[int, ...], str]:
    """(values, name), whichever of the two is the number."""
    for value, name in ((one, other), (other, one)):
        values = _whole_numbers(value)
        if values and isinstance(name, str) and _whole_number(name) is None:
            return values, name
    raise _no_names(path, f"{_shown(one)} and {_shown(other)} are no value with its name")


def _whole_numbers(value: object) -> tuple[int, ...]:
    if isinstance(value, list):
        found = [_whole_number(one) for one in value]
        return tuple(one for one in found if one is not None) if None not in found else ()
    number = _whole_number(value)
    return () if number is None else (number,)


_WHOLE = re.compile(r"\+?(\d{1,9})([.,]0*)?")


def _whole_number(value: object) -> int | None:
    """The number in 1, 1.0, "1", "1.0" or "1,0"; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    match = _WHOLE.fullmatch(str(value).strip())
    return int(match[1]) if match else None


# ---- JSON


_VALUE_KEYS = ("value", "label_value", "labelvalue", "label_id", "labelid", "index", "id", "key", "number",
               "no", "nr", "#no", "idx", "label_number", "segment_number", "mask_value", "label")  # fmt: skip
_NAME_KEYS = ("name", "structure", "organ", "label_name", "labelname", "segmentlabel", "segment_label",
              "class", "class_name", "region", "anatomy", "segment", "segmentdescription",
              "label")  # fmt: skip
# Where programs put their table of names: nnU-Net, Slicer and dcmqi, MONAI bundles, MONAI Label.
_INNER = ("labels", "segments", "segmentAttributes", "channel_def", "label_names", "classes")


def _json_entries(text: str, mask: Path) -> Sequence[tuple[object, object]] | None:
    if text.lstrip()[:1] not in ("{", "["):
        return None
    try:
        content = json.loads(text, object_pairs_hook=_object)
    except ValueError as error:
        raise ValueError(f"it is damaged JSON: {error}") from None
    return _in_json(content, mask)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """JSON allows a key twice, and the last one would win in silence."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands in it twice")
    return found


def _in_json(content: Any, mask: Path) -> Sequence[tuple[object, object]]:
    if isinstance(content, list):
        return _in_list(content, mask)
    if not isinstance(content, dict) or not content:
        raise ValueError("it is empty")
    for key in _INNER:
        if isinstance(content.get(key), dict | list) and content[key]:
            return _in_json(content[key], mask)
    if "network_data_format" in content:
        return _in_bundle(content["network_data_format"], mask)
    tables = {key: value for key, value in content.items() if isinstance(value, dict)}
    if len(tables) == len(content):
        return _in_one_of(tables, mask)
    return list(content.items())


def _in_bundle(described: Any, mask: Path) -> Sequence[tuple[object, object]]:
    """Of a MONAI bundle's metadata.json: what the channels of its output mean."""
    outputs = described.get("outputs", {}) if isinstance(described, dict) else {}
    for output in outputs.values() if isinstance(outputs, dict) else ():
        if isinstance(output, dict) and output.get("channel_def"):
            return _in_json(output["channel_def"], mask)
    raise ValueError("its outputs have no channel_def")


def _in_one_of(tables: Mapping[str, Any], mask: Path) -> Sequence[tuple[object, object]]:
    """Of a file with a table per model, as MOOSE has it, or with an object per label."""
    if all(_field(one, _NAME_KEYS) is not None for one in tables.values()):
        return [(_field(one, _VALUE_KEYS, key), _field(one, _NAME_KEYS)) for key, one in tables.items()]
    if all(_field(one, _VALUE_KEYS) is not None for one in tables.values()):
        return [(_field(one, _VALUE_KEYS), key) for key, one in tables.items()]
    fitting = [key for key in tables if _telling(key) and _telling(key) <= _words(mask.name)]
    chosen = list(tables) if len(tables) == 1 else fitting
    if len(chosen) != 1:
        raise ValueError(f"it holds several tables ({', '.join(tables)}); keep the one of this label map")
    return _in_json(tables[chosen[0]], mask)


def _telling(key: str) -> set[str]:
    return _words(key) - {"clin", "ct", "preclin", "pt", "mr"}


def _words(text: str) -> set[str]:
    return set(re.findall(r"[^\W_]+", text.lower()))


def _in_list(content: list[Any], mask: Path) -> Sequence[tuple[object, object]]:
    if not content:
        raise ValueError("it is empty")
    if all(isinstance(one, list) and all(isinstance(inner, dict) for inner in one) for one in content):
        content = [inner for one in content for inner in one]  # dcmqi groups segments by their layer
    if all(isinstance(one, dict) for one in content):
        if all(_field(one, _NAME_KEYS) is not None for one in content):
            return [(_field(one, _VALUE_KEYS), _field(one, _NAME_KEYS)) for one in content]
        return [entry for one in content for entry in _in_json(one, mask)]
    if all(isinstance(one, list) and len(one) == 2 for one in content):
        return [(one, other) for one, other in content]
    if all(isinstance(one, str) for one in content) and "background" in content[0].lower():
        return list(enumerate(content))
    raise ValueError("its list has no values with names; begin a list of plain names with background")


def _field(row: Any, keys: Sequence[str], default: object = None) -> object:
    """The first of `keys` that a JSON object has."""
    known = {re.sub(r"[\s-]+", "_", str(key).lower()): value for key, value in row.items()}
    for key in keys:
        if known.get(key) not in (None, "") and not (key == "label" and keys is _VALUE_KEYS and
                                                     _whole_number(known[key]) is None):  # fmt: skip
            return known[key]
    return default


# ---- colour tables


_COMMENT = ("#", "//", "%")
_COLOURS = r"(?:\s+\d+(?:\.\d+)?)"
_LUT = re.compile(rf"\s*(\d+)\s+(\S.*?){_COLOURS}{{4}}\s*")
_LUT_OPAQUE = re.compile(rf"\s*(\d+)\s+(\S.*?){_COLOURS}{{3}}\s*")
_ITK_SNAP = re.compile(rf'\s*(\d+){_COLOURS}{{6}}\s+"(.*)"\s*')


def _lut_entries(text: str, mask: Path) -> Sequence[tuple[object, object]] | None:
    found = _matched(text, _LUT) or _matched(text, _LUT_OPAQUE)
    return found and [(value, name.replace("_", " ")) for value, name in found]


def _itk_snap_entries(text: str, mask: Path) -> Sequence[tuple[object, object]] | None:
    return _matched(text, _ITK_SNAP)


def _matched(text: str, form: re.Pattern[str]) -> list[tuple[str, str]] | None:
    """What `form` finds in every line that is no comment; None when one line has another form."""
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith(_COMMENT)]
    matches = [form.fullmatch(line) for line in lines]
    found = [(match[1], match[2]) for match in matches if match]
    return found if lines and len(found) == len(lines) else None


# ---- tables


def _table_entries(text: str, mask: Path) -> Sequence[tuple[object, object]] | None:
    lines, _ = parse_cells(text, mask)
    rows = [cells for _, cells in lines if not cells[0].startswith(_COMMENT[1:])]
    if not rows:
        return None
    columns = [re.sub(r"[\s.-]+", "_", cell.lower()) for cell in rows[0]]
    value = _column(columns, _VALUE_KEYS)
    name = _column([column if n != value else "" for n, column in enumerate(columns)], _NAME_KEYS)
    if value is not None and name is not None:
        filled = [row for row in rows[1:] if len(row) > max(value, name) and row[name] and row[value]]
        return [(row[value], row[name]) for row in filled]
    if min(map(len, rows)) < 2 or not any(_whole_number(cell) is not None for cell in rows[0][:2]):
        return _plain_entries(text)
    return [(row[0], row[1]) for row in rows]


_PLAIN = re.compile(r"\s*(\d+)\s*[:=\s]\s*([^\W\d].*?)\s*")


def _plain_entries(text: str) -> Sequence[tuple[object, object]] | None:
    """Lines such as "1 liver" or "1: liver"."""
    return _matched(text, _PLAIN)


def _column(columns: Sequence[str], wanted: Sequence[str]) -> int | None:
    return next((columns.index(name) for name in wanted if name in columns), None)


FORMS: tuple[NameForm, ...] = (
    NameForm(
        "JSON: an object or a list; nnU-Net's dataset.json (regions too), MONAI, MOOSE, dcmqi",
        '{"labels": {"background": 0, "liver": 1, "spleen": 2}}',
        _json_entries,
    ),
    NameForm(
        "ITK-SNAP label descriptions (.label, .txt)",
        '1 255 0 0 1 1 1 "liver"\n2 0 255 0 1 1 1 "spleen"',
        _itk_snap_entries,
    ),
    NameForm(
        "Colour table of 3D Slicer (.ctbl) or FreeSurfer (LUT)",
        "1 liver 221 130 101 255\n2 spleen 157 108 162 255",
        _lut_entries,
    ),
    NameForm(
        "Table with columns for value and name: CSV, TSV (BIDS), Slicer's and Excel's, in any encoding; or "
        "lines with a value and a name",
        "value;name\n1;liver\n2;spleen",
        _table_entries,
    ),
)


def _no_names(path: Path, why: str = "") -> InputError:
    because = f" ({why})" if why else ""
    return InputError(
        f'"{path}" holds no label names{because}; write a JSON object such as {{"1": "liver"}} or a CSV '
        "table with the columns value and name."
    )


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:36]}..."
