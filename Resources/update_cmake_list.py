"""Writes which files the module ships into SegAE/CMakeLists.txt: python Resources/update_cmake_list.py

Slicer installs what is listed there and nothing else: a file that is missing in the list works from source
and fails in the installed extension.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

MODULE = Path(__file__).resolve().parents[1] / "SegAE"
CMAKE = MODULE / "CMakeLists.txt"
LISTS = {
    "MODULE_PYTHON_SCRIPTS": ("SegAE.py", "SegAELib/**/*.py", "Scripts/*.py", "segae/**/*.py"),
    "MODULE_PYTHON_RESOURCES": (
        "Resources/Icons/*.png",
        "Resources/Labels/*.csv",
        "Resources/Models/*",
        "Resources/SampleData/README.md",
        "Resources/SampleData/*/ct.nii.gz",
        "Resources/SampleData/*/segmentation.seg.nrrd",
        "Resources/UI/*.ui",
    ),
}


def shipped(patterns: Iterable[str]) -> list[str]:
    """The files of the module that the patterns name, relative to it."""
    found = (path for pattern in patterns for path in sorted(MODULE.glob(pattern)) if path.is_file())
    return [path.relative_to(MODULE).as_posix() for path in found if not path.name.startswith(".")]


def updated(text: str) -> str:
    """The text of CMakeLists.txt with its lists as they should be."""
    for name, patterns in LISTS.items():
        head, start, rest = text.partition(f"set({name}\n")
        assert start, f"{CMAKE} has no list {name}"
        _, end, tail = rest.partition("  )\n")
        text = head + start + "".join(f"  {file}\n" for file in shipped(patterns)) + end + tail
    return text


if __name__ == "__main__":
    CMAKE.write_text(updated(CMAKE.read_text()))
