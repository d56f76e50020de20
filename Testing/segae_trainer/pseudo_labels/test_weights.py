"""Weights are taken over from the published formats, all but the heads, or refused with a sentence."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from segae.errors import InputError, ModelError
from segae_trainer.pseudo_labels.options import Size
from segae_trainer.pseudo_labels.stunet import STUNet, check_weights, load_weights, read_state_dict

SMALL = Size(2, 1)


def save(path: Path, content: Any) -> Path:
    torch.save(content, path)
    return path


@pytest.fixture
def source() -> STUNet:
    torch.manual_seed(1)
    return STUNet(1, 105, SMALL)


@pytest.mark.parametrize("wrapper", ["state_dict", "network_weights"])
def test_the_body_is_taken_over_and_the_heads_are_left_for_other_classes(
    source: STUNet, wrapper: str, tmp_path: Path
) -> None:
    # As nnU-Net 1 saves it: the training log beside the weights, in numpy's numbers.
    log = {"epoch": 4000, "plot_stuff": ([np.float64(0.5)], [0.25], np.zeros(3)), "fp16": True}
    path = save(tmp_path / "small_ep4k.model", {wrapper: source.state_dict(), **log})
    target = STUNet(1, 5, SMALL)
    heads = {
        key: value.clone() for key, value in target.state_dict().items() if key.startswith("seg_outputs")
    }
    load_weights(target, path)
    for key, value in target.state_dict().items():
        assert torch.equal(value, heads[key] if key in heads else source.state_dict()[key])


def test_files_written_with_numpy_1_are_read(source: STUNet, tmp_path: Path) -> None:
    new, old = tmp_path / "new.model", tmp_path / "old.model"
    save(new, {"state_dict": source.state_dict(), "plot_stuff": [np.float64(0.5), np.zeros(3)]})
    with zipfile.ZipFile(new) as before, zipfile.ZipFile(old, "w") as after:
        for name in before.namelist():
            after.writestr(name, before.read(name).replace(b"numpy._core.", b"numpy.core."))
    assert b"numpy.core.multiarray" in old.read_bytes()
    assert read_state_dict(old).keys() == source.state_dict().keys()


def test_prefixes_of_several_gpus_and_of_compilation_are_taken_off(source: STUNet, tmp_path: Path) -> None:
    state = {f"module._orig_mod.{key}": value for key, value in source.state_dict().items()}
    assert read_state_dict(save(tmp_path / "a.pth", state)).keys() == source.state_dict().keys()


def test_two_equal_channels_give_what_the_one_gave(source: STUNet, tmp_path: Path) -> None:
    path = save(tmp_path / "a.pth", {"network_weights": source.state_dict()})
    target = STUNet(2, 105, SMALL)
    load_weights(target, path)
    target.seg_outputs.load_state_dict(source.seg_outputs.state_dict())
    image = torch.randn(1, 1, 32, 32, 64)
    torch.testing.assert_close(target(image.repeat(1, 2, 1, 1, 1)), source(image), atol=1e-4, rtol=1e-4)


def test_weights_of_another_size_are_refused_and_change_nothing(source: STUNet, tmp_path: Path) -> None:
    path = save(tmp_path / "a.pth", {"network_weights": source.state_dict()})
    for size in (Size(4, 1), Size(2, 2)):
        target = STUNet(1, 105, size)
        before = {key: value.clone() for key, value in target.state_dict().items()}
        with pytest.raises(ModelError, match="choose the size"):
            load_weights(target, path)
        assert all(torch.equal(value, before[key]) for key, value in target.state_dict().items())


def test_weights_can_be_checked_before_there_is_a_network(source: STUNet, tmp_path: Path) -> None:
    path = save(tmp_path / "a.pth", {"network_weights": source.state_dict()})
    check_weights(path, SMALL)
    for size in (Size(4, 1), Size(2, 2)):
        with pytest.raises(ModelError, match="choose the size"):
            check_weights(path, size)


class Evil:
    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (Path("touched"),))


def test_other_files_are_refused_with_a_sentence_and_never_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.pth").write_text("no weights")
    for path in (tmp_path / "text.pth", save(tmp_path / "evil.pth", {"state_dict": Evil()})):
        with pytest.raises(ModelError, match="was not opened"):
            read_state_dict(path)
    with pytest.raises(ModelError, match="no state dict"):
        read_state_dict(save(tmp_path / "numbers.pth", {"state_dict": {"a": 1}}))
    with pytest.raises(InputError, match="There is no weights file"):
        read_state_dict(tmp_path / "missing.pth")
    assert not (tmp_path / "touched").exists()
