"""Stand-in of 3D Slicer for tests of panels: runs a scripted module's .py and .ui on PySide6 and slicer-core.

    from slicer_standin import Guard, start
    bed = start()
    panel = bed.load_module("SegAE/SegAE.py")

See README.md for what it reproduces, on what evidence, and what it cannot show.
"""

import functools
from typing import TYPE_CHECKING, Any

from . import environment

if TYPE_CHECKING:
    from .bed import TestBed
    from .guard import Guard

__all__ = ["Guard", "TestBed", "start"]


@functools.cache
def start() -> "TestBed":
    """The process's one test bed, started at the first call.

    Raises:
        RuntimeError: an environment variable, OpenGL, or a fresh process is missing; says what to do.
    """
    environment.require_offscreen()
    environment.require_opengl()
    environment.use_integer_enums()
    from .bed import TestBed

    return TestBed()


def __getattr__(name: str) -> Any:
    # Guard and TestBed import Qt, which must not happen before start() chose the kind of enums
    if name in ("Guard", "TestBed"):
        environment.use_integer_enums()
        from . import bed, guard

        return guard.Guard if name == "Guard" else bed.TestBed
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
