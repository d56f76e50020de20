"""slicer-core's module, typed as Any: it fills its namespace at run time, which no type checker follows."""

import importlib
from typing import Any

slicer: Any = importlib.import_module("slicer")
importlib.import_module(
    "slicer.util"
)  # the application's own util.py, shipped by slicer-core, used unchanged
