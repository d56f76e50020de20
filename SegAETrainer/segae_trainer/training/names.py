"""The vectors of the names that a training uses."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import torch
from torch import Tensor

from segae.errors import InputError
from segae.labels.table import by_index, load_structures
from segae.models.checkpoint import load_checkpoint
from segae.models.importing import _name_vectors as vectors_from_table
from segae.models.safe_pickle import load_plain_pickle
from segae_trainer.text_vectors import ENCODER, name_vectors


def find_vectors(names: Path | None) -> tuple[Tensor, str]:
    """(rows of the label table, D) float32, and where they come from: the sentence encoder for None, else a
    pickle as published (`label_embedding.pkl`) or a `.safetensors` model. Rows without a vector are NaN.

    Raises `InputError` or `ModelError` when the file cannot be used or the encoder is not installed.
    """
    if names is None:
        return name_vectors(load_structures()), ENCODER
    if names.suffix.lower() == ".safetensors":
        return load_checkpoint(names).text_vectors, names.name
    return vectors_from_table(load_plain_pickle(names), names), names.name


def check_vectors(vectors: Tensor, structures: Iterable[int], source: str) -> None:
    """Raises `InputError` when one of `structures` (rows of the label table) has no vector."""
    known = torch.isfinite(vectors).all(dim=1)
    missing = [row for row in sorted(structures) if row >= len(vectors) or not known[row]]
    if missing:
        raise InputError(
            f'The training set has masks of "{by_index(missing[0])}", for which {source} has no vector; '
            "leave out --names, or the structure when the training set is built."
        )
