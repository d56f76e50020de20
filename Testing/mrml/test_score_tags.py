"""Scores travel with segments as tags."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from segae.results.types import ModelIdentity, StructureScore
from segae.results.verdicts import OrganVerdict
from SegAELib.mrml.score_tags import clear_score, read_score, set_stale, write_score

MODEL = ModelIdentity("bundled", "ab" * 32, "slice-resnet18", True)
SUMS = StructureScore("liver", 11, "liver", 0.1 + 0.2, 0.5, -0.04, 7, 1 / 3, 12, 0.7)
SCORE = OrganVerdict(
    "liver", 11, "liver", "missing parts", 0.61, 0.1 + 0.2, 0.9, (3, 4), ("It goes on.", "Dice is low."), SUMS
)


@pytest.fixture
def node(mini):
    return mini.add_segmentation([(np.ones((2, 3, 4), np.uint8), np.eye(4), {1: "liver"})])


def test_tags_give_back_what_was_written(node):
    write_score(node, "liver", SCORE, MODEL)
    found = read_score(node, "liver")
    assert found is not None
    assert (found.mean, found.worst, found.worst_slice, found.poor_share) == (0.1 + 0.2, -0.04, 7, 1 / 3)
    assert (found.verdict, found.volume_dice, found.interval_low, found.interval_high) == (
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
    sums = replace(SUMS, worst_slice=None, n_slices=0)
    empty = replace(SCORE, scores=sums, volume_dice=None, interval_low=None, interval_high=None)
    write_score(node, "liver", empty, MODEL)
    found = read_score(node, "liver")
    assert found is not None and found.worst_slice is None and found.n_slices == 0
    assert (found.volume_dice, found.interval_low, found.interval_high) == (None, None, None)


def test_stale_marks_come_and_go(node):
    set_stale(node, "liver", True)
    assert read_score(node, "liver") is None  # no score, nothing to be stale
    write_score(node, "liver", SCORE, MODEL)
    set_stale(node, "liver", True)
    assert is_stale(node, "liver")
    set_stale(node, "liver", False)
    assert not is_stale(node, "liver")
    set_stale(node, "liver", True)
    write_score(node, "liver", SCORE, MODEL)
    assert not is_stale(node, "liver")


def test_other_tags_stay_when_the_score_is_cleared(node):
    segment = node.GetSegmentation().GetSegment("liver")
    segment.SetTag("Segmentation.Status", "completed")
    write_score(node, "liver", SCORE, MODEL)
    clear_score(node, "liver")
    assert read_score(node, "liver") is None
    assert segment.HasTag("Segmentation.Status")


def test_a_tag_written_by_something_else_is_no_score(node):
    node.GetSegmentation().GetSegment("liver").SetTag("SegAE.Score", "rather good")
    assert read_score(node, "liver") is None


def test_tags_survive_a_seg_nrrd_file(mini, node, tmp_path):
    write_score(node, "liver", SCORE, MODEL)
    set_stale(node, "liver", True)
    before = read_score(node, "liver")
    path = str(tmp_path / "organs.seg.nrrd")
    node.AddDefaultStorageNode()
    node.GetStorageNode().SetFileName(path)
    assert node.GetStorageNode().WriteData(node)
    loaded = mini.logics["Segmentations"].LoadSegmentationFromFile(path, True, "Again")
    assert read_score(loaded, loaded.GetSegmentation().GetNthSegmentID(0)) == before


def test_a_segment_that_is_gone_is_passed_over(node):
    write_score(node, "spleen", SCORE, MODEL)
    set_stale(node, "spleen", True)
    clear_score(node, "spleen")
    assert read_score(node, "spleen") is None
