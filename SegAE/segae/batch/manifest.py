"""A CSV manifest: a row per case with the columns `ct` and `masks`, and where wanted `name` and `case`.

Paths are absolute or relative to the manifest. `name` is the organ of a binary mask; rows without `case` take
the CT's name. Further columns are left alone.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from segae.batch.cases import CaseFiles
from segae.errors import InputError
from segae.scoring.case_name import case_name


def read(path: Path) -> Iterator[CaseFiles]:
    """The cases of a manifest; raises `InputError` naming the line that is wrong."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f'"{path}" cannot be read as a CSV manifest ({error}); save it as UTF-8 text.'
        ) from error
    rows = csv.DictReader(text.splitlines(), delimiter=_delimiter(text))
    missing = {"ct", "masks"} - set(rows.fieldnames or ())
    if missing:
        raise InputError(
            f'The manifest "{path}" has no column {" and ".join(sorted(missing))}; name it so in line 1.'
        )
    for row in rows:
        ct, masks = (row["ct"] or "").strip(), (row["masks"] or "").strip()
        if not ct or not masks:
            raise InputError(
                f'Line {rows.line_num} of "{path}" has no ct or no masks; fill in both or delete it.'
            )
        name = (row.get("name") or "").strip() or None
        case = (row.get("case") or "").strip() or case_name(ct)
        yield CaseFiles(case, path.parent / ct, path.parent / masks, name)


def _delimiter(text: str) -> str:
    first = text.partition("\n")[0]
    return max(",;\t", key=first.count)
