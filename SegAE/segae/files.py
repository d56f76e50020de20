"""Files that ship with the package, files that appear whole or not at all, and stale temporary files; also
the text of a path, and which Python runs child processes."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import re
import shutil
import sys
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from segae.errors import OutputError, plain_text

_PACKAGE = Path(__file__).resolve().parent


def resource_dir() -> Path:
    """The folder that holds `Labels/` and `Models/`."""
    inside = _PACKAGE / "resources"
    return inside if inside.is_dir() else _PACKAGE.parent / "Resources"


def resource(*parts: str) -> Path:
    """Path of one bundled file or folder, for example `resource("Labels", "structures.csv")`."""
    return resource_dir().joinpath(*parts)


def read_bundled_table(*parts: str) -> list[dict[str, str]]:
    """Rows of a bundled CSV file, values as text."""
    with resource(*parts).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@contextmanager
def whole_file(path: str | Path) -> Iterator[BinaryIO]:
    """A new file that takes the place of `path` when the block ends well, and vanishes when it does not.

    Missing folders are made. Raises `OutputError` when the disk is full, the folder cannot be written to, or
    the block finds a value that it cannot store (ValueError).
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name[:100]}.{uuid.uuid4().hex}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("xb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
    except OSError as error:
        raise OutputError(
            f"Cannot write {path} ({reason(error)}); free some space or choose another folder."
        ) from error
    except ValueError as error:
        raise OutputError(f"Cannot write {path} ({reason(error)}); correct that value.") from error
    finally:
        with suppress(OSError):  # gone already when all went well
            temporary.unlink()


def write_json(content: Any, path: str | Path) -> None:
    """Write JSON that appears whole or not at all; raises `OutputError`."""
    with whole_file(path) as stream:
        # What is no UTF-8 in a path becomes an escape of JSON, and is read back as it was.
        stream.write(json.dumps(content, indent=1, ensure_ascii=False).encode("utf-8", "backslashreplace"))


def shown_path(path: str | Path) -> str:
    """A path as text that any file can hold: bytes that are no UTF-8 are written as \\xNN."""
    return plain_text(str(path))


_LONGEST = 200  # bytes: file systems allow 255, some of which temporary names and endings need


def file_name(text: str) -> str:
    """The name of a case or a person as a file name: characters that some file system refuses are written as
    %XX, and a long name is cut and ends in a digest, so that it stays the only one."""
    name = re.sub(r'[\x00-\x1f<>:"/\\|?*%]|^\.', lambda match: f"%{ord(match[0]):02X}", text)
    encoded = name.encode("utf-8", "surrogateescape")
    if len(encoded) <= _LONGEST:
        return name
    digest = hashlib.sha256(encoded).hexdigest()[:16]
    return f"{encoded[: _LONGEST - 17].decode('utf-8', 'ignore')}~{digest}"


def python_executable() -> str:
    """PythonSlicer where there is one on the path, as inside the application, else the running Python."""
    return shutil.which("PythonSlicer") or sys.executable


def reason(error: Exception) -> str:
    """What an exception says, in one line."""
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return " ".join(text.split()) or type(error).__name__


_PART = re.compile(r"\.(?P<name>.+)\.[0-9a-f]{32}\.part", re.DOTALL)  # as `whole_file` names them
_KEPT = 100  # characters of the name


def remove_leftovers(paths: Iterable[Path]) -> None:
    """Remove half-written versions of these files, and nothing else; raises `OutputError` when that fails."""
    paths = tuple(paths)
    names = {(path.parent, path.name[:_KEPT]) for path in paths}
    for folder in {path.parent for path in paths}:
        for part in folder.glob(".*.part"):
            match = _PART.fullmatch(part.name)
            if match is not None and (folder, match["name"]) in names:
                remove(part)


def remove(path: Path) -> None:
    """Remove a file, if it is there; raises `OutputError` when it stays."""
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(f"Cannot remove {path} ({reason(error)}); choose another folder.") from error
