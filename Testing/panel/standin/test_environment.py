"""The test bed refuses to start where results would be wrong or the process would crash."""

import subprocess
import sys
from pathlib import Path

import pytest

TESTING = Path(__file__).resolve().parents[2]
START = "import sys; sys.path.insert(0, {path!r}); {first}; from slicer_standin import start; start()"


def run(first: str, **changes: str | None) -> str:
    import os

    environment = {k: v for k, v in os.environ.items() if k not in changes}
    environment |= {k: v for k, v in changes.items() if v is not None}
    code = START.format(path=str(TESTING), first=first)
    child = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert child.returncode == 1
    return child.stderr.splitlines()[-1]


@pytest.mark.parametrize("name", ["QT_QPA_PLATFORM", "VTK_DEFAULT_OPENGL_WINDOW"])
def test_a_missing_environment_variable_is_named(name):
    assert f"set {name}=" in run("pass", **{name: None})


def test_pyside_imported_before_is_refused():
    assert "run panel tests in their own process" in run(
        "import PySide6.QtCore", PYSIDE6_OPTION_PYTHON_ENUM=None
    )
