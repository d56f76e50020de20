"""Writes docs/reference/result-files.md from the table of columns; `--check` only compares."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "SegAE"))

from segae.results.columns import CASES, SEARCHED, SEGMENTS, SLICES, Column  # noqa: E402

PAGE = ROOT / "docs" / "reference" / "result-files.md"
HEAD = """# Result files

<!-- Written by Resources/write_result_files_page.py from segae.results.columns; do not edit. -->

A report is written as CSV, JSON or Parquet; all three hold the same and are read back without loss by
`segae.read_report`. Every row names the case and the model. Numbers have their full digits.

The CSV begins with a line `# segae-report {...}` that holds what is said once: findings, timings, options, and every
segment that was handed in, with its verdict and the slices without mask in which its organ was looked for. Read the
table with `pandas.read_csv(path, comment="#")`. JSON has the same as one object, its rows under `slices`; Parquet
keeps it in the metadata of the file.

Orders: a ranking, `structures.csv` and the pictures put first what is most worth a look. `--order review` (the
default) sorts segments by expected wrong volume, those that need review before the others, and slices by
(1 - predicted Dice)² x (mask + organ), with slices below 50 mm² last; `--order dice` sorts by predicted Dice.
"""  # noqa: E501
TAIL = """## A batch's folder

| path | what it is |
| --- | --- |
| `cases/<case>.parquet` | report of a case; `.csv` where pyarrow is missing (Slicer), and in folders of older versions |
| `failed/<case>.json` | why a case has no report |
| `scores.parquet` | all scored slices of all cases, as a table; the reports themselves are in `cases` |
| `scores_wide.csv` | the published form: a row per case, a column per class with the mean raw score of its slices |
| `ranking_slice.csv`, `ranking_structure.csv`, `ranking_case.csv` | rankings; `rank` stands before the columns above |
| `failed.csv` | the cases without a report, and why |

## Files of version 0.1

They are still read, as are results and marks that version 0.1 saved in a Slicer scene. Their column `score` held the
calibrated number for models with intervals, and the raw one for others. It is read as `predicted_dice`; `raw_score` is
empty where the file does not hold it. Verdicts are decided when such a file is read. A batch that 0.1 began goes on:
its cases are scored anew.
"""  # noqa: E501
TABLES: Sequence[tuple[str, str, Sequence[Column]]] = (
    ("Slices", "The rows of a report: one mask in one axial slice.", SLICES),
    (
        "Searched slices",
        "Slices without mask in which the organ was looked for, kept with their segment.",
        SEARCHED,
    ),
    (
        "Segments",
        "`structures.csv` of `segae score --out`, and `ranking_structure.csv` of `segae merge`.",
        SEGMENTS,
    ),
    ("Cases", "`ranking_case.csv` of `segae merge`.", CASES),
)


def page() -> str:
    """The whole page."""
    parts = [HEAD]
    for title, text, columns in TABLES:
        lines = [f"## {title}", "", text, "", "| column | type | unit | meaning | since |"]
        lines.append("| --- | --- | --- | --- | --- |")
        for one in columns:
            kind = {str: "text", int: "integer", float: "number"}[one.kind]
            lines.append(f"| `{one.name}` | {kind} | {one.unit} | {one.meaning} | {one.since} |")
        parts.append("\n".join(lines) + "\n")
    return "\n".join([*parts, TAIL])


def main() -> int:
    if "--check" in sys.argv[1:]:
        if PAGE.read_text(encoding="utf-8") == page():
            return 0
        print(f"{PAGE.relative_to(ROOT)} is out of date; run python Resources/write_result_files_page.py.")
        return 1
    PAGE.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
