"""The folders of the packages: which may import which, and that each file is a concept and no fragment."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = {
    "segae": ROOT / "SegAE",
    "SegAELib": ROOT / "SegAE",
    "segae_trainer": ROOT / "SegAETrainer",
    "SegAETrainerLib": ROOT / "SegAETrainer",
}

BASE = {"errors", "files", "progress", "finding", "text_table"}
PLACES = {*BASE, "geometry", "labels", "data"}
# What each folder (or module beside the folders) of `segae` may import of the others.
SEGAE: Mapping[str, set[str]] = {
    "errors": set(),
    "files": {"errors"},
    "progress": {"errors"},
    "finding": {"errors"},
    "finding_kinds": set(),
    "text_table": {"errors", "files"},
    "geometry": BASE,
    "labels": {*BASE, "geometry"},
    "data": {*BASE, "geometry", "labels"},
    "io": PLACES,
    "checks": {*PLACES, "io"},
    "inputs": PLACES,
    "models": {*PLACES, "inputs"},
    "results": {*PLACES, "checks"},
    "scoring": {*PLACES, "io", "checks", "inputs", "models", "results"},
    "report": {*PLACES, "results"},
    "batch": {*PLACES, "io", "checks", "inputs", "models", "results", "scoring", "report"},
    "jobs": {*PLACES, "io", "checks", "models", "results", "scoring", "report"},
    "cli": {*PLACES, "io", "checks", "models", "results", "scoring", "report", "batch", "jobs"},
}
TRAINER: Mapping[str, set[str]] = {
    "data": set(),
    "pseudo_labels": {"data"},
    "train": {"data", "pseudo_labels"},
    "evaluate": {"data", "pseudo_labels", "train"},
    "experiments": {"data", "pseudo_labels", "train", "evaluate"},
    "cli": {"data", "pseudo_labels", "train", "evaluate", "experiments"},
}
# Arrows that the lists above do not have, with the reason.
ARROWS_WITH_A_REASON = {
    ("segae.models", "segae.results"): "a model gives the identity that every report carries",
}

SMALL = 60  # lines; a module below this with one importer lives in its importer
# Parallel siblings: several modules of one kind, of which some are small.
SIBLINGS = ("segae.cli.", "segae_trainer.cli.", "segae.io.", "segae.checks.", "segae.results.")
SMALL_WITH_A_REASON = {
    "SegAELib.app.SegAESubjectHierarchyPlugin": "Slicer loads it by its path",
    "segae.geometry.resample": "works on arrays; its importer, `segae.data`, holds the types",
}


@cache
def modules() -> Mapping[str, Path]:
    """Files of all packages by module name."""
    return {
        ".".join(path.relative_to(home).with_suffix("").parts).removesuffix(".__init__"): path
        for package, home in PACKAGES.items()
        for path in sorted((home / package).rglob("*.py"))
    }


def imported(source: str) -> Iterator[str]:
    """Full names of all modules that a file imports, wherever in the file; imports for types count."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@cache
def importers() -> Mapping[str, set[str]]:
    """Which of our modules import a module, by its name; scripts and module files of Slicer count too."""
    found: dict[str, set[str]] = {name: set() for name in modules()}
    scripts = [*(ROOT / "SegAE").glob("*.py"), *(ROOT / "SegAE/Scripts").glob("*.py")]
    scripts += (ROOT / "SegAETrainer").glob("*.py")
    for name, path in {**modules(), **{str(path): path for path in scripts}}.items():
        for other in imported(path.read_text(encoding="utf-8")):
            if other in found and other != name:
                found[other].add(name)
    return found


def folder(module: str) -> str:
    """The folder of a module: "segae.io" for segae.io.ct, "segae.data" for the module of that name."""
    return ".".join(module.split(".")[:2])


@cache
def arrows() -> set[tuple[str, str]]:
    """(folder, folder that it imports), for different ones."""
    return {
        (folder(user), folder(name))
        for name, users in importers().items()
        for user in users
        if user in modules() and folder(user) != folder(name)
    }


@pytest.mark.parametrize(("package", "allowed"), [("segae", SEGAE), ("segae_trainer", TRAINER)])
def test_folders_import_only_what_lies_below_them(package: str, allowed: Mapping[str, set[str]]) -> None:
    inner = {
        (source, target)
        for source, target in arrows()
        if source.startswith(f"{package}.") and target.startswith(f"{package}.")
    }
    wrong = {
        (source, target)
        for source, target in inner
        if source != f"{package}.__main__"
        and target.split(".")[1] not in allowed.get(source.split(".")[1], set())
    }
    assert wrong - set(ARROWS_WITH_A_REASON) == set()


def test_every_exception_is_still_needed() -> None:
    assert set(ARROWS_WITH_A_REASON) <= arrows()
    short = {name for name, path in modules().items() if len(path.read_text("utf-8").splitlines()) < SMALL}
    assert set(SMALL_WITH_A_REASON) <= {name for name in short if len(importers()[name]) <= 1}


def test_no_two_folders_import_each_other() -> None:
    both = {tuple(sorted(arrow)) for arrow in arrows() if arrow[::-1] in arrows()}
    known = {tuple(sorted(arrow)) for arrow in ARROWS_WITH_A_REASON}
    assert both - known == set()


def test_the_lists_of_folders_are_without_circles() -> None:
    for allowed in (SEGAE, TRAINER):
        done: set[str] = set()
        for name, below in allowed.items():  # each stands behind everything that it may import
            assert below <= done, name
            done.add(name)


def test_a_small_module_with_one_importer_lives_in_its_importer() -> None:
    small = {
        name
        for name, path in modules().items()
        if len(path.read_text(encoding="utf-8").splitlines()) < SMALL
        and len(importers()[name]) <= 1
        and not path.name.startswith("__")
        and not name.startswith(SIBLINGS)
    }
    assert small - set(SMALL_WITH_A_REASON) == set()


def test_no_file_is_longer_than_400_lines() -> None:
    ours = (path for path in ROOT.rglob("*.py") if ".venv" not in path.parts)
    lengths = {str(path.relative_to(ROOT)): len(path.read_text("utf-8").splitlines()) for path in ours}
    assert {name: n for name, n in lengths.items() if n > 400} == {}


CLOCKS = {"perf_counter", "monotonic", "process_time", "thread_time", "time"}


def reads_a_clock(node: ast.AST) -> bool:
    """Whether a call like `time.monotonic()` stands anywhere below `node`."""
    calls = (one.func for one in ast.walk(node) if isinstance(one, ast.Call))
    return any(
        isinstance(call, ast.Attribute)
        and call.attr in CLOCKS
        and isinstance(call.value, ast.Name)
        and call.value.id == "time"
        for call in calls
    )


def test_no_test_asserts_how_long_something_took() -> None:
    """Waiting until a late deadline is allowed; a duration belongs into a benchmark."""
    found = {
        f"{path.relative_to(ROOT)}:{check.lineno}"
        for path in (ROOT / "Testing").rglob("*.py")
        for check in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(check, ast.Assert)
        for part in ast.walk(check.test)
        if isinstance(part, ast.BinOp) and isinstance(part.op, ast.Sub) and reads_a_clock(part)
    }
    assert found == set()
