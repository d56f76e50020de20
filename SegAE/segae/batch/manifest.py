"""A CSV manifest: a row per case with the columns `ct` and `masks`, and where wanted `name` and `case`.

Columns are separated by commas, semicolons or tabs. Paths are absolute or relative to the manifest. `name` is
the organ of a binary mask; rows without `case` take the CT's name. Further columns are left alone.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from segae.batch.cases import CaseFiles
from segae.errors import InputError
from segae.scoring.case_name import case_name
from segae.whole_file import reason


def read(path: Path) -> Iterator[CaseFiles]:
    """The cases of a manifest; raises `InputError` naming the line that is wrong."""
    try:
        text = path.read_text(encoding="utf-8-sig")
        head, _, _ = text.partition("\n")
        rows = csv.DictReader(text.splitlines(), delimiter=max(",;\t", key=head.count), strict=True)
        rows.fieldnames = [name.strip().lower() for name in rows.fieldnames or ()]
        table = [(rows.line_num, row) for row in rows]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(
            f'"{path}" cannot be read as a CSV manifest ({reason(error)}); save it as UTF-8 text.'
        ) from error
    missing = {"ct", "masks"} - set(rows.fieldnames)
    if missing:
        raise InputError(
            f'The manifest "{path}" has no column {" and ".join(sorted(missing))}; name it so in line 1.'
        )
    for line, row in table:
        ct, masks = (row["ct"] or "").strip(), (row["masks"] or "").strip()
        if not ct or not masks:
            raise InputError(f'Line {line} of "{path}" has no ct or no masks; fill in both or delete it.')
        name = (row.get("name") or "").strip() or None
        case = (row.get("case") or "").strip() or case_name(ct)
        yield CaseFiles(case, path.parent / ct, path.parent / masks, name)
