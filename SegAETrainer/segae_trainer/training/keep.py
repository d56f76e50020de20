"""Checkpoints of a training that is not finished."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import torch

from segae.errors import InputError
from segae.whole_file import whole_file


def keep(content: dict[str, Any], path: Path) -> None:
    """Write tensors and plain values; the file is replaced as a whole. Raises `OutputError`."""
    buffer = io.BytesIO()  # written in one go: a full disk is then an OSError and not torch's own error
    torch.save(content, buffer)
    with whole_file(path) as stream:
        stream.write(buffer.getbuffer())


def kept(path: Path) -> dict[str, Any]:
    """What `keep` wrote, on the CPU. Raises `InputError` when the file is damaged."""
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # damaged bytes make unpickling raise anything
        raise InputError(f'"{path}" is damaged; remove it to begin anew.') from error
