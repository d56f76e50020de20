"""The one place where the application's Python modules enter the panel.

`qt`, `ctk` and `slicer` carry no type stubs and exist only inside the application. `_` translates a text; it
finds the context by the file that calls it.
"""
# pyright: reportMissingImports=false, reportAttributeAccessIssue=false

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ctk as _ctk
import qt as _qt
import slicer as _slicer
from slicer.i18n import tr as _tr

__all__ = ["Ui", "Widget", "_", "ctk", "qt", "slicer"]

ctk: Any = _ctk
qt: Any = _qt
slicer: Any = _slicer
_: Callable[[str], str] = _tr

Widget = Any  # any QWidget
Ui = Any  # the widgets of SegAE.ui by object name
