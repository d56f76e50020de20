"""Pictures of the worst masks, with the errors that the bundled model predicts."""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segae.batch.runner import run_batch
from segae.batch.store import ResultStore
from segae.batch.thumbnails import Thumbnails, draw_thumbnails
from segae.io.layouts import find_cases
from segae.report.page.contents import Contents, gather
from segae.report.style import ERROR_COLOURS
from segae.scoring.scorer import Scorer

LOWER = 4  # a slice in which the spleen keeps its mask

Rewrite = Callable[[Path, Callable[[np.ndarray], np.ndarray]], None]


@pytest.fixture(scope="module")
def starter() -> Scorer:
    return Scorer("bundled", device="cpu")


@pytest.fixture(scope="module")
def done(
    tmp_path_factory: pytest.TempPathFactory,
    make_case: Callable[..., Path],
    starter: Scorer,
    rewrite: Rewrite,
) -> Path:
    """A batch of one case: a spleen without its upper half, an empty kidney, a kidney as it should be."""
    folder = tmp_path_factory.mktemp("thumbnails")
    masks = make_case(folder / "data/a", "spleen", "kidney_left", "kidney_right") / "segmentations"
    rewrite(masks / "spleen.nii.gz", without_upper_half)
    rewrite(masks / "kidney_left.nii.gz", np.zeros_like)
    run_batch(find_cases(folder / "data"), folder / "out", starter)
    return folder


def without_upper_half(mask: np.ndarray) -> np.ndarray:
    slices = np.flatnonzero(mask.any(axis=(1, 2)))
    mask[slices[len(slices) // 2] :] = 0
    return mask


def contents_of(folder: Path) -> Contents:
    return gather(ResultStore(folder / "out").reports())


def missing_pixels(picture: bytes) -> int:
    """Pixels that are clearly of the colour of what is missing."""
    shown = np.asarray(Image.open(io.BytesIO(picture)).convert("RGB")).astype(int)
    red, green, blue = (int(ERROR_COLOURS["missing"][n : n + 2], 16) for n in (1, 3, 5))
    assert red == 0 and green > 200 and blue > 200
    return int(((shown[..., 1] - shown[..., 0] > 60) & (shown[..., 2] - shown[..., 0] > 60)).sum())


def test_missing_parts_are_shown_where_the_mask_has_none_and_in_empty_masks(done: Path, starter: Scorer):
    contents = contents_of(done)
    assert {one.segment: one.verdict for one in contents.masks if one.needs_review} == {
        "spleen": "missing parts", "kidney_left": "empty but present",
    }  # fmt: skip
    made = draw_thumbnails(contents, 10, starter)
    assert made.notes == []
    assert [contents.masks[n].segment for n in made.pictures] == ["spleen", "kidney_left"]
    assert all(missing_pixels(one) > 500 for one in made.pictures.values())


def test_only_the_first_are_drawn(done: Path, starter: Scorer):
    assert list(draw_thumbnails(contents_of(done), 1, starter).pictures) == [0]


def test_another_model_draws_no_errors_and_says_so(done: Path, starter: Scorer, scorer: Scorer):
    contents = contents_of(done)
    contents.masks = [one._replace(slice=LOWER) for one in contents.masks]
    with_errors, without = (draw_thumbnails(contents, 1, one) for one in (starter, scorer))
    assert with_errors.pictures[0] != without.pictures[0]
    assert missing_pixels(without.pictures[0]) == 0
    assert "show no predicted errors; give that model with --model." in without.notes[-1]


def test_a_case_whose_files_are_gone_is_told_and_the_page_goes_on(
    done: Path, starter: Scorer, tmp_path: Path
):
    shutil.copytree(done, tmp_path / "copy")
    (done / "data").rename(done / "moved")
    try:
        made = draw_thumbnails(contents_of(tmp_path / "copy"), 10, starter)
    finally:
        (done / "moved").rename(done / "data")
    assert made == Thumbnails({}, made.notes)
    assert len(made.notes) == 1 and made.notes[0].startswith("No pictures of a: ")
