"""A model is one file that says everything about itself; any other file is refused in one sentence."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from segae.errors import InputError, ModelError, OutputError, SegAEError
from segae.inputs.spec import CropRule, InputSpec
from segae.models.checkpoint import Checkpoint, load_checkpoint, read_spec, save_checkpoint
from segae.models.quality_model import QualityModel
from segae.models.registry import build_network, new_spec
from segae.models.spec import METADATA_KEY, ModelSpec

SPEC = ModelSpec(
    name="starter",
    architecture="segae-published",
    backbone="resnet18",
    text_dim=4,
    input=InputSpec(
        size=32,
        hu_windows=((-200.0, 200.0), (-1024.0, 1500.0)),
        crop=CropRule("context", scale=1.5, millimetres=12.5),
        context_view=4.0,
        context_view_hu=(-900.0, 400.0),
    ),
    training={"patients": ["s0001"], "hours": 1.5},
    figures={"mae": 0.05},
    limits=("two patients", "one scanner"),
)


@pytest.fixture
def checkpoint() -> Checkpoint:
    weights = {"fc1.weight": torch.randn(3, 2), "bn1.num_batches_tracked": torch.tensor(7)}
    return Checkpoint(SPEC, weights, torch.randn(145, 4))


@pytest.fixture
def saved(checkpoint: Checkpoint, tmp_path: Path) -> Path:
    save_checkpoint(checkpoint, tmp_path / "starter.safetensors")
    return tmp_path / "starter.safetensors"


def _refusal(read: Callable[[], Any], kind: type[SegAEError]) -> str:
    with pytest.raises(kind) as error:
        read()
    text = str(error.value)
    assert "\n" not in text
    assert text.endswith(".")
    return text


def test_what_was_saved_is_loaded(checkpoint: Checkpoint, saved: Path) -> None:
    loaded = load_checkpoint(saved)
    assert loaded.spec == SPEC
    assert loaded.weights.keys() == checkpoint.weights.keys()
    assert all(torch.equal(value, checkpoint.weights[key]) for key, value in loaded.weights.items())
    assert torch.equal(loaded.text_vectors, checkpoint.text_vectors)
    assert loaded.sha256 == hashlib.sha256(saved.read_bytes()).hexdigest()
    assert read_spec(saved) == SPEC


def test_half_precision_on_disk_is_single_in_memory(checkpoint: Checkpoint, tmp_path: Path) -> None:
    half = replace(checkpoint, weights={"fc1.weight": torch.ones(2, dtype=torch.float16)})
    save_checkpoint(half, tmp_path / "half.safetensors")
    assert load_checkpoint(tmp_path / "half.safetensors").weights["fc1.weight"].dtype == torch.float32


def test_a_checkpoint_that_cannot_be_written_leaves_nothing(checkpoint: Checkpoint, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    _refusal(lambda: save_checkpoint(checkpoint, tmp_path / "file" / "m.safetensors"), OutputError)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("read", [load_checkpoint, read_spec, QualityModel.load])
def test_a_missing_file_is_named(read: Callable[[Path], Any], tmp_path: Path) -> None:
    path = tmp_path / "absent.safetensors"
    assert path.name in _refusal(lambda: read(path), InputError)


@pytest.mark.parametrize("read", [load_checkpoint, read_spec, QualityModel.load])
@pytest.mark.parametrize("size", [0, 4, 100, -1])
def test_a_cut_file_is_called_unreadable(read: Callable[[Path], Any], size: int, saved: Path) -> None:
    saved.write_bytes(saved.read_bytes()[:size])
    assert saved.name in _refusal(lambda: read(saved), ModelError)


def test_bytes_of_another_kind_are_called_unreadable(tmp_path: Path) -> None:
    path = tmp_path / "picture.safetensors"
    path.write_bytes(bytes(range(256)) * 10)
    assert path.name in _refusal(lambda: load_checkpoint(path), ModelError)


def test_a_pytorch_file_is_sent_to_the_import(tmp_path: Path) -> None:
    path = tmp_path / "best.pth"
    torch.save({}, path)
    assert "segae model import" in _refusal(lambda: load_checkpoint(path), ModelError)


def test_weights_without_a_description_are_sent_to_the_import(tmp_path: Path) -> None:
    path = tmp_path / "bare.safetensors"
    save_file({"a": torch.ones(1)}, path)
    assert "segae model import" in _refusal(lambda: load_checkpoint(path), ModelError)


def _rewritten(path: Path, description: str) -> Path:
    save_file({"text_vectors": torch.ones(145, 4)}, path, metadata={METADATA_KEY: description})
    return path


def test_the_same_model_gives_the_same_file(checkpoint: Checkpoint, tmp_path: Path) -> None:
    """Results are told apart by the file's hash."""
    paths = [tmp_path / "a.safetensors", tmp_path / "b.safetensors"]
    for path in paths:
        save_checkpoint(checkpoint, path)
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_a_format_of_the_future_is_named(tmp_path: Path) -> None:
    path = _rewritten(tmp_path / "new.safetensors", _description(3))
    assert "format 3" in _refusal(lambda: load_checkpoint(path), ModelError)


def _description(version: int = 2, input: dict[str, Any] | None = None, **changes: Any) -> str:
    spec = json.loads(SPEC.to_metadata()[METADATA_KEY])["spec"]
    return json.dumps({"format": version, "spec": spec | {"input": spec["input"] | (input or {})} | changes})


@pytest.mark.parametrize(
    "spec",
    [
        "{",
        "[]",
        "{}",
        "5",
        _description(input={"crop": {"kind": "circle"}}),
        _description(input={"crop": {"radius": 4}}),
        _description(input={"crop": None}),
        _description(input={"orientation": "XYZ"}),
        _description(input={"orientation": 5}),
        _description(input={"hu_windows": [[1]]}),
        _description(input={"hu_windows": 7}),
        _description(text_dim="four"),
        _description(input={"size": 0}),
        _description(input={"context_view": -1.0}),
        _description(input={"context_view": float("nan")}),
        _description(input={"context_view": "four"}),
    ],
)
def test_a_damaged_description_is_called_so(spec: str, tmp_path: Path) -> None:
    path = _rewritten(tmp_path / "m.safetensors", spec)
    assert path.name in _refusal(lambda: read_spec(path), ModelError)


def test_fields_of_a_later_version_are_passed_over(tmp_path: Path) -> None:
    path = _rewritten(tmp_path / "m.safetensors", _description(colour="blue"))
    assert read_spec(path) == SPEC


OF_FORMAT_1 = {
    "name": "m", "architecture": "segae-dense", "backbone": "small", "text_dim": 4, "input_size": 32,
    "hu_windows": [[-200.0, 200.0]], "ct_mean": 0.5, "ct_std": 0.25, "mask_mean": 0.5, "mask_std": 0.5,
    "crop": {"kind": "context", "pixels": 0, "scale": 1.1, "millimetres": 40.0}, "orientation": "LAS",
    "neighbours_mm": [-6.0, 6.0], "surround": 4.0, "context": True, "predicts_areas": True,
    "trained_rows": [13, 20], "demonstration": False, "limits": [],
}  # fmt: skip


def test_a_file_of_format_1_is_read_under_the_names_of_today(tmp_path: Path) -> None:
    path = _rewritten(tmp_path / "m.safetensors", json.dumps({"format": 1, "spec": OF_FORMAT_1}))
    spec = read_spec(path)
    crop = CropRule("context", scale=1.1, millimetres=40.0)
    assert spec.input == InputSpec(
        size=32, crop=crop, neighbours_mm=(-6.0, 6.0), context_view=4.0, position_features=True
    )
    assert spec.trained_labels == (13, 20)
    assert spec.predicts_areas


def test_weights_of_format_1_get_the_names_of_today(tmp_path: Path) -> None:
    network = build_network(new_spec("m", "segae-dense", "small", 4)).state_dict()
    old = {"position.": "place.", "context_view.conditioning.": "surroundings.told.",
           "context_view.": "surroundings.", "conditioning.": "condition."}  # fmt: skip
    renamed = {}
    for key, value in network.items():
        new = next((prefix for prefix in old if key.startswith(prefix)), "")
        renamed["weights." + old.get(new, "") + key.removeprefix(new)] = value
    assert {key.split(".")[1] for key in renamed} >= {"place", "surroundings", "condition"}
    path = tmp_path / "m.safetensors"
    description = {METADATA_KEY: json.dumps({"format": 1, "spec": OF_FORMAT_1})}
    save_file(renamed | {"text_vectors": torch.ones(145, 4)}, path, metadata=description)
    assert QualityModel.load(path).network.state_dict().keys() == network.keys()


def test_outputs_that_the_architecture_does_not_give_are_refused(tmp_path: Path) -> None:
    spec = replace(new_spec("m", "segae-published", "resnet18", 4), outputs=("areas",))
    path = tmp_path / "m.safetensors"
    save_checkpoint(Checkpoint(spec, build_network(spec).state_dict(), torch.ones(145, 4)), path)
    assert "areas" in _refusal(lambda: QualityModel.load(path), ModelError)


def test_text_vectors_of_another_length_are_refused(tmp_path: Path) -> None:
    path = _rewritten(tmp_path / "m.safetensors", _description(text_dim=5))
    assert "length 5" in _refusal(lambda: load_checkpoint(path), ModelError)
    save_file({"weights.a": torch.ones(1)}, path, metadata=SPEC.to_metadata())
    assert "text vectors" in _refusal(lambda: load_checkpoint(path), ModelError)


def test_an_architecture_that_this_version_lacks_is_named(checkpoint: Checkpoint, tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    save_checkpoint(replace(checkpoint, spec=replace(SPEC, architecture="segae-vit")), path)
    text = _refusal(lambda: QualityModel.load(path), ModelError)
    assert "segae-vit" in text
    assert "segae-published" in text


def test_weights_of_another_architecture_are_refused(saved: Path) -> None:
    assert "do not fit" in _refusal(lambda: QualityModel.load(saved), ModelError)
