"""What a panel can reach says what to do in a panel: options and commands stand in `way` only."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from segae.errors import way

ROOT = Path(__file__).resolve().parents[2]
CORE, TRAINER = ROOT / "SegAE" / "segae", ROOT / "SegAETrainer" / "segae_trainer"
OF_A_COMMAND = re.compile(r"(?<![\w-])--[a-z]|`segae|pip install")
# Only commands come here.
COMMANDS = {
    *(CORE / name for name in ("cli", "batch", "report", "jobs")),
    *(TRAINER / name for name in ("cli", "experiments", "pseudo_labels")),
    TRAINER / "evaluate" / "calibration.py",
    TRAINER / "data" / "cohort.py",
}


def modules() -> list[Path]:
    found = [path for folder in (CORE, TRAINER) for path in sorted(folder.rglob("*.py"))]
    return [path for path in found if not COMMANDS & {path, *path.parents}]


def texts(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """(line, text) of what functions say; for calls of `way`, only what is said in a panel."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            continue  # a docstring
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "way":
            yield from texts(ast.Module([ast.Return(node.args[1])], []))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value
        else:
            yield from texts(node)


def offending(source: str) -> list[tuple[int, str]]:
    functions = (n for n in ast.walk(ast.parse(source)) if isinstance(n, ast.FunctionDef))
    return [(line, text) for f in functions for line, text in texts(f) if OF_A_COMMAND.search(text)]


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_no_sentence_tells_someone_in_a_panel_to_give_an_option(path: Path) -> None:
    assert offending(path.read_text(encoding="utf-8")) == []


def test_an_option_in_a_sentence_is_noticed_unless_a_command_line_alone_says_it() -> None:
    assert offending('def f(x):\n    raise InputError(f"bad {x}; give --names with a file.")')
    assert offending('def f():\n    raise E("no; " + way("give --names.", "give --names."))')
    assert not offending('def f():\n    raise E("no; " + way("give --names.", "choose Label names."))')


def test_the_door_decides_what_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SEGAE_DOOR", raising=False)
    assert way("give --names.", "choose Label names.") == "give --names."
    monkeypatch.setenv("SEGAE_DOOR", "panel")
    assert way("give --names.", "choose Label names.") == "choose Label names."
