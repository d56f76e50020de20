"""Scores and review marks are saved with the scene and come back as they were."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from flat_rows import FlatRow, report_from_rows
from hypothesis import given
from hypothesis import strategies as st

from segae.errors import InputError
from segae.finding import Finding
from segae.results.types import ModelIdentity, SegmentResult
from SegAELib.mrml.binding import nodes_of_class, slicer
from SegAELib.mrml.edits import fingerprint
from SegAELib.mrml.results_table import (
    create_results_table,
    decode,
    encode,
    find_results,
    read_results,
    write_results,
)
from SegAELib.mrml.review_table import (
    ReviewMark,
    export_rows,
    new_mark,
    read_marks,
    remove_mark,
    review_table,
    set_mark,
)
from SegAELib.mrml.scene_reader import read_case

IDS = ["S_a", "S_b"]
MODEL = ModelIdentity("bundled", "cd" * 32, "slice-resnet18")
AWKWARD = 'lïver, "left"\tpart; 50 %'


@pytest.fixture
def case(mini):
    """A volume, a segmentation with two segments, and a report of it with awkward names and numbers."""
    labels = np.zeros((6, 8, 10), np.uint8)
    labels[1:4, 2:6, 3:8] = 1
    labels[4:6, 1:4, 1:5] = 2
    volume = mini.add_volume(np.zeros(labels.shape, np.int16), np.diag([0.7, 0.7, 3, 1]))
    node = mini.add_segmentation([(labels, np.diag([0.7, 0.7, 3, 1]), {1: "S_a", 2: "S_b"})], volume)
    node.GetSegmentation().GetSegment("S_a").SetName(AWKWARD)
    rows = [
        FlatRow(
            AWKWARD,
            11,
            "liver",
            k,
            0.1 * 3,
            -1 / 3,
            1e-17 + k,
            123456.789012345678,
            -0.03 + k / 7,
            None,
            None,
            0.9,
        )
        for k in (1, 2, 3)
    ] + [FlatRow("S_b", 20, "spleen", k, 1.0, 2.0, 3.0 * k, 4.5, 0.75, 0.7, 0.6, 0.1 + 0.2) for k in (4, 5)]
    report = report_from_rows(
        rows, (SegmentResult(AWKWARD, 11, "liver", 60, 0.5),), case="Fäll 1; \"x\"", ct="CT",
        segmentation="Organs", model=MODEL,
        findings=(Finding("grid", "warning", "off by 0.3 mm: check", ("S_b",), None),),
        timings={"scoring": 1 / 3}, options={"slices": None, "threshold": 0.7, "names": ["a;b:c", "<&>'"]},
    )  # fmt: skip
    return volume, node, report


def save_and_load(mini, path: Path):
    """The scene written to a file, and read into a scene of its own."""
    if path.suffix == ".mrb":
        assert mini.scene.WriteToMRB(str(path))
    else:
        for number in range(mini.scene.GetNumberOfNodes()):
            node = mini.scene.GetNthNode(number)
            if node.IsA("vtkMRMLStorableNode") and node.GetSaveWithScene():
                node.AddDefaultStorageNode()
                storage = node.GetStorageNode()
                if storage is not None:
                    extension = storage.GetDefaultWriteFileExtension()
                    storage.SetFileName(str(path.parent / f"{node.GetID()}.{extension}"))
                    assert storage.WriteData(node)
        assert mini.scene.Commit(str(path))
    cache = path.parent / "other"
    cache.mkdir()
    other = type(mini)(cache)
    if path.suffix == ".mrb":
        assert other.scene.ReadFromMRB(str(path))
    else:
        other.scene.SetURL(str(path))
        assert other.scene.Connect()
    return other


def only_segmentation(mini):
    (node,) = nodes_of_class(mini.scene, "vtkMRMLSegmentationNode")
    return node


@pytest.mark.parametrize("name", ["scene.mrb", "scene.mrml"])
def test_results_come_back_from_a_saved_scene_to_the_last_digit(mini, case, tmp_path, name):
    volume, node, report = case
    segments = read_case(node, volume)
    prints = {i: fingerprint(s, 0) for i, s in segments.segments.items()}
    table = create_results_table(mini.scene, "Organs SegAE")
    write_results(table, report, list(segments.segments), prints, segmentation=node, volume=volume)
    other = save_and_load(mini, tmp_path / name)
    loaded = find_results(only_segmentation(other))
    assert loaded is not None and loaded.GetAttribute("SegAE.ModelSHA256") == "cd" * 32
    assert loaded.GetAttribute("SegAE.Model") == "bundled"
    stored = read_results(loaded)
    assert stored.report == report
    assert stored.segment_ids == IDS
    assert stored.fingerprints == prints


def test_a_table_has_one_row_per_slice_with_numbers_that_plots_can_use(mini, case):
    _, node, report = case
    table = create_results_table(mini.scene, "t")
    write_results(table, report, IDS, segmentation=node)
    columns = {
        table.GetColumnName(n): table.GetTable().GetColumn(n) for n in range(table.GetNumberOfColumns())
    }
    assert table.GetNumberOfRows() == 5 and table.GetLocked()
    first = report.segments[0].slices[0]
    assert columns["raw_score"].GetValue(0) == first.raw_score
    assert columns["wrong_mm2"].GetValue(0) == first.wrong_mm2
    assert np.isnan(columns["interval_low"].GetValue(0))
    assert {columns["model_sha256"].GetValue(n) for n in range(5)} == {"cd" * 32}
    assert [columns["slice"].GetValue(n) for n in range(5)] == [1, 2, 3, 4, 5]
    assert read_results(table).report == report


def test_a_report_without_slices_is_kept_too(mini, case):
    _, node, report = case
    table = create_results_table(mini.scene, "t")
    for segments, ids in (((), []), ((replace(report.segments[0], slices=()),), ["S_a"])):
        bare = replace(report, segments=segments)
        write_results(table, bare, ids, segmentation=node)
        assert read_results(table).report == bare


def test_the_newest_results_of_a_segmentation_are_found_and_nothing_else(mini, case):
    _, node, report = case
    assert find_results(node) is None
    tables = [create_results_table(mini.scene, name) for name in "ab"]
    for table in tables:
        write_results(table, report, IDS, segmentation=node)
    mini.scene.AddNewNodeByClass("vtkMRMLTableNode", "a table of the user")
    review_table(mini.scene, node)
    assert find_results(node) is tables[1]
    assert find_results(mini.add_segmentation([], name="other")) is None


def test_a_table_of_the_user_is_refused(mini):
    with pytest.raises(InputError, match='"mine" holds no SegAE results'):
        read_results(mini.scene.AddNewNodeByClass("vtkMRMLTableNode", "mine"))


def test_a_table_that_was_changed_is_refused(mini, case):
    _, node, report = case
    table = create_results_table(mini.scene, "t")
    write_results(table, report, IDS, segmentation=node)
    table.RemoveRow(0)
    with pytest.raises(InputError, match='"t" was changed outside of SegAE'):
        read_results(table)
    table.RemoveColumn(table.GetColumnIndex("segment"))
    with pytest.raises(InputError, match='has no column "segment"'):
        read_results(table)


@given(st.text())
def test_any_text_can_be_put_into_a_column_and_read_back(text):
    assert decode(encode(text)) == text
    assert not set(encode(text)) & set('"\t\n\r')


@pytest.mark.parametrize("name", ["scene.mrb", "scene.mrml"])
def test_review_marks_are_resumed_after_reloading(mini, case, tmp_path, name):
    _, node, _ = case
    table = review_table(mini.scene, node)
    marks = [
        new_mark("S_a", AWKWARD, 3, "needs work", note='hole at "dome",\nsecond line %0A', dice=0.1 + 0.2),
        new_mark("S_a", AWKWARD, None, "skip"),
        new_mark("S_b", "S_b", 0, "accept", dice=0.01),
    ]
    for mark in marks:
        set_mark(table, mark)
    other = save_and_load(mini, tmp_path / name)
    loaded = review_table(other.scene, only_segmentation(other))
    assert len(nodes_of_class(other.scene, "vtkMRMLTableNode")) == 1
    assert read_marks(loaded) == tuple(marks)
    set_mark(loaded, replace(marks[2], mark="needs work"))
    assert [m.mark for m in read_marks(loaded)] == ["needs work", "skip", "needs work"]


def test_a_new_mark_takes_the_place_of_the_old_one_on_the_same_slice(mini, case):
    _, node, _ = case
    table = review_table(mini.scene, node)
    set_mark(table, new_mark("S_a", "liver", 3, "accept"))
    set_mark(table, new_mark("S_a", "liver", 4, "accept"))
    set_mark(table, new_mark("S_a", "liver", 3, "needs work", note="again"))
    assert [(m.slice, m.mark) for m in read_marks(table)] == [(4, "accept"), (3, "needs work")]
    remove_mark(table, "S_a", 4)
    assert [m.slice for m in read_marks(table)] == [3]


def test_marks_tell_when_and_at_which_dice():
    mark = new_mark("S_a", "liver", 3, "accept", dice=0.25)
    assert mark.time.endswith("+00:00") and mark.dice == 0.25
    with pytest.raises(InputError, match='"maybe" is no review mark; use accept, needs work, skip'):
        ReviewMark("S_a", "liver", 3, "maybe", "", mark.time, None)  # type: ignore[arg-type]


def test_exported_rows_read_back_from_a_csv_file():
    marks = [ReviewMark("S_a", AWKWARD, None, "skip", "two\nlines", "2026-01-02T03:04:05+00:00", None)]
    text = io.StringIO(newline="")
    csv.writer(text).writerows(export_rows(marks))
    (row,) = csv.DictReader(io.StringIO(text.getvalue(), newline=""))
    assert (row["segment"], row["slice"], row["note"], row["predicted_dice"]) == (
        AWKWARD,
        "",
        "two\nlines",
        "",
    )


def test_a_review_table_that_was_changed_is_refused(mini, case):
    _, node, _ = case
    table = review_table(mini.scene, node)
    set_mark(table, new_mark("S_a", "liver", 3, "accept"))
    table.GetTable().GetColumnByName("mark").SetValue(0, "perhaps")
    with pytest.raises(InputError, match="is no review mark"):
        read_marks(table)
    assert isinstance(table, slicer.vtkMRMLTableNode)
