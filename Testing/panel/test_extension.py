"""What Slicer's build, its Extensions Index and its translators read from our files."""

from __future__ import annotations

import ast
import json
import re
import runpy
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = {"SegAE": ("segae", "SegAELib"), "SegAETrainer": ("segae_trainer", "SegAETrainerLib")}
each_module = pytest.mark.parametrize("module", PACKAGES)


def app(module):
    """Folder of the panel."""
    return ROOT / module / f"{module}Lib" / "app"


def ui_file(module):
    return ROOT / module / "Resources" / "UI" / f"{module}.ui"


def sources(module):
    """Files with texts for the user."""
    return [*app(module).glob("*.py"), ROOT / module / f"{module}.py"]


@each_module
def test_every_file_of_the_module_is_in_its_cmake_list(module):
    script = runpy.run_path(str(ROOT / "Resources" / "update_cmake_list.py"))
    folder = ROOT / module
    text = (folder / "CMakeLists.txt").read_text()
    assert script["updated"](module, text) == text, "run python Resources/update_cmake_list.py"
    listed = set(re.findall(r"^  (\S+)$", text, re.MULTILINE))
    packages = {
        p.relative_to(folder).as_posix()
        for name in PACKAGES[module]
        for p in (folder / name).rglob("*")
        if p.is_file() and "__pycache__" not in p.parts
    }
    assert packages <= listed
    assert all((folder / file).is_file() for file in listed if "/" in file and "$" not in file)


def test_no_two_modules_ship_a_file_of_the_same_name():
    """All modules of an extension are installed into one folder."""
    listed = [
        re.findall(r"^  (\S+)$", (ROOT / module / "CMakeLists.txt").read_text(), re.MULTILINE)
        for module in PACKAGES
    ]
    shipped = [{file for file in files if "." in file} for files in listed]
    assert not set.intersection(*shipped)
    assert (
        "\n".join(f"add_subdirectory({module})" for module in PACKAGES)
        in (ROOT / "CMakeLists.txt").read_text()
    )


def test_the_index_entry_and_cmake_agree():
    entry = json.loads((ROOT / "Resources" / "SegAE.json").read_text())
    cmake = (ROOT / "CMakeLists.txt").read_text()
    assert "project(SegAE)" in cmake
    assert f'set(EXTENSION_DEPENDS "{" ".join(entry["build_dependencies"])}")' in cmake
    assert f'set(EXTENSION_CATEGORY "{entry["category"]}")' in cmake
    complete = {
        "$schema", "build_dependencies", "build_subdirectory", "category", "enabled", "scm_revision",
        "scm_type", "scm_url", "tier",
    }  # fmt: skip
    assert complete - {"scm_url"} <= set(entry) <= complete, "only the repository's address may be missing"


@each_module
def test_the_module_folder_holds_no_second_module(module):
    """Slicer takes every .py file of the folder for a module."""
    assert [path.name for path in (ROOT / module).glob("*.py")] == [f"{module}.py"]
    text = (ROOT / module / f"{module}.py").read_text()
    assert not text.startswith("#!")
    assert len(text.splitlines()) < 250


@each_module
def test_every_widget_that_the_code_names_is_in_the_ui_file(module):
    in_file = {w.get("name") for w in ET.parse(ui_file(module)).iter("widget")}
    texts = [path.read_text() for path in sources(module)]
    used = {
        name
        for text in texts
        for name in re.findall(r"\bui\.([A-Za-z]+)", text)
        + re.findall(r'"([a-z][a-zA-Z]*(?:Button|Edit))"', text)
    }
    assert used - in_file <= {"segae"}
    assert len(used) > 25


def test_every_parameter_of_the_ui_file_is_one_of_the_parameter_node():
    tree = ast.parse((app("SegAE") / "parameters.py").read_text())
    cls = next(node for node in tree.body if isinstance(node, ast.ClassDef))
    parameters = {ast.unparse(node.target) for node in cls.body if isinstance(node, ast.AnnAssign)}
    named = {
        p.findtext("string")
        for p in ET.parse(ui_file("SegAE")).iter("property")
        if p.get("name") == "SlicerParameterName"
    }
    assert named <= parameters


@each_module
def test_the_scene_reaches_every_selector(module):
    root = ET.parse(ui_file(module))
    selectors = {w.get("name") for w in root.iter("widget") if w.get("class", "").startswith("qMRMLNode")}
    wired = {c.findtext("receiver") for c in root.iter("connection")}
    assert selectors == wired


@pytest.mark.parametrize(
    "path", [path for module in PACKAGES for path in sorted(sources(module))], ids=lambda path: path.name
)
def test_texts_can_be_translated(path):
    """The tool that collects texts sees plain literals inside of _() only."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "_":
            assert len(node.args) == 1
            assert isinstance(node.args[0], ast.Constant), f"{path}:{node.lineno}"
            assert isinstance(node.args[0].value, str)


@each_module
def test_pictures_are_there(module):
    icon = (ROOT / module / "Resources" / "Icons" / f"{module}.png").read_bytes()
    assert icon[:8] == b"\x89PNG\r\n\x1a\n"
    assert int.from_bytes(icon[16:20], "big") == int.from_bytes(icon[20:24], "big") == 128
    assert list((ROOT / "Resources" / "Screenshots").glob("*.png"))


@each_module
def test_only_what_slicer_brings_along_is_imported_at_the_top_of_a_file(module):
    ours = {name for names in PACKAGES.values() for name in names}
    allowed = {"slicer", "vtk", "vtkmodules", "qt", "ctk", "numpy", "__future__", *ours}
    allowed.add("AbstractScriptedSubjectHierarchyPlugin")  # base class of plugins, on Slicer's Python path
    for path in [*(ROOT / module / f"{module}Lib").rglob("*.py"), ROOT / module / f"{module}.py"]:
        for node in ast.parse(path.read_text()).body:
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            for name in names:
                top = name.split(".")[0]
                assert top in allowed or top in sys.stdlib_module_names, f"{path}: {name}"


@each_module
def test_the_help_links_to_no_page_of_slicers_own_manual(module):
    """Slicer's default link is that of a module that ships with it; an extension has no page there."""
    assert "getDefaultModuleDocumentationLink" not in (ROOT / module / f"{module}.py").read_text()
