"""Results, tags and marks in a scene that version 0.1 saved are still read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from segae.results.files import read_report
from SegAELib.mrml.binding import nodes_of_class
from SegAELib.mrml.results_table import find_results, find_table, read_results
from SegAELib.mrml.review_table import REVIEW, new_mark, read_marks, set_mark
from SegAELib.mrml.score_tags import read_score

FOLDER = Path(__file__).parents[1] / "data" / "v0_1"
SAID = json.loads((FOLDER / "said.json").read_text(encoding="utf-8"))["calibrated"]


@pytest.fixture
def node(mini):
    assert mini.scene.ReadFromMRB(str(FOLDER / "scene.mrb"))
    (node,) = nodes_of_class(mini.scene, "vtkMRMLSegmentationNode")
    return node


def test_the_results_table_gives_the_report_of_the_csv_file(node):
    stored = read_results(find_results(node))
    assert stored.report == read_report(FOLDER / "calibrated.csv")
    assert stored.segment_ids == [segment.segment for segment in stored.report.segments]
    assert set(stored.fingerprints) == set(stored.segment_ids)
    assert len(stored.fingerprints["gallbladder"].digests) > 3 and not stored.fingerprints["heart"].digests


def test_the_tags_of_segments_are_read(node):
    for name, said in SAID.items():
        tags = read_score(node, name)
        assert tags is not None
        assert tags.predicted_dice == (said["volume_dice"] or 0.0)
        assert (tags.verdict, tags.raw_dice, tags.wrong_ml) == (said["verdict"], None, None)


def test_review_marks_are_read_and_new_ones_are_added(node):
    table = find_table(node, REVIEW)
    first, second = read_marks(table)
    assert (first.slice, first.mark, first.note, first.dice) == (5, "needs work", "hole", 0.61)
    assert (second.slice, second.mark, second.dice) == (None, "accept", None)
    set_mark(table, new_mark(first.segment_id, first.segment, 6, "skip"))
    assert [mark.mark for mark in read_marks(table)] == ["needs work", "accept", "skip"]
