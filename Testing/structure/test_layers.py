"""Imports go one way: segae <- segae_trainer, segae <- SegAELib.mrml <- SegAELib.app <- SegAE.py.

SegAETrainerLib.runs <- SegAETrainerLib.app <- SegAETrainer.py stands on segae and segae_trainer, and on those
parts of SegAELib that know nothing of scoring (`SHARED`).
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
OURS = {"segae", "segae_trainer", "SegAELib", "SegAETrainerLib", "SegAE", "SegAETrainer"}
VIEWER = {"slicer", "qt", "ctk", "vtk", "PySide6"}
HEAVY = {"highdicom", "pandas", "pyarrow", "duckdb", "matplotlib", "nibabel", "rich", "typer"}

SHARED = {
    "SegAELib.app.binding",
    "SegAELib.app.dependencies",
    "SegAELib.app.messages",
    "SegAELib.app.packages_section",
    "SegAELib.app.parameters",  # to hand over the trained model
    "SegAELib.app.table_widgets",
    "SegAELib.mrml.nodes",
    "SegAELib.mrml.results_table",
}
CORES = {"segae", "segae_trainer"}

# layer: its folder, and which of our packages and of the viewer's it may import
LAYERS = {
    "segae": ("SegAE/segae", {"segae"}, set()),
    "segae_trainer": ("SegAETrainer/segae_trainer", {"segae", "segae_trainer"}, set()),
    "SegAELib.mrml": ("SegAE/SegAELib/mrml", {"segae", "SegAELib.mrml"}, {"slicer", "vtk"}),
    "SegAELib.app": ("SegAE/SegAELib/app", {"segae", "SegAELib.mrml", "SegAELib.app"}, VIEWER),
    "SegAETrainerLib.runs": (
        "SegAETrainer/SegAETrainerLib/runs", {*CORES, "SegAETrainerLib.runs"}, set(),
    ),
    "SegAETrainerLib.app": (
        "SegAETrainer/SegAETrainerLib/app", {*CORES, *SHARED, "SegAETrainerLib"}, VIEWER,
    ),
}  # fmt: skip


def imported(source: str) -> Iterator[str]:
    """Full names of all modules that a file imports, wherever in the file."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide the layer"
            yield node.module or ""


def forbidden(source: str, ours: set[str], viewer: set[str]) -> list[str]:
    """The imports of a file that its layer does not allow."""
    bad = []
    for name in imported(source):
        top = name.split(".")[0]
        if top in OURS and not any(name == allowed or name.startswith(f"{allowed}.") for allowed in ours):
            bad.append(name)
        if top in VIEWER and top not in viewer:
            bad.append(name)
    return bad


def files(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


@pytest.mark.parametrize("layer", LAYERS)
def test_a_layer_imports_only_what_lies_below_it(layer):
    folder, ours, viewer = LAYERS[layer]
    found = {
        str(path.relative_to(ROOT)): bad
        for path in files(folder)
        if (bad := forbidden(path.read_text(encoding="utf-8"), ours, viewer))
    }
    assert found == {}
    assert files(folder), f"{folder} is empty"


def test_an_arrow_in_the_wrong_direction_is_noticed():
    source = "import numpy\nfrom segae_trainer.pool import Pool\ndef f():\n    import vtk\n"
    assert forbidden(source, {"segae"}, set()) == ["segae_trainer.pool", "vtk"]
    assert forbidden("from SegAELib.app.panel import Panel", {"segae", "SegAELib.mrml"}, VIEWER)


def test_the_core_needs_its_extras_only_inside_functions():
    """`segae` alone must import with numpy, torch, torchvision and SimpleITK."""
    for path in files("SegAE/segae"):
        if "cli" in path.relative_to(ROOT).parts:
            continue
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.Import | ast.ImportFrom):
                module = node.module or "" if isinstance(node, ast.ImportFrom) else node.names[0].name
                assert module.split(".")[0] not in HEAVY, f"{path}: {module} at the top of the file"
