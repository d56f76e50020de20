"""`segae model`: list, info and import."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest

from segae.models.checkpoint import file_sha256, load_checkpoint
from segae.models.registry import bundled_models


@pytest.fixture
def published(published_files: Callable):
    return published_files("resnet18")


def test_list_shows_every_bundled_model_in_eighty_columns(segae):
    ended = segae("model", "list")
    assert (ended.code, ended.err) == (0, "")
    assert "orientation" in ended.out
    assert all(path.stem in ended.out for path in bundled_models())
    assert max(map(len, ended.out.splitlines())) <= 80


def test_list_shows_network_orientation_and_what_kind_of_model_it_is(
    segae, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "mine.safetensors").symlink_to(model)
    monkeypatch.setattr("segae.models.registry.resource", lambda _folder: tmp_path)
    line = next(line for line in segae("model", "list").out.splitlines() if "mine" in line)
    assert "segae-published, resnet18, 256 x 256" in line
    assert "LAS" in line


def test_info_is_json_with_everything_the_file_says(segae, model: Path):
    described = json.loads(segae("model", "info", model).out)
    assert described["file"] == str(model)
    assert described["sha256"] == file_sha256(model)
    assert (described["backbone"], described["input"]["orientation"]) == ("resnet18", "LAS")


def test_info_of_what_is_no_model_is_refused(segae, tmp_path: Path):
    (tmp_path / "m.safetensors").write_bytes(b"no weights")
    assert f'"{tmp_path}/m.safetensors"' in segae("model", "info", tmp_path / "m.safetensors").refusal()
    assert 'There is no model "nonesuch"' in segae("model", "info", "nonesuch").refusal()


@pytest.mark.parametrize("orientation", ["LAS", "RPI", "file"])
def test_import_writes_a_checkpoint(segae, published, tmp_path: Path, orientation: str):
    out = tmp_path / "deeper/m.safetensors"
    options = ("--embeddings", published.embeddings, "--out", out, "--orientation", orientation)
    ended = segae("model", "import", published.weights, *options)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out == f"{out}: resnet18, orientation {orientation}\n"
    spec = load_checkpoint(out).spec
    assert (spec.backbone, spec.input.orientation) == ("resnet18", orientation)


class _Hostile:
    """A pickle that would write a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return (Path.write_text, (self.path, "executed"))


def test_import_executes_nothing_and_writes_nothing(segae, published, tmp_path: Path):
    (tmp_path / "hostile.pkl").write_bytes(pickle.dumps(_Hostile(tmp_path / "executed")))
    out = tmp_path / "m.safetensors"
    for weights, embeddings in (
        (published.weights, tmp_path / "hostile.pkl"),
        (tmp_path / "hostile.pkl", published.embeddings),
    ):
        line = segae("model", "import", weights, "--embeddings", embeddings, "--out", out).refusal()
        assert f'"{tmp_path}/hostile.pkl" was not opened' in line
    assert [path.name for path in tmp_path.iterdir()] == ["hostile.pkl"]


def test_import_of_missing_files_and_odd_options_is_refused(segae, published, tmp_path: Path):
    out = tmp_path / "m.safetensors"
    good = (published.weights, "--embeddings", published.embeddings)
    missing = segae("model", "import", tmp_path / "no.pth", *good[1:], "--out", out).refusal()
    assert f'There is no file "{tmp_path}/no.pth"' in missing
    assert (
        "must end in .safetensors" in segae("model", "import", *good, "--out", tmp_path / "m.pth").refusal()
    )
    assert "XYZ" in segae("model", "import", *good, "--out", out, "--orientation", "XYZ").refusal()
    (tmp_path / "taken").touch()
    line = segae("model", "import", *good, "--out", tmp_path / "taken/m.safetensors").refusal()
    assert f"Cannot write {tmp_path}/taken/m.safetensors" in line
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]
