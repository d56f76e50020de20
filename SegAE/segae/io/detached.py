"""Voxels that stand behind a header or in files beside it, as NRRD and MetaImage have them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from segae.errors import InputError
from segae.io.content import cannot_open
from segae.io.stream import Encoding, damaged, read_voxels, unpacked


def data_files(path: Path, told: str | None, end: int) -> list[Path]:
    """The files that the header in `path` names: `told` is one name, a pattern with first number, last number
    and step ("slice%03d.raw 1 30 1"), or LIST, where the names follow behind byte `end`. None: no file."""
    if told is None:
        return []
    words = told.split()
    if words and words[0].upper() == "LIST":
        names = path.read_bytes()[end:].decode("utf-8", "surrogateescape").splitlines()
        return [path.parent / name.strip() for name in names if name.strip()]
    if len(words) >= 4 and "%" in words[0]:
        return [path.parent / name for name in _numbered(words[0], words[1:4], path)]
    return [path.parent / told]


def _numbered(pattern: str, numbers: Sequence[str], path: Path) -> list[str]:
    try:
        first, last, step = (int(number) for number in numbers)
        return [pattern % n for n in range(first, last + (1 if step > 0 else -1), step)]
    except (ValueError, TypeError):
        raise damaged(path, f'its header names its files as "{pattern}"') from None


def read_files(
    path: Path,
    files: Sequence[Path],
    shape: tuple[int, ...],
    dtype: np.dtype,
    encoding: Encoding,
    start: int = 0,
    *,
    lines: int = 0,
    skip: int = 0,
) -> np.ndarray:
    """Voxels that stand in `files`, or else in `path` itself, from byte `start` on, behind so many `lines`
    and unpacked bytes to `skip` (-1: they stand at the end).

    Raises `InputError`, also for a file that is not there.
    """
    with ExitStack() as opened:
        parts = []
        for file in files or [path]:
            try:
                stream = opened.enter_context(file.open("rb"))
            except FileNotFoundError:
                raise InputError(
                    f'"{path}" is a header whose voxels are in "{file}", which is not there; add that file.'
                ) from None
            except OSError as error:
                raise cannot_open(file, error) from None
            n_bytes = int(np.prod(shape, dtype=object)) * dtype.itemsize // max(1, len(files))
            from_end = skip == -1 and encoding == "raw"
            stream.seek(max(0, file.stat().st_size - n_bytes) if from_end else start)
            for _ in range(lines):
                stream.readline()
            inner = unpacked(stream, encoding)
            if skip > 0:
                inner.read(skip)
            parts.append((file, inner))
        return read_voxels(parts, shape, dtype, encoding)
