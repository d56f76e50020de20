"""The published code's scores on the sample, to 5e-4, by every way to a score."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from flat_rows import slices

import segae
from segae.data import Segment, Segmentation, Volume

AGREEMENT = 5e-4
PUBLISHED: Mapping[str, Mapping[str, Any]] = json.loads(
    Path(__file__).with_name("published_scores.json").read_text(encoding="utf-8")
)
BACKBONES = ("resnet18", "resnet50")
CASES = [tuple(case.split("/")) for case in PUBLISHED]

Checkpoints = Callable[[str, str], Path]


def _organs(backbone: str) -> list[str]:
    return [organ for name, organ in CASES if name == backbone]


def _segment(segmentation: Segmentation, organ: str) -> Segment:
    return next(segment for segment in segmentation.segments if segment.name == organ)


@pytest.mark.parametrize("backbone", BACKBONES)
def test_score_gives_the_published_value_of_every_slice(
    backbone: str, sample_ct: Volume, sample_segmentation: Segmentation, published_checkpoint: Checkpoints
) -> None:
    masks = tuple(_segment(sample_segmentation, organ) for organ in _organs(backbone))
    report = segae.score(sample_ct, Segmentation(masks), model=published_checkpoint(backbone, "file"))
    scores = {(row.segment, row.slice): row.raw_score for row in slices(report)}
    expected = {
        (organ, int(index)): score
        for organ in _organs(backbone)
        for index, score in PUBLISHED[f"{backbone}/{organ}"]["per_slice"].items()
    }
    assert scores == pytest.approx(expected, abs=AGREEMENT, rel=0)


def test_score_reads_the_files_itself(sample_dir: Path, published_checkpoint: Checkpoints) -> None:
    expected = PUBLISHED["resnet18/rib_left_9"]
    report = segae.score(
        sample_dir / "ct.nii.gz",
        sample_dir / "segmentations" / "rib_left_9.nii.gz",
        model=published_checkpoint("resnet18", "file"),
    )
    assert {row.structure_index for row in slices(report)} == {expected["class"]}
    scores = {str(row.slice): row.raw_score for row in slices(report)}
    assert scores == pytest.approx(expected["per_slice"], abs=AGREEMENT, rel=0)


@pytest.mark.parametrize(("backbone", "organ"), [("resnet18", "kidney_left"), ("resnet18", "vertebrae_L1")])
def test_ten_slices_are_the_published_ones(
    backbone: str,
    organ: str,
    sample_ct: Volume,
    sample_segmentation: Segmentation,
    published_checkpoint: Checkpoints,
) -> None:
    expected = PUBLISHED[f"{backbone}/{organ}"]
    report = segae.score(
        sample_ct,
        Segmentation((_segment(sample_segmentation, organ),)),
        model=published_checkpoint(backbone, "file"),
        slices=10,
    )
    assert [row.slice for row in slices(report)] == expected["sampled_slices"]
    (segment,) = report.segments
    assert segment.raw_dice == pytest.approx(expected["mean_sampled"], abs=AGREEMENT)


@pytest.mark.parametrize("backbone", BACKBONES)
def test_segae_inference_gives_the_published_mean(
    backbone: str, sample_ct: Volume, sample_segmentation: Segmentation, published_checkpoint: Checkpoints
) -> None:
    model = segae.QualityModel.load(published_checkpoint(backbone, "file"))
    means = {
        organ: segae.segae_inference(
            sample_ct.voxels,
            _segment(sample_segmentation, organ).full_mask(),
            PUBLISHED[f"{backbone}/{organ}"]["class"],
            model,
        )
        for organ in _organs(backbone)
    }
    expected = {organ: PUBLISHED[f"{backbone}/{organ}"]["mean_sampled"] for organ in _organs(backbone)}
    assert means == pytest.approx(expected, abs=AGREEMENT, rel=0)
