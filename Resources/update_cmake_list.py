"""Writes which files each module ships into its CMakeLists.txt: python Resources/update_cmake_list.py

Slicer installs what is listed there and nothing else: a file that is missing in the list works from source
and fails in the installed extension.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MODULES = {
    "SegAE": {
        "MODULE_PYTHON_SCRIPTS": ("SegAE.py", "SegAELib/**/*.py", "Scripts/*.py", "segae/**/*.py"),
        "MODULE_PYTHON_RESOURCES": (
            "Resources/Icons/*.png",
            "Resources/Labels/*.csv",
            "Resources/Models/*",
            "Resources/SampleData/README.md",
            "Resources/SampleData/*/ct.nii.gz",
            "Resources/SampleData/*/segmentation.seg.nrrd",
            "Resources/UI/*.ui",
            *(f"segae/**/*.{kind}" for kind in ("css", "js", "j2")),
        ),
    },
    "SegAETrainer": {
        "MODULE_PYTHON_SCRIPTS": ("SegAETrainer.py", "SegAETrainerLib/**/*.py", "segae_trainer/**/*.py"),
        "MODULE_PYTHON_RESOURCES": (
            "Resources/Icons/*.png",
            "Resources/UI/*.ui",
            *(f"segae_trainer/**/*.{kind}" for kind in ("csv", "md", "json", "html", "css", "js", "j2")),
        ),
    },
}


def shipped(module: Path, patterns: Iterable[str]) -> list[str]:
    """The files of a module's folder that the patterns name, relative to it."""
    found = (path for pattern in patterns for path in sorted(module.glob(pattern)) if path.is_file())
    return [path.relative_to(module).as_posix() for path in found if not path.name.startswith(".")]


def updated(name: str, text: str) -> str:
    """The text of the CMakeLists.txt of the module `name` with its lists as they should be."""
    for variable, patterns in MODULES[name].items():
        head, start, rest = text.partition(f"set({variable}\n")
        assert start, f"the CMakeLists.txt of {name} has no list {variable}"
        _, end, tail = rest.partition("  )\n")
        files = "".join(f"  {file}\n" for file in shipped(ROOT / name, patterns))
        text = head + start + files + end + tail
    return text


if __name__ == "__main__":
    for name in MODULES:
        cmake = ROOT / name / "CMakeLists.txt"
        cmake.write_text(updated(name, cmake.read_text()))
