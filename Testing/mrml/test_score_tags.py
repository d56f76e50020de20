"""Scores travel with segments as tags."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from segae.results.types import CaseReport, ModelIdentity, SegmentResult, SliceResult
from SegAELib.mrml.score_tags import clear_score, read_score, set_stale, write_score

MODEL = ModelIdentity("bundled", "ab" * 32, "slice-resnet18")
REPORT = CaseReport("case", "ct", "masks", MODEL, threshold=0.7)
SLICES = tuple(
    SliceResult(k, 0.0, 0.0, 3.0 * k, 3.0, 50.0, dice, dice, None, None, 40.0, 45.0)
    for k, dice in ((6, 0.1 + 0.2), (7, 0.04), (8, 0.9))
)
RESULT = SegmentResult(
    "liver", 11, "liver", 900, 12.5, SLICES, raw_dice=0.58, predicted_dice=0.61, interval_low=0.1 + 0.2,
    interval_high=0.9, verdict="missing parts", missing_slices=(3, 4),
    reasons=("It goes on.", "Dice is low."), n_below=2, wrong_ml=1 / 3,
)  # fmt: skip


@pytest.fixture
def node(mini):
    return mini.add_segmentation([(np.ones((2, 3, 4), np.uint8), np.eye(4), {1: "liver"})])


def test_tags_give_back_what_was_written(node):
    write_score(node, "liver", RESULT, REPORT)
    found = read_score(node, "liver")
    assert found is not None
    assert (found.mean, found.lowest, found.lowest_slice) == (RESULT.mean, 0.04, 7)
    assert (found.below_threshold, found.threshold, found.n_slices) == (2 / 3, 0.7, 3)
    assert (found.raw_dice, found.wrong_ml) == (0.58, 1 / 3)
    assert (found.verdict, found.predicted_dice, found.interval_low, found.interval_high) == (
        "missing parts", 0.61, 0.1 + 0.2, 0.9
    )  # fmt: skip
    assert (found.missing_slices, found.reasons) == ((3, 4), "It goes on. Dice is low.")
    assert (found.model, found.model_sha256, found.structure, found.stale) == (
        "bundled",
        "ab" * 32,
        "liver",
        False,
    )


def is_stale(node, segment_id: str) -> bool:
    """Whether the tags of a scored segment call it stale."""
    score = read_score(node, segment_id)
    assert score is not None
    return score.stale


def test_an_empty_segment_has_no_worst_slice(node):
    empty = replace(RESULT, slices=(), predicted_dice=0.0, interval_low=None, interval_high=None)
    write_score(node, "liver", empty, REPORT)
    found = read_score(node, "liver")
    assert found is not None and found.lowest_slice is None and found.n_slices == 0
    assert (found.predicted_dice, found.interval_low, found.interval_high) == (0.0, None, None)


def test_stale_marks_come_and_go(node):
    set_stale(node, "liver", True)
    assert read_score(node, "liver") is None  # no score, nothing to be stale
    write_score(node, "liver", RESULT, REPORT)
    set_stale(node, "liver", True)
    assert is_stale(node, "liver")
    set_stale(node, "liver", False)
    assert not is_stale(node, "liver")
    set_stale(node, "liver", True)
    write_score(node, "liver", RESULT, REPORT)
    assert not is_stale(node, "liver")


def test_other_tags_stay_when_the_score_is_cleared(node):
    segment = node.GetSegmentation().GetSegment("liver")
    segment.SetTag("Segmentation.Status", "completed")
    write_score(node, "liver", RESULT, REPORT)
    clear_score(node, "liver")
    assert read_score(node, "liver") is None
    assert segment.HasTag("Segmentation.Status")


def test_a_tag_written_by_something_else_is_no_score(node):
    node.GetSegmentation().GetSegment("liver").SetTag("SegAE.Score", "rather good")
    assert read_score(node, "liver") is None


def test_tags_survive_a_seg_nrrd_file(mini, node, tmp_path):
    write_score(node, "liver", RESULT, REPORT)
    set_stale(node, "liver", True)
    before = read_score(node, "liver")
    path = str(tmp_path / "organs.seg.nrrd")
    node.AddDefaultStorageNode()
    node.GetStorageNode().SetFileName(path)
    assert node.GetStorageNode().WriteData(node)
    loaded = mini.logics["Segmentations"].LoadSegmentationFromFile(path, True, "Again")
    assert read_score(loaded, loaded.GetSegmentation().GetNthSegmentID(0)) == before


def test_a_segment_that_is_gone_is_passed_over(node):
    write_score(node, "spleen", RESULT, REPORT)
    set_stale(node, "spleen", True)
    clear_score(node, "spleen")
    assert read_score(node, "spleen") is None
