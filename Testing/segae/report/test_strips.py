"""The strips: every segment and every slice is there, in the order that is asked for."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from flat_rows import FlatRow
from matplotlib.collections import PolyCollection
from matplotlib.image import imread
from matplotlib.text import Text

from segae.errors import InputError
from segae.report.strips import draw_strips, strips_figure
from segae.results.review_order import ordered_segments


def _texts(figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(Text)]


def _labels(figure) -> list[str]:
    return [label.get_text() for label in figure.axes[0].get_yticklabels()]


@pytest.mark.parametrize("order", ["review", "dice"])
def test_the_first_segment_of_the_order_is_on_top(report, order):
    shown = [label.split(" (")[0] for label in _labels(strips_figure(report, order=order))]
    assert shown == [one.segment for one in ordered_segments(report.scored, order)]


def test_every_slice_has_a_bar_as_high_as_its_predicted_dice(report, rows):
    _, bars = strips_figure(report).axes[0].findobj(PolyCollection)
    heights = sorted(np.ptp(np.asarray(path.vertices)[:, 1]) for path in bars.get_paths())
    expected = sorted(0.86 * max(row.result.predicted_dice, 0.04) for row in rows)
    assert heights == pytest.approx(expected)


def test_the_masks_without_a_score_are_named(report):
    assert any(text == "Without a scored slice (1): brain" for text in _texts(strips_figure(report)))


@pytest.mark.parametrize("direction", [1, -1])
def test_millimetres_stand_beside_slice_indices_and_say_which_end_is_superior(report_with, rows, direction):
    turned = [replace(row, z=direction * row.z) for row in rows]
    figure = strips_figure(report_with(turned))
    figure.canvas.draw()
    (upper,) = figure.axes[0].child_axes
    for row in (turned[0], turned[-1]):
        place = upper.transData.transform((row.z, 0))[0]
        assert place == pytest.approx(figure.axes[0].transData.transform((row.slice, 0))[0])
    assert upper.get_xlabel().rstrip().endswith("superior" if direction > 0 else "inferior")


def test_a_single_slice_can_be_drawn(report_with, rows, tmp_path):
    path = draw_strips(report_with(rows[:1]), tmp_path / "s.png")
    assert imread(path).shape[1] == 1320


def test_eighty_segments_keep_readable_rows(report_with):
    rows = tuple(
        FlatRow(f"structure {m} with a long name of its own", m, "", k, 0, 0, 1.5 * k, 9, (m + k) / 400)
        for m in range(80)
        for k in range(200)
    )
    figure = strips_figure(report_with(rows, extents=()))
    figure.canvas.draw()
    boxes = [label.get_window_extent() for label in figure.axes[0].get_yticklabels()]
    assert len(boxes) == 80
    assert not any(a.overlaps(b) for a, b in pairwise(boxes))
    assert min(box.x0 for box in boxes) >= 0
    assert min(float(label.get_fontsize()) for label in figure.axes[0].get_yticklabels()) >= 9


def test_the_model_is_named_and_odd_names_are_drawn(report_with, rows, tmp_path):
    odd = replace(rows[0], segment="$x^$ \n[b]", structure="")
    figure = strips_figure(report_with([odd]))
    assert "model starter" in _texts(figure)
    assert _labels(figure) == ["$x^$ [b]"]
    assert draw_strips(report_with([odd]), tmp_path / "s.png").is_file()


def test_without_scores_nothing_is_drawn(report_with, tmp_path):
    with pytest.raises(InputError, match="No slice of s0001 was scored"):
        draw_strips(report_with([]), tmp_path / "s.png")
    assert list(tmp_path.iterdir()) == []
