"""The MRML layer runs without Qt and without the Slicer application."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

LAYER = Path(__file__).parents[2] / "SegAE" / "SegAELib" / "mrml"
FILES = sorted(LAYER.glob("*.py"))
ALLOWED = {
    "__future__",
    "collections",
    "colorsys",
    "contextlib",
    "dataclasses",
    "datetime",
    "functools",
    "hashlib",
    "itertools",
    "pathlib",
    "re",
    "typing",
    "urllib",
}
ALLOWED |= {"numpy", "vtk", "vtkmodules", "slicer", "segae", "SegAELib"}


def imports(tree: ast.AST) -> set[str]:
    """Modules that a file imports, anywhere in it."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_file_imports_nothing_of_qt_or_of_the_layers_above(path):
    found = imports(ast.parse(path.read_text()))
    assert {name.split(".")[0] for name in found} <= ALLOWED
    assert {name for name in found if name.startswith("SegAELib")} <= {
        f"SegAELib.mrml.{other.stem}" for other in FILES
    }
    assert ("slicer" in found) == (path.name == "binding.py")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_file_uses_vtk_classes_only_of_slicer(path):
    """No `slicer.app`, `slicer.util`, `slicer.modules` or `slicer.mrmlScene`."""
    used = {
        node.attr
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "slicer"
    }
    assert all(name.startswith("vtk") for name in used)


def test_importing_the_layer_loads_no_torch_and_no_qt():
    names = [f"SegAELib.mrml.{path.stem}" for path in FILES if path.stem != "__init__"]
    heavy = {"torch", "pandas", "PySide6", "qt"}
    code = f"import sys, {', '.join(names)}; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=LAYER.parents[1]
    )
    assert done.stdout.strip() == "[]"
