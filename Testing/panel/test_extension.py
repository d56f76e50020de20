"""What Slicer's build, its Extensions Index and its translators read from our files."""

from __future__ import annotations

import ast
import json
import re
import runpy
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MODULE = ROOT / "SegAE"
APP = MODULE / "SegAELib" / "app"
UI = MODULE / "Resources" / "UI" / "SegAE.ui"


def sources():
    """Files with texts for the user, by name."""
    return {path.name: path.read_text() for path in [*APP.glob("*.py"), MODULE / "SegAE.py"]}


def test_every_file_of_the_module_is_in_its_cmake_list():
    script = runpy.run_path(str(ROOT / "Resources" / "update_cmake_list.py"))
    text = (MODULE / "CMakeLists.txt").read_text()
    assert script["updated"](text) == text, "run python Resources/update_cmake_list.py"
    listed = set(re.findall(r"^  (\S+)$", text, re.MULTILINE))
    packages = {
        p.relative_to(MODULE).as_posix()
        for name in ("segae", "SegAELib")
        for p in (MODULE / name).rglob("*.py")
    }
    assert packages <= listed
    assert all((MODULE / file).is_file() for file in listed if "/" in file and "$" not in file)


def test_the_index_entry_and_cmake_agree():
    entry = json.loads((ROOT / "Resources" / "SegAE.json").read_text())
    cmake = (ROOT / "CMakeLists.txt").read_text()
    assert "project(SegAE)" in cmake
    assert f'set(EXTENSION_DEPENDS "{" ".join(entry["build_dependencies"])}")' in cmake
    assert f'set(EXTENSION_CATEGORY "{entry["category"]}")' in cmake
    assert set(entry) <= {
        "$schema", "build_dependencies", "build_subdirectory", "category", "scm_revision", "scm_type",
        "scm_url", "tier", "enabled", "dicom_support_rule",
    }  # fmt: skip


def test_the_module_folder_holds_no_second_module():
    """Slicer takes every .py file of the folder for a module."""
    assert [path.name for path in MODULE.glob("*.py")] == ["SegAE.py"]
    assert not (MODULE / "SegAE.py").read_text().startswith("#!")
    assert len((MODULE / "SegAE.py").read_text().splitlines()) < 250


def test_every_widget_that_the_code_names_is_in_the_ui_file():
    in_file = {w.get("name") for w in ET.parse(UI).iter("widget")}
    used = {
        name
        for text in sources().values()
        for name in re.findall(r"\bui\.([A-Za-z]+)", text) + re.findall(r'"([a-zA-Z]+(?:Button|Edit))"', text)
    }
    assert used - in_file <= {"segae"}
    assert len(used) > 30


def test_every_parameter_of_the_ui_file_is_one_of_the_parameter_node():
    tree = ast.parse((APP / "parameters.py").read_text())
    cls = next(node for node in tree.body if isinstance(node, ast.ClassDef))
    parameters = {ast.unparse(node.target) for node in cls.body if isinstance(node, ast.AnnAssign)}
    named = {
        p.findtext("string") for p in ET.parse(UI).iter("property") if p.get("name") == "SlicerParameterName"
    }
    assert named <= parameters


def test_the_scene_reaches_every_selector():
    root = ET.parse(UI)
    selectors = {w.get("name") for w in root.iter("widget") if w.get("class", "").startswith("qMRMLNode")}
    wired = {c.findtext("receiver") for c in root.iter("connection")}
    assert selectors == wired


@pytest.mark.parametrize("name", sorted(sources()))
def test_texts_can_be_translated(name):
    """The tool that collects texts sees plain literals inside of _() only."""
    for node in ast.walk(ast.parse(sources()[name])):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "_":
            assert len(node.args) == 1
            assert isinstance(node.args[0], ast.Constant), f"{name}:{node.lineno}"
            assert isinstance(node.args[0].value, str)


def test_pictures_are_there():
    icon = (MODULE / "Resources" / "Icons" / "SegAE.png").read_bytes()
    assert icon[:8] == b"\x89PNG\r\n\x1a\n"
    assert int.from_bytes(icon[16:20], "big") == int.from_bytes(icon[20:24], "big") == 128
    assert list((ROOT / "Resources" / "Screenshots").glob("*.png"))


def test_only_what_slicer_brings_along_is_imported_at_the_top_of_a_file():
    allowed = {"slicer", "vtk", "vtkmodules", "qt", "ctk", "numpy", "segae", "SegAELib", "__future__"}
    import sys

    for path in [*(MODULE / "SegAELib").rglob("*.py"), MODULE / "SegAE.py"]:
        for node in ast.parse(path.read_text()).body:
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            for name in names:
                top = name.split(".")[0]
                assert top in allowed or top in sys.stdlib_module_names, f"{path}: {name}"
