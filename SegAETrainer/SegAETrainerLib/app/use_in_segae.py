"""The trained model in the module SegAE."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from SegAELib.app.binding import slicer
from SegAELib.app.parameters import SegAEParameterNode


def use_in_segae(model: Path) -> None:
    """Let the module SegAE score with `model` from now on, and show it."""
    logic = slicer.util.getModuleLogic("SegAE")
    parameters: Any = SegAEParameterNode
    parameters(logic.getParameterNode()).model = str(model)
    slicer.util.selectModule("SegAE")
