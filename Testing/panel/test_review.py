"""Review: marks by keys, where the walk goes next, and how far the review is."""
# pyright: reportAttributeAccessIssue=false, reportMissingImports=false

from __future__ import annotations

import numpy as np
import pytest
from panel_views import paint_out


def test_the_keys_a_w_and_s_mark_the_chosen_slice_while_the_module_is_shown(ranked, bed):
    from PySide6.QtCore import Qt

    marked = []
    ranked.ui.nextButton.click()
    for key, mark in ((Qt.Key.Key_A, "accept"), (Qt.Key.Key_W, "needs work"), (Qt.Key.Key_S, "skip")):
        chosen = ranked.results.current
        bed.press(bed.main_window, key)
        assert ranked.reviews.of(*chosen).mark == mark
        marked.append(chosen)
    assert len(set(marked)) == 3, "each key goes on to another slice"
    bed.select_module("SegmentEditor")
    bed.press(bed.main_window, Qt.Key.Key_A)
    assert len(ranked.reviews.marks) == 3


def test_segment_by_segment_finishes_one_before_the_next_begins(ranked):
    results = ranked.session.results
    ranked.ui.walkCombo.setCurrentIndex(1)
    assert ranked.parameters.walk == "segment"
    todo = [key for key in results.by_segment() if key in results.to_review()]
    walked = []
    for _ in todo:
        ranked.ui.nextButton.click()
        walked.append(ranked.results.current)
    assert walked == todo
    segments = [segment for segment, _ in walked]
    assert segments == sorted(segments, key=segments.index), "no segment comes twice"
    assert all(results.slice(key).predicted_dice < 0.7 for key in walked)


def test_a_walk_that_is_at_its_end_says_so(ranked):
    ranked.ui.walkCombo.setCurrentIndex(1)
    for segment_id in ranked.session.results.segments:
        ranked.results.choose_segment(segment_id)
        ranked.ui.segmentScope.checked = True
        ranked.ui.acceptButton.click()
    ranked.ui.nextButton.click()
    assert "all weak, poor and missing slices are reviewed" in ranked.messages.text.lower()


@pytest.mark.parametrize("button", ["acceptButton", "needsWorkButton"])
def test_a_mark_on_a_whole_segment_passes_over_its_slices_and_does_not_stick(ranked, button):
    ranked.ui.nextButton.click()
    segment = ranked.results.segment
    ranked.ui.segmentScope.checked = True
    getattr(ranked.ui, button).click()
    assert ranked.reviews.of(segment, None) is not None
    assert ranked.results.segment != segment
    assert ranked.ui.sliceScope.checked, "the next mark is on a slice again"
    for _ in range(6):
        ranked.ui.nextButton.click()
        assert ranked.results.segment != segment


def test_whole_segment_is_a_choice_for_one_segment(ranked):
    ranked.results.choose_segment("spleen")
    ranked.ui.segmentScope.checked = True
    ranked.results.choose_segment("aorta")
    assert ranked.ui.sliceScope.checked


def test_progress_counts_what_needs_review(ranked):
    results = ranked.session.results
    total = len(results.to_review())
    assert total == results.count_below()[0] and 1 < total < results.count_below()[1]
    assert ranked.ui.reviewInfo.text == f"0 of {total} weak, poor or missing slices are reviewed."
    ranked.ui.nextButton.click()
    ranked.ui.advanceCheckBox.checked = False
    ranked.ui.needsWorkButton.click()
    assert f"1 of {total} weak, poor or missing slices are reviewed. 1 mark says: needs work." in (
        ranked.ui.reviewInfo.text
    )
    good = next(key for key in results.all_slices() if key not in results.to_review())
    ranked.context.go(good)
    ranked.ui.acceptButton.click()
    assert f"1 of {total} weak" in ranked.ui.reviewInfo.text


def show_slice(panel, index):
    """As with the wheel of the mouse in the axial view."""
    import slicer

    z = float(panel.session.grid.world(np.array([0, 0, index]))[2])
    slicer.app.layoutManager().sliceWidget("Red").sliceLogic().SetSliceOffset(z)


def test_a_slice_says_what_it_is_like_or_why_it_has_no_colour(ranked, bed, masks, ct):
    ranked.results.choose_segment("gallbladder")
    scored = ranked.session.results.slices("gallbladder")
    label = ranked.ui.stripLabel
    one = scored[2]
    show_slice(ranked, one.slice)
    word = ranked.context.style.key(one.predicted_dice)
    assert label.text.endswith(f"Slice {one.slice}: {word}, predicted Dice {one.predicted_dice:.2f}.")
    empty = next(n for n in range(30) if n not in {row.slice for row in scored})
    show_slice(ranked, empty)
    assert label.text.endswith(f"Slice {empty}: no mask.")
    paint_out(masks, "gallbladder", ct, [one.slice])
    ranked.check_edits()
    show_slice(ranked, one.slice)
    assert label.text.endswith("edited since it was scored.")


def test_a_slice_that_was_left_out_says_that_it_was_not_scored(loaded, bed, finish):
    loaded.parameters.tenSlices = True
    loaded.ui.rankButton.click()
    finish(loaded)
    loaded.results.choose_segment("spleen")
    scored = {row.slice for row in loaded.session.results.slices("spleen")}
    mask = loaded.session.masks["spleen"].full_mask()
    left = next(n for n in np.flatnonzero(mask.any(axis=(1, 2))).tolist() if n not in scored)
    show_slice(loaded, left)
    assert loaded.ui.stripLabel.text.endswith(f"Slice {left}: not scored.")
