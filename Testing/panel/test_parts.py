"""The parts of the panel that need no window."""
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from flat_rows import FlatRow, report_from_rows

from segae.data import Segment
from segae.errors import InputError, ModelError
from segae.geometry.grid import Grid
from segae.labels.table import by_index
from segae.results.types import ModelIdentity, SegmentResult
from SegAELib.app.idle_tasks import IdleTasks
from SegAELib.app.results import Results, step
from SegAELib.app.score_style import ScoreStyle, StripModel, interval, number
from SegAELib.mrml.edits import SliceChanges
from SegAELib.mrml.score_bins import ScoreBins

MODEL = ModelIdentity("tiny", "abc", "segae-published")


def row(segment, index, score):
    return FlatRow(segment, 5, segment, index, 0.0, 0.0, float(index), 100.0, score)


def report(*rows, model=MODEL, extents=(), **more):
    return report_from_rows(rows, extents, case="case", ct="ct", segmentation="masks", model=model, **more)


@pytest.fixture
def results():
    return Results.of(
        report(row("liver", 1, 0.9), row("liver", 2, 0.4), row("spleen", 1, 0.6)),
        ["a", "b"],
    )


def test_idle_tasks_are_done_in_order_and_once_for_each_key():
    done, tasks = [], IdleTasks()
    for key, value in (("a", 1), ("b", 2), ("a", 3)):
        tasks.add(key, lambda value=value: done.append(value))
    tasks.finish()
    assert done == [3, 2]
    assert not tasks


def test_idle_tasks_stop_when_the_time_is_over():
    done, tasks = [], IdleTasks()
    for n in range(5):
        tasks.add(n, lambda n=n: done.append(n))
    tasks.run(0.0)
    assert done == [0]


def test_an_idle_task_may_add_another():
    done, tasks = [], IdleTasks()
    tasks.add("first", lambda: tasks.add("second", lambda: done.append(2)))
    tasks.finish()
    assert done == [2]


def test_the_ranking_by_dice_begins_with_the_lowest(results):
    assert [r.segment_id for r in results.ranking("dice")] == ["b", "a"]
    assert results.count_below() == (2, 3)


def test_another_threshold_decides_at_once(results):
    results.set_threshold(0.5)
    assert [one.result.verdict for one in results.ranking("dice")] == ["fine", "fine"]
    assert results.count_below() == (1, 3) and results.report.threshold == 0.5
    results.set_threshold(0.7)
    assert results.count_below() == (2, 3)


def test_the_slices_run_over_all_segments(results):
    assert results.all_slices("dice") == [("a", 2), ("b", 1), ("a", 1)]


def test_in_review_order_large_errors_go_before_small_ends():
    rows = [replace(row("liver", 1, 0.1), area_mm2=5.0), replace(row("liver", 2, 0.5), area_mm2=4000.0)]
    results = Results.of(report(*rows), ["a"])
    assert results.all_slices("review") == [("a", 2), ("a", 1)]
    assert [one.slice for one in results.slices_in_order("a", "review")] == [2, 1]
    assert [one.slice for one in results.slices_in_order("a", "dice")] == [1, 2]


def test_new_scores_take_the_place_of_old_ones_and_emptied_slices_go(results):
    some = {"only": {"liver": [2]}}
    results.merge(report(row("liver", 2, 0.8), options=some), ["a"], [("a", 1)])
    assert [(r.slice, r.raw_score) for r in results.slices("a")] == [(2, 0.8)]


def test_a_renamed_segment_has_one_name_only(results):
    some = {"only": {"Liver (new)": [2]}}
    results.merge(report(row("Liver (new)", 2, 0.8), options=some), ["a"], [])
    assert {i: results.name(i) for i in results.segments} == {"a": "Liver (new)", "b": "spleen"}
    assert [(r.slice, r.raw_score) for r in results.slices("a")] == [(1, 0.9), (2, 0.8)]


def test_scores_of_another_model_are_refused(results):
    other = ModelIdentity("other", "def", "segae-published")
    with pytest.raises(InputError, match="rank all segments again"):
        results.merge(report(row("liver", 2, 0.8), model=other), ["a"], [])


def test_a_deleted_segment_leaves_no_trace(results):
    results.changes["a"] = SliceChanges((2,), ())
    results.forget("a")
    assert list(results.segments) == ["b"] and not results.changes


def test_the_whole_report_gives_back_what_came_in(results):
    assert results.whole_report() == report(row("liver", 1, 0.9), row("liver", 2, 0.4), row("spleen", 1, 0.6))


ORDER = [("a", 2), ("b", 1), ("a", 1)]


@pytest.mark.parametrize(
    ("current", "direction", "expected"),
    [
        (None, 1, ("a", 2)),
        (("a", 2), 1, ("b", 1)),
        (("a", 1), 1, None),
        (("b", 1), -1, ("a", 2)),
        (("a", 2), -1, None),
        (None, -1, None),
        (("gone", 7), 1, ("a", 2)),
    ],
)
def test_the_walk_goes_from_the_worst_on(current, direction, expected):
    assert step(ORDER, current, direction) == expected


def test_the_walk_passes_over_what_is_done():
    assert step(ORDER, ("a", 2), 1, lambda key: key != ("b", 1)) == ("a", 1)


@pytest.mark.parametrize("upwards", [True, False])
def test_the_strip_runs_from_inferior_to_superior(upwards):
    strip = StripModel.of({3: 0.1, 5: 0.2, 6: 0.3}, upwards=upwards)
    assert strip is not None
    assert strip.count == 4
    ends = (strip.slice_at(0.0), strip.slice_at(0.999))
    assert ends == ((3, 6) if upwards else (6, 3))
    assert [strip.place_of(strip.slice_at((n + 0.5) / 4)) for n in range(4)] == [0, 1, 2, 3]
    assert strip.place_of(2) is None and strip.place_of(7) is None
    assert strip.slice_at(5.0) == ends[1], "a click beside the strip counts for its end"


def test_there_is_no_strip_without_scores():
    assert StripModel.of({}, upwards=True) is None


def test_a_score_has_one_colour_and_one_word():
    style = ScoreStyle(ScoreBins(), "traffic")
    assert [style.key(score) for score in (0.0, 0.5, 0.7, 0.85, 1.0)] == [
        "poor",
        "weak",
        "fair",
        "good",
        "good",
    ]
    assert style.colour(0.2) == "#e8322b"
    assert [number(score) for score in (0.0, 0.456, 1.0)] == ["0.00", "0.46", "1.00"]


def test_a_model_file_is_described_without_torch(model):
    import subprocess
    import sys

    code = (
        "import sys; sys.path[:0] = ['SegAE']; from SegAELib.app.model_facts import ModelFacts;"
        f"facts = ModelFacts.of({str(model)!r});"
        "print(facts.identity.name, facts.spec.input.size, 'torch' in sys.modules)"
    )
    root = __file__.partition("/Testing/")[0]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["tiny", "32", "False"]


def test_a_file_that_is_no_model_is_refused_with_a_sentence(tmp_path):
    from SegAELib.app.model_facts import ModelFacts

    path = tmp_path / "broken.safetensors"
    path.write_bytes(b"nothing of the kind")
    with pytest.raises(ModelError, match="cannot be read as a safetensors file"):
        ModelFacts.of(str(path))


# Verdicts -------------------------------------------------------------------------------------------------


def with_areas(index, area=100.0, organ=100.0, overlap=95.0):
    return replace(row("liver", index, 0.9), area_mm2=area, organ_mm2=organ, overlap_mm2=overlap)


def searched(segment, index, organ_mm2, presence):
    return FlatRow(segment, 5, segment, index, 1.0, 2.0, float(index), organ_mm2=organ_mm2, presence=presence)


@pytest.fixture
def judged():
    """A liver that goes on above its mask, an empty spleen that is there, a good aorta, an absent bladder."""
    rows = [with_areas(index) for index in range(1, 11)]
    rows += [replace(one, segment="aorta", structure_index=6, structure="aorta") for one in rows]
    beyond = ((11, 100.0, 0.9), (12, 90.0, 0.8), (13, 0.0, 0.1))
    found = [searched("liver", *one) for one in beyond]
    found += [searched("spleen", index, 300.0, 0.98) for index in (4, 5, 6)]
    names = {"liver": 10, "spleen": 0, "aorta": 10, "bladder": 0}
    extents = [
        SegmentResult(name, 6 if name == "aorta" else 5, name, count, count * 0.3)
        for name, count in names.items()
    ]
    return Results.of(report(*rows, *found, extents=extents), ["a", "b", "c", "d"])


def test_what_needs_review_comes_first_empty_masks_whose_organ_is_there_included(judged):
    ranked = [(one.segment_id, one.result.verdict) for one in judged.ranking("dice")]
    assert ranked == [("b", "empty but present"), ("a", "missing parts"), ("c", "fine")]
    assert [one.is_bad for one in judged.ranking()] == [True, True, False]


def test_missing_slices_have_a_place_to_look_at(judged):
    assert [one.slice for one in judged.missing("a")] == [11, 12]
    assert judged.place(("a", 12)) == (1.0, 2.0, 12.0)
    assert judged.place(("a", 3)) == (0.0, 0.0, 3.0)
    assert judged.place(("a", 13)) is None and judged.place(("c", 11)) is None


def test_a_part_that_was_painted_in_is_not_missing_any_longer(judged):
    extent = SegmentResult("liver", 5, "liver", 12, 3.6)
    only = {"only": {"liver": [11, 12]}}
    judged.merge(report(with_areas(11), with_areas(12), extents=[extent], options=only), ["a"], [])
    assert judged.missing("a") == ()
    assert judged.segments["a"].verdict == "fine"
    assert judged.segments["a"].raw_dice == pytest.approx(0.95), "of the whole organ, not of the part"
    assert judged.segments["b"].verdict == "empty but present", "the others stay"


def test_what_was_found_keeps_to_a_renamed_segment(judged):
    extent, only = SegmentResult("Liver", 5, "liver", 10, 3.0), {"only": {"Liver": [3]}}
    again = report(replace(with_areas(3), segment="Liver"), extents=[extent], options=only)
    judged.merge(again, ["a"], [])
    assert [one.slice for one in judged.missing("a")] == [11, 12]
    assert judged.name("a") == "Liver"


def test_a_whole_segment_scored_again_forgets_what_was_found_before(judged):
    extent = SegmentResult("liver", 5, "liver", 1, 0.3)
    judged.merge(report(with_areas(3), extents=[extent]), ["a"], [])
    assert judged.missing("a") == ()


def test_verdicts_wait_until_a_whole_segment_was_looked_at():
    coming = Results.empty("case", "ct", "masks", MODEL, "k")
    liver = Segment.from_mask("liver", by_index(13), np.ones((2, 3, 4), bool), Grid((4, 3, 2), np.eye(4)))
    coming.add({"a": [row("liver", 1, 0.2).result]}, {"a": liver})
    assert [(one.segment_id, one.result.verdict) for one in coming.ranking()] == [("a", None)]
    coming.set_threshold(0.1)
    assert [(one.result.verdict, one.result.n_below) for one in coming.ranking()] == [(None, 0)]


def test_an_interval_is_shown_with_two_digits():
    assert interval(0.514, 1.0) == "0.51\u20131.00" and interval(None, None) == ""
