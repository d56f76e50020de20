"""The page of inputs follows the registries, and every finding that the program can give is on it."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from segae.finding_kinds import KINDS

ROOT = Path(__file__).resolve().parents[2]
CODE = re.compile(r"[A-Z]{2,}_[A-Z_]+|[A-Z]{5,}")
NO_CODES = {
    "DICOM", "DICOMDIR", "RTDOSE", "RTPLAN", "RTSTRUCT", "BINARY", "FRACTIONAL", "LABELMAP", "OCCUPANCY",
    "CLOSED_PLANAR", "CLOSEDPLANAR_XOR", "MANUAL",
}  # of DICOM itself  # fmt: skip


def codes_in(folder: str) -> Iterator[str]:
    """Constants that look like codes in every module that gives findings."""
    for path in (ROOT / folder).rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        if re.search(r"\b(Finding|LeftOut)\(", text):
            for node in ast.walk(ast.parse(text)):
                value = node.value if isinstance(node, ast.Constant) else None
                if isinstance(value, str) and CODE.fullmatch(value):
                    yield value


def test_every_code_that_the_program_gives_is_described_and_no_other() -> None:
    given = {*codes_in("SegAE/segae"), *codes_in("SegAETrainer/segae_trainer")} - NO_CODES
    composed = {"CT_MISSING", "MASK_MISSING"}  # f"{missing.upper()}_MISSING"
    assert given | composed == set(KINDS)


def test_every_example_is_one_sentence() -> None:
    for code, kind in KINDS.items():
        assert kind.example.endswith("."), code
        assert "\n" not in kind.example, code


def test_the_reference_page_is_up_to_date() -> None:
    script = ROOT / "Resources" / "write_inputs_page.py"
    ended = subprocess.run(
        [sys.executable, str(script), "--check"], capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stdout) == (0, ""), ended.stdout + ended.stderr
