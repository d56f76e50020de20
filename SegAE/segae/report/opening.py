"""Where the files of a mask are, and the commands that open them in a viewer."""

from __future__ import annotations

import json
import shlex
from functools import cache
from pathlib import Path

# Python code that Slicer runs; {ct} and {mask} stand for quoted paths, {place} for "x,y,z" in mm (RAS).
_LOAD = "import slicer; slicer.util.loadVolume({ct}); "
_LOAD_SERIES = (
    "import slicer; from DICOMLib import DICOMUtils as D; d=D.TemporaryDICOMDatabase().__enter__(); "
    "D.importDicom({ct},d); [D.loadPatientByUID(p) for p in d.patients()]; "
)
# What Slicer does not open by itself (DICOM) is loaded as the module's Load masks does.
_SHOW = (
    "m={mask}; slicer.util.loadSegmentation(m) "
    'if m.lower().endswith((".gz",".nii",".nrrd",".nhdr",".mha",".mhd")) '
    'else (slicer.util.selectModule("SegAE"), '
    'slicer.modules.segae.widgetRepresentation().self().panel.load.load(__import__("pathlib").Path(m)))'
)
_JUMP = "; slicer.modules.markups.logic().JumpSlicesToLocation({place},True)"


def mask_file(masks: str, segment: str) -> str:
    """The file of one mask: `masks` itself, or in a folder of binary masks the file named like it."""
    name = _members(masks).get(segment)
    return masks if name is None else str(Path(masks) / name)


def absolute(path: str) -> str:
    """A path that a report holds, for use from other folders: made absolute where it leads to a file now."""
    return str(Path(path).absolute()) if path and Path(path).exists() else path


@cache
def _members(folder: str) -> dict[str, str]:
    """File names in a folder by what stands before the first ending of an image; none for a file."""
    path = Path(folder)
    if not path.is_dir():
        return {}
    names = sorted(child.name for child in path.iterdir() if child.name[0] != ".")
    return {_without_ending(name): name for name in names}


def _without_ending(name: str) -> str:
    inner = name[: -len(".gz")] if name.endswith(".gz") else name
    return inner.rpartition(".")[0] or inner


def slicer_code(is_series: bool, with_place: bool = True) -> str:
    """Python code with {ct}, {mask} and {place}: loads CT and mask, and goes to a place. `is_series`: the CT
    is a folder with a DICOM series."""
    return (_LOAD_SERIES if is_series else _LOAD) + _SHOW + (_JUMP if with_place else "")


def slicer_command(ct: str, mask: str, place: tuple[float, float, float] | None) -> str:
    """What to type in a POSIX shell to open a CT with a mask in 3D Slicer, at a place (RAS, mm) if given."""
    code = slicer_code(Path(ct).is_dir(), place is not None)
    values = {"{ct}": _quoted(ct), "{mask}": _quoted(mask)}
    if place is not None:
        values["{place}"] = ",".join(f"{value:.1f}" for value in place)
    for name, text in values.items():
        code = code.replace(name, text)
    return f"Slicer --python-code {shlex.quote(code)}"


def _quoted(path: str) -> str:
    """A path as a literal of Python, with double quotes."""
    return json.dumps(path, ensure_ascii=False)


def itksnap_command(ct: str, mask: str) -> str:
    """What to type in a POSIX shell to open a CT with a mask in ITK-SNAP."""
    return shlex.join(["itksnap", "-g", ct, "-s", mask])
