"""What must be so before Qt and VTK are touched: kind of enums, off-screen platforms, a working OpenGL."""

import functools
import os
import subprocess
import sys
from pathlib import Path

_DRAW = (
    "import vtkmodules.vtkRenderingOpenGL2;"
    "from vtkmodules.vtkRenderingCore import vtkRenderer, vtkRenderWindow;"
    "w = vtkRenderWindow(); w.SetOffScreenRendering(1); w.AddRenderer(vtkRenderer()); w.Render();"
    "print(type(w).__name__)"
)


def use_integer_enums() -> None:
    """Ask PySide6 for IntEnum and IntFlag, as enums are ints in PythonQt (guide 17.4: ``finished(5, 0)``).

    Must run before the first import of PySide6 in the process.

    Raises:
        RuntimeError: PySide6 was imported before with another setting.
    """
    option = "pyside6_option_python_enum"
    if "PySide6" in sys.modules and getattr(sys, option, None) != 0x02:
        raise RuntimeError(
            "PySide6 was imported before slicer_standin.start(): run panel tests in their own process"
        )
    setattr(sys, option, 0x02)


def require_offscreen() -> None:
    """Check the two environment variables that keep Qt and VTK off any display.

    Raises:
        RuntimeError: one is missing or different; names it and the value it needs.
    """
    needed = {"QT_QPA_PLATFORM": "offscreen", "VTK_DEFAULT_OPENGL_WINDOW": "vtkOSOpenGLRenderWindow"}
    wrong = [f"{k}={v}" for k, v in needed.items() if os.environ.get(k) != v]
    if wrong:
        raise RuntimeError(f"set {' '.join(wrong)} before starting Python: the panel runs without a display")


@functools.cache
def require_opengl() -> str:
    """The class name of VTK's render window, after drawing once in a child process.

    Without a usable OpenGL library VTK ends the process with a segmentation fault (slicer-core notes, section
    2), so it is tried where that does no harm.

    Raises:
        RuntimeError: the child could not draw; says which package is missing.
    """
    child = subprocess.run(
        [sys.executable, "-c", _DRAW], capture_output=True, text=True, timeout=120, check=False
    )
    if child.returncode != 0 or not child.stdout.strip():
        raise RuntimeError("VTK cannot draw off screen: install the package libosmesa6")
    return child.stdout.split()[-1]


def fallback_font() -> Path | None:
    """A font file that comes with VTK's own dependency matplotlib, for machines without any font."""
    import matplotlib

    path = Path(matplotlib.__file__).parent / "mpl-data" / "fonts" / "ttf" / "DejaVuSans.ttf"
    return path if path.is_file() else None
