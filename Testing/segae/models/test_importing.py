"""Published weights and name vectors come in as they are, and what does not belong together is refused."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from segae.errors import InputError, ModelError
from segae.labels.table import load_structures
from segae.models.published_import import import_published
from segae.models.quality_model import QualityModel


@pytest.fixture
def state(published_files: Callable[[str], Any]) -> dict[str, torch.Tensor]:
    return torch.load(published_files("resnet18").weights, weights_only=True)


@pytest.fixture
def vectors(published_files: Callable[[str], Any]) -> dict[int, torch.Tensor]:
    return pickle.loads(published_files("resnet18").embeddings.read_bytes())


@pytest.fixture
def bring_in(
    tmp_path: Path, state: dict[str, torch.Tensor], vectors: dict[int, torch.Tensor]
) -> Callable[..., Any]:
    def run(weights: Any = None, table: Any = None, **options: Any) -> Any:
        pth, pkl = tmp_path / "best_model.pth", tmp_path / "label_embedding.pkl"
        torch.save(state if weights is None else weights, pth)
        pkl.write_bytes(pickle.dumps(vectors if table is None else table))
        return import_published(pth, pkl, **options)

    return run


@pytest.mark.parametrize("backbone", ["resnet18", "resnet50"])
def test_every_number_of_the_forward_pass_is_kept(
    backbone: str, published_files: Callable[[str], Any]
) -> None:
    files = published_files(backbone)
    checkpoint = import_published(files.weights, files.embeddings)
    state = torch.load(files.weights, weights_only=True)
    unused = {key for key in state if key.startswith(("net.conv1.", "net.bn1.", "net.fc."))}
    assert checkpoint.weights.keys() == state.keys() - unused
    assert all(torch.equal(value, state[key]) for key, value in checkpoint.weights.items())
    assert checkpoint.spec.backbone == backbone
    assert checkpoint.spec.input.orientation == "LAS"
    assert checkpoint.spec.name == f"best_{backbone}_model"
    assert checkpoint.text_vectors.shape == (145, 512)
    assert torch.isfinite(checkpoint.text_vectors).all()


def test_orientation_and_name_are_the_callers(bring_in: Callable[..., Any]) -> None:
    spec = bring_in(orientation="file", name="mine").spec
    assert (spec.input.orientation, spec.name) == ("file", "mine")


def test_an_orientation_that_does_not_exist_is_refused(bring_in: Callable[..., Any]) -> None:
    with pytest.raises(InputError, match="LLS"):
        bring_in(orientation="LLS")


@pytest.mark.parametrize(
    "table_of",
    [
        lambda v: {row: vector.numpy() for row, vector in v.items()},
        lambda v: {structure.name: v[structure.index] for structure in load_structures()},
        lambda v: list(v.values()),
        lambda v: np.concatenate([vector.numpy() for vector in v.values()]),
        lambda v: torch.cat(list(v.values())),
        lambda v: {row: vector.double().flatten().tolist() for row, vector in v.items()},
    ],
    ids=["numpy by row", "by name", "list", "one array", "one tensor", "lists"],
)
def test_name_vectors_may_come_in_any_usual_form(
    table_of: Callable[[Any], Any], vectors: dict[int, torch.Tensor], bring_in: Callable[..., Any]
) -> None:
    expected = torch.cat(list(vectors.values()))
    assert torch.equal(bring_in(table=table_of(vectors)).text_vectors, expected)


def test_a_name_without_a_vector_is_unknown_to_the_model(
    vectors: dict[int, torch.Tensor], bring_in: Callable[..., Any]
) -> None:
    del vectors[13]
    model = QualityModel.from_checkpoint(bring_in(table=vectors))
    unknown = [structure.index for structure in load_structures() if not model.knows(structure)]
    assert unknown == [13]


@pytest.mark.parametrize(
    "table",
    [
        {},
        [],
        5,
        "liver",
        {13: "liver"},
        {13: [[1.0], [1.0, 2.0]]},
        {13: torch.ones(512), 14: torch.ones(3)},
        {145: torch.ones(512)},
        {-1: torch.ones(512)},
        {"no organ": torch.ones(512)},
        {1.5: torch.ones(512)},
    ],
    ids=str,
)
def test_what_is_no_table_of_vectors_is_refused_by_name(table: Any, bring_in: Callable[..., Any]) -> None:
    with pytest.raises(ModelError, match=r"label_embedding\.pkl.*\.$"):
        bring_in(table=table)


def test_vectors_of_another_length_are_refused_with_both_lengths(bring_in: Callable[..., Any]) -> None:
    with pytest.raises(ModelError, match=r"length 384, .* with 512;"):
        bring_in(table={13: torch.ones(384)})


def _without(key: str) -> Callable[[dict[str, torch.Tensor]], Any]:
    return lambda state: {name: value for name, value in state.items() if name != key}


@pytest.mark.parametrize(
    "change",
    [
        _without("conv1.weight"),
        _without("fc1.weight"),
        _without("attention1.weight"),
        _without("attention2.bias"),
        _without("net.layer4.1.conv2.weight"),
        lambda state: state | {"fc2.weight": torch.ones(1, 60)},
        lambda state: state | {"conv1.weight": torch.ones(64, 3, 7, 7)},
        lambda state: state | {"attention1.weight": torch.ones(512)},
        lambda state: state | {"head.weight": torch.ones(3)},
        lambda state: {"features.0.weight": torch.ones(64, 3, 3, 3)},
    ],
)
def test_another_network_is_refused(
    change: Callable[..., Any], state: dict[str, torch.Tensor], bring_in: Callable[..., Any]
) -> None:
    with pytest.raises(ModelError, match=r'best_model\.pth" is not a published SegAE network.*\.$'):
        bring_in(weights=change(state))
