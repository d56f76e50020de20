"""Writes docs/reference/inputs.md from the registries of readers, names, layouts and findings; `--check` only
compares."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "SegAE"))

from segae.finding_kinds import KINDS  # noqa: E402
from segae.io.layouts import KNOWN  # noqa: E402
from segae.io.name_files import FORMS, SUFFIXES  # noqa: E402
from segae.io.readers import CT_READERS, IMAGE_READERS  # noqa: E402
from segae.io.segmentation import MASK_READERS  # noqa: E402
from segae.labels.schemes import schemes  # noqa: E402

PAGE = ROOT / "docs" / "reference" / "inputs.md"
HEAD = """# What is read, and what is said about it

<!-- Written by Resources/write_inputs_page.py from the registries of readers, names, layouts and findings; do not edit. -->

`segae score`, `segae batch`, headless Slicer and `segae-train index` read the same files in the same way.
"""  # noqa: E501


def page() -> str:
    """The whole page."""
    return "\n".join([HEAD, _images(), _masks(), _names(), _layouts(), _findings()])


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(columns)} |", f"| {' | '.join('---' for _ in columns)} |"]
    lines += [f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in rows]
    return "\n".join(lines) + "\n"


def _images() -> str:
    rows = [
        (
            reader.name,
            ", ".join(f"`{suffix}`" for suffix in reader.suffixes) or "a folder with a series, or one file",
            "CT and masks" if reader in IMAGE_READERS else "CT",
        )
        for reader in CT_READERS
    ]
    return "## Images\n\n" + _table(("format", "endings", "read as"), rows)


def _masks() -> str:
    text = """## Masks

The first of these that fits a path reads it:

"""
    kinds = "\n".join(f"{n}. {reader.name}" for n, reader in enumerate(MASK_READERS, start=1))
    return (
        text
        + kinds
        + """

In a folder, each file is one mask and its name says of what organ. A file that is hidden, broken, empty,
foreign or on another grid is left out with a finding, and the others are scored. Two masks of one name stay
apart. A folder without such files may hold DICOM segmentations and structure sets, alone or among other DICOM
files (`segae score STUDY STUDY`); those of another CT are left out with a finding.

A DICOM segmentation (SEG) is known by its content, whatever the file is called, and needs the extra `dicom`
(`pip install "segae[dicom]"`). Its codes (category, type, anatomic region, their modifiers) and its labels
name the segments, as terminology and names do in 3D Slicer. Slices without a frame are empty; segments may
overlap; of probabilities and occupied shares, voxels from 0.5 on are taken. Masks that were drawn in another
frame of reference, or on another series than the CT, are refused; a CT that is not in DICOM is compared by
its grid alone.

A DICOM structure set (RTSTRUCT) is filled on the slices of the CT, whatever the CT's format. A pixel belongs
to a contour when its centre lies inside, or on the line within a hundredth of a pixel. A contour within
another one is a hole and one within a hole an island; a contour that leads into a hole through a channel has
the hole by itself. Slices between contours stay empty, with a finding. A contour may lie a quarter of the
slice distance beside its slice; a structure whose contours lie farther off, or oblique to the slices, was
drawn on other slices and is left out. Points and open lines are left out. ROI names and identification codes
name the masks.
"""
    )


def _names() -> str:
    head = """## Names of values

Values of a label map are never guessed. What they stand for is said by, in this order: `--names`, the label
table in a NIfTI header or the segments of a `.seg.nrrd`, a file beside the mask (with its name and one of the
endings
"""
    endings = ", ".join(f"`{suffix}`" for suffix in SUFFIXES)
    tail = """, or nnU-Net's `dataset.json` in its folder or the one
above), or the layout of the data set. A file that nobody asked for never overrules the others; only what
`--names` gives may fail.

Files may have one of these forms, in any encoding; the content tells which:

"""
    forms = "\n".join(f"- {form.title}\n\n{_indented(form.example)}\n" for form in FORMS)
    rows = [(f"`{one.key}`", one.origin, str(len(one.names))) for one in schemes().values()]
    table = _table(("scheme", "whose values", "names"), rows)
    return f"{head}{endings}{tail}{forms}\n`--names SCHEME` takes one of these:\n\n{table}"


def _indented(text: str) -> str:
    return "\n".join(f"      {line}" for line in text.splitlines())


def _layouts() -> str:
    rows = [(one.name, one.files, one.read_by) for one in KNOWN]
    return "## Data sets\n\n" + _table(("layout", "files", "read by"), rows)


def _findings() -> str:
    head = """## Findings

An *error* stops the case (exit code 2, or a failed case of a batch); a *warning* means that something is not
scored or may be wrong; a *note* explains and is kept in the files alone.

"""
    rows = [(f"`{code}`", one.severity, one.meaning, one.example) for code, one in KINDS.items()]
    return head + _table(("code", "severity", "meaning", "example"), rows)


def main() -> int:
    if "--check" in sys.argv[1:]:
        if PAGE.read_text(encoding="utf-8") == page():
            return 0
        print(f"{PAGE.relative_to(ROOT)} is out of date; run python Resources/write_inputs_page.py.")
        return 1
    PAGE.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
