"""`segae_inference` on arrays as they are; and which slices are looked at."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import segae
from segae.errors import InputError, ModelError
from segae.inputs.slices import choose_slices
from segae.io.layouts import case_name
from segae.models.quality_model import QualityModel


@pytest.fixture
def arrays() -> tuple[np.ndarray, np.ndarray]:
    ct = np.random.default_rng(4).normal(0, 150, (14, 50, 60)).astype(np.float32)
    mask = np.zeros(ct.shape, np.uint8)
    mask[1:13, 10:30, 20:40] = 1
    return ct, mask


def test_an_empty_mask_is_zero_without_a_model(arrays: tuple[np.ndarray, np.ndarray]) -> None:
    assert segae.segae_inference(arrays[0], np.zeros_like(arrays[1]), 13, "no such model") == 0.0


def test_ten_slices_are_averaged(arrays: tuple[np.ndarray, np.ndarray], small_model: QualityModel) -> None:
    ct, mask = arrays
    sampled = [1 + int(12 / 10 * i) for i in range(10)]
    single = []
    for k in sampled:
        alone = np.zeros_like(mask)
        alone[k] = mask[k]
        single.append(segae.segae_inference(ct, alone, 13, small_model))
    assert segae.segae_inference(ct, mask, 13, small_model) == pytest.approx(np.mean(single), abs=1e-5)


def test_arrays_are_not_turned(arrays: tuple[np.ndarray, np.ndarray], small_model: QualityModel) -> None:
    ct, mask = arrays
    as_is = segae.segae_inference(ct, mask, 13, small_model)
    mirrored = segae.segae_inference(ct[:, :, ::-1], mask[:, :, ::-1], 13, small_model)
    assert abs(as_is - mirrored) > 1e-4


def test_arrays_are_left_alone_and_their_number_type_is_free(
    arrays: tuple[np.ndarray, np.ndarray], small_model: QualityModel
) -> None:
    ct, mask = arrays[0].round(), arrays[1]
    before = ct.copy()
    scores = [
        segae.segae_inference(c, m, 13, small_model)
        for c in (ct, ct.astype(np.int16), ct.astype(np.float64))
        for m in (mask, mask.astype(bool), mask * 0.5)
    ]
    assert scores == pytest.approx([scores[0]] * 9, abs=1e-6)
    assert np.array_equal(ct, before)


@pytest.mark.parametrize("shape", [(14, 50, 61), (50, 60), (14, 50, 60, 1)])
def test_arrays_that_do_not_fit_are_refused(
    shape: tuple[int, ...], arrays: tuple[np.ndarray, np.ndarray], small_model: QualityModel
) -> None:
    with pytest.raises(InputError, match=r"shape.*\.$"):
        segae.segae_inference(arrays[0], np.ones(shape), 13, small_model)


@pytest.mark.parametrize("index", [145, -1])
def test_a_row_that_the_table_lacks_is_refused(
    index: int, arrays: tuple[np.ndarray, np.ndarray], small_model: QualityModel
) -> None:
    with pytest.raises(InputError, match=r"no row of the label table.*\.$"):
        segae.segae_inference(*arrays, index, small_model)


def test_a_name_that_the_model_lacks_is_refused(
    arrays: tuple[np.ndarray, np.ndarray], small_model: QualityModel
) -> None:
    vectors = small_model.text_vectors.clone()
    vectors[13] = float("nan")
    with pytest.raises(ModelError, match=r"no vector for .*\.$"):
        segae.segae_inference(*arrays, 13, QualityModel(small_model.spec, small_model.network, vectors))


@given(areas=st.lists(st.integers(0, 3), max_size=80), n=st.integers(1, 20))
def test_sampling_takes_n_filled_slices_by_the_published_rule(areas: list[int], n: int) -> None:
    filled = [k for k, area in enumerate(areas) if area]
    chosen = choose_slices(np.array(areas), n).tolist()
    expected = filled if len(filled) <= n else [filled[int(len(filled) / n * i)] for i in range(n)]
    assert chosen == expected
    assert choose_slices(np.array(areas)).tolist() == filled


@pytest.mark.parametrize(
    ("path", "name"),
    [
        (Path("s0001") / "ct.nii.gz", "s0001"),
        (Path("cases") / "patient7.nrrd", "patient7"),
        (Path("ct.nii.gz"), "ct"),
    ],
)
def test_a_case_is_called_after_its_file_or_folder(path: Path, name: str) -> None:
    assert case_name(path) == name
