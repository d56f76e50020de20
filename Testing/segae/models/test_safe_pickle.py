"""Reading pickles runs nothing that they hold, and what is no plain data becomes one sentence."""

from __future__ import annotations

import io
import pickle
from collections import OrderedDict
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from segae.errors import InputError, ModelError
from segae.models.published_import import load_plain_pickle, load_weights


class Hostile:
    """Unpickled by Python itself, it makes a file."""

    def __init__(self, target: Path) -> None:
        self._target = target

    def __reduce__(self) -> tuple[Any, ...]:
        return (open, (str(self._target), "w"))


class StorageBytes:
    """What a pickled tensor looks like, with bytes of our choice where its numbers are."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def __reduce__(self) -> tuple[Any, ...]:
        return (torch.storage._load_from_bytes, (self._data,))


def _saved(value: Any, *, zipped: bool) -> bytes:
    stream = io.BytesIO()
    torch.save(value, stream, _use_new_zipfile_serialization=zipped)
    return stream.getvalue()


def _hostile_files(target: Path) -> dict[str, bytes]:
    bomb = {"conv1.weight": Hostile(target)}
    plain = pickle.dumps(bomb)
    zipped, legacy = _saved(bomb, zipped=True), _saved(bomb, zipped=False)
    return {
        "plain": plain,
        "zipped": zipped,
        "legacy": legacy,
        "in storage bytes, plain": pickle.dumps({13: StorageBytes(plain)}),
        "in storage bytes, zipped": pickle.dumps({13: StorageBytes(zipped)}),
        "in storage bytes, legacy": pickle.dumps({13: StorageBytes(legacy)}),
    }


_KINDS = tuple(_hostile_files(Path("unused")))


def _is_one_sentence(error: pytest.ExceptionInfo[Exception], path: Path) -> bool:
    text = str(error.value)
    return "\n" not in text and path.name in text and text.endswith(".")


def test_the_hostile_pickle_works_when_python_reads_it(tmp_path: Path) -> None:
    target = tmp_path / "written"
    pickle.loads(_hostile_files(target)["plain"])["conv1.weight"].close()
    assert target.exists()


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@pytest.mark.parametrize(
    ("read", "kind"),
    # To pickle itself a legacy file is only the number that such files begin with.
    set(product((load_weights, load_plain_pickle), _KINDS)) - {(load_plain_pickle, "legacy")},
)
def test_hostile_pickles_execute_nothing(read: Any, kind: str, tmp_path: Path) -> None:
    target, path = tmp_path / "written", tmp_path / "file.pkl"
    path.write_bytes(_hostile_files(target)[kind])
    with pytest.raises(ModelError) as error:
        read(path)
    assert _is_one_sentence(error, path)
    assert not target.exists()


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_plain_data_is_read_in_every_protocol(protocol: int, tmp_path: Path) -> None:
    table = {
        13: torch.arange(3.0),
        14: np.arange(3, dtype=np.float32),
        "list": [1.5, "two", None],
        "ordered": OrderedDict(a=1),
        "double": torch.ones(1, 2, dtype=torch.float64),
    }
    path = tmp_path / "table.pkl"
    path.write_bytes(pickle.dumps(table, protocol))
    loaded = load_plain_pickle(path)
    assert loaded.keys() == table.keys()
    assert torch.equal(loaded[13], torch.arange(3.0))
    assert np.array_equal(loaded[14], np.arange(3))
    assert loaded[14].dtype == np.float32
    assert loaded["list"] == table["list"]
    assert loaded["ordered"] == {"a": 1}
    assert torch.equal(loaded["double"], table["double"])


def test_tensors_that_were_pickled_on_a_gpu_are_read_on_the_cpu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "gpu.pkl"
    with monkeypatch.context() as patch:  # a GPU would have written this as the place of the numbers
        patch.setattr(torch.serialization, "location_tag", lambda storage: "cuda:0")
        path.write_bytes(pickle.dumps({13: torch.arange(3.0)}))
    assert load_plain_pickle(path)[13].device.type == "cpu"


@pytest.mark.parametrize(
    "wrap", [dict, lambda state: {"state_dict": state, "epoch": 3}], ids=["bare", "in a training checkpoint"]
)
@pytest.mark.parametrize("prefix", ["", "module."])
@pytest.mark.parametrize("zipped", [True, False])
def test_weights_are_read_from_the_usual_wrappings(
    wrap: Any, prefix: str, zipped: bool, tmp_path: Path
) -> None:
    path = tmp_path / "weights.pth"
    path.write_bytes(_saved(wrap({f"{prefix}fc1.weight": torch.ones(2)}), zipped=zipped))
    assert torch.equal(load_weights(path)["fc1.weight"], torch.ones(2))


@pytest.mark.parametrize("content", [[1, 2], {"a": 1}, torch.ones(2), {"state_dict": {"a": "b"}}])
def test_a_file_without_named_tensors_is_no_weights_file(content: Any, tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    torch.save(content, path)
    with pytest.raises(ModelError, match="no state dict") as error:
        load_weights(path)
    assert _is_one_sentence(error, path)


@pytest.mark.parametrize("read", [load_weights, load_plain_pickle])
def test_a_missing_file_is_named(read: Any, tmp_path: Path) -> None:
    path = tmp_path / "absent.pth"
    with pytest.raises(InputError) as error:
        read(path)
    assert _is_one_sentence(error, path)


_WHOLE = {
    load_weights: _saved({"fc1.weight": torch.ones(20)}, zipped=True),
    load_plain_pickle: pickle.dumps({13: torch.ones(20), 14: np.ones(20)}),
}


@pytest.mark.parametrize("read", list(_WHOLE))
@settings(
    max_examples=150,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_damage_of_any_kind_is_a_model_error_or_goes_unnoticed(
    read: Any, data: st.DataObject, tmp_path: Path
) -> None:
    whole = bytearray(_WHOLE[read])
    cut = data.draw(st.integers(0, len(whole)))
    for place in data.draw(st.lists(st.integers(0, len(whole) - 1), max_size=3)):
        whole[place] = data.draw(st.integers(0, 255))
    path = tmp_path / "damaged"
    path.write_bytes(bytes(whole[:cut]))
    try:
        read(path)
    except ModelError as error:
        assert str(error).endswith(".")
