"""The montage shows what the report says, and where to look first."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from flat_rows import FlatRow, report_from_rows
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgb
from matplotlib.image import imread
from matplotlib.text import Text

from segae.data import Segment
from segae.errors import InputError
from segae.report.cutout import cutout, plane_of
from segae.report.montage import draw_montage, extremes, montage_figure, shown_slices
from segae.report.slice_picture import FINE
from segae.report.style import colour
from segae.results.types import ModelIdentity


def _texts(figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(Text)]


def _row(segment: str, slice_: int, score: float, area: float = 100.0) -> FlatRow:
    return FlatRow(segment, 1, segment, slice_, 0.0, 0.0, 0.0, area, score)


def _shown(rows) -> list[tuple[str, int]]:
    return [(row.segment.segment, row.slice.slice) for row in rows]


def test_the_extremes_show_at_most_two_slices_of_a_segment():
    rows = [_row("bad", k, k / 100) for k in range(10)] + [_row(f"o{k}", k, 0.5 + k / 100) for k in range(10)]
    first, best = extremes(report_from_rows(rows), 4, "dice")
    assert _shown(first) == [("bad", 0), ("bad", 1), ("o0", 0), ("o1", 1)]
    assert _shown(best) == [("o9", 9), ("o8", 8), ("o7", 7), ("o6", 6)]


def test_in_review_order_a_large_error_goes_before_a_small_end():
    rows = [_row("end", 0, 0.1, area=4.0), _row("large", 1, 0.6, area=5000.0), _row("fine", 2, 0.99, 5000.0)]
    assert _shown(extremes(report_from_rows(rows), 2, "review")[0]) == [("large", 1), ("fine", 2)]
    assert _shown(extremes(report_from_rows(rows), 2, "dice")[0]) == [("end", 0), ("large", 1)]


def test_with_one_segment_the_extremes_are_filled_up_in_order():
    first, best = extremes(report_from_rows(_row("a", k, k / 10) for k in range(10)), 4, "dice")
    assert [k for _, k in _shown(first)] == [0, 1, 2, 3]
    assert [k for _, k in _shown(best)] == [9, 8, 7, 6]


@pytest.mark.parametrize("count", [0, 1, 2, 5])
@pytest.mark.parametrize("order", ["review", "dice"])
def test_no_slice_is_shown_twice(count, order):
    first, best = extremes(report_from_rows(_row("a", k, 0.5) for k in range(count)), 4, order)
    assert sorted(k for _, k in _shown([*first, *best])) == list(range(count))


def test_every_panel_names_organ_slice_and_predicted_dice(volume, segmentation, report):
    texts = _texts(montage_figure(volume, segmentation, report, n=4, order="dice"))
    first, best = extremes(report, 4, "dice")
    for row in [*first, *best]:
        assert f"slice k = {row.slice.slice},  predicted Dice {row.slice.predicted_dice:.2f}" in texts
    assert "rib_left_11 (costa 11 left)" in texts
    assert not any("predicted Dice 1.0" in t and "1.00" not in t for t in texts)


def test_the_contour_has_the_colour_of_the_dice_and_the_area_of_the_mask(
    volume, segmentation, report_with, rows
):
    liver = [row for row in rows if row.segment == "liver"][:1]
    figure = montage_figure(volume, segmentation, report_with(liver), n=1)
    (axes,) = figure.axes
    _, line = axes.findobj(LineCollection)
    assert to_rgb(np.atleast_2d(line.get_colors())[0]) == pytest.approx(to_rgb(colour(liver[0].raw_score)))
    # In each column of voxels the level edges come in pairs: where the mask begins and where it ends.
    edges = np.array(line.get_segments())
    level = edges[edges[:, 0, 1] == edges[:, 1, 1]]
    heights: dict[float, list[float]] = {}
    for (x0, y), (x1, _) in level:
        heights.setdefault(round((x0 + x1) / 2, 3), []).append(y)
    area = sum(3.0 * (b - a) for ys in heights.values() for a, b in zip(*[iter(sorted(ys))] * 2, strict=True))
    assert area == pytest.approx(liver[0].area_mm2)


def test_the_model_is_named(volume, segmentation, report):
    other = replace(report, model=ModelIdentity("published", "", ""))
    assert "model published" in _texts(montage_figure(volume, segmentation, other, 2))


def test_the_case_and_odd_names_are_drawn_as_they_are(volume, segmentation, report):
    odd = replace(report, case="$\\frac{a}$ [b]\n<c>")
    assert any("$\\frac{a}$ [b] <c>" in t for t in _texts(montage_figure(volume, segmentation, odd, 1)))


def test_the_picture_is_written_without_touching_pyplot(volume, segmentation, report, tmp_path):
    from matplotlib import _pylab_helpers

    path = draw_montage(volume, segmentation, replace(report, case="$"), tmp_path / "m.png", n=2)
    image = imread(path)
    assert image.shape[1] > 1000
    assert len(np.unique(image[..., :3].reshape(-1, 3), axis=0)) > 100
    assert _pylab_helpers.Gcf.figs == {}
    assert list(tmp_path.iterdir()) == [path]


def test_texts_do_not_overlap_and_stay_inside(volume, segmentation, report):
    figure = montage_figure(volume, segmentation, report, n=4)
    boxes = _boxes(figure)
    assert len(boxes) > 20
    assert [text for text, box in boxes if _leaves(box, figure.bbox)] == []
    assert _overlaps(boxes) == []


def test_without_scores_or_with_other_masks_nothing_is_drawn(
    volume, segmentation, report_with, rows, tmp_path
):
    with pytest.raises(InputError, match="No slice of s0001 was scored"):
        draw_montage(volume, segmentation, report_with([]), tmp_path / "m.png")
    foreign = report_with([replace(rows[0], segment="gone")])
    with pytest.raises(InputError, match="No mask gone"):
        draw_montage(volume, segmentation, foreign, tmp_path / "m.png")
    assert list(tmp_path.iterdir()) == []


def _boxes(figure):
    renderer = figure.canvas.get_renderer()
    texts = [text for text in figure.findobj(Text) if text.get_text().strip()]
    return [(text.get_text(), text.get_window_extent(renderer)) for text in texts]


def _leaves(box, frame) -> bool:
    return box.x0 < frame.x0 or box.x1 > frame.x1 or box.y0 < frame.y0 or box.y1 > frame.y1


def _overlaps(boxes):
    return [(a, b) for n, (a, box) in enumerate(boxes) for b, other in boxes[:n] if box.overlaps(other)]


@pytest.fixture
def shifted(segmentation):
    """Errors of each mask as if the organ lay three rows further to the front."""
    errors = {}
    for segment in segmentation.segments:
        mask = segment.full_mask()
        organ = np.roll(mask, 3, axis=1)
        parts = (organ & ~mask, mask & ~organ)
        errors[segment.name] = tuple(
            Segment.from_mask(key, segment.structure, part, segment.grid)
            for key, part in zip(("missing", "extra"), parts, strict=True)
        )
    return errors


def test_errors_are_drawn_where_they_are_missing_plain_and_extra_striped(
    volume, segmentation, report_with, rows, shifted
):
    (liver,) = [row for row in rows if row.segment == "liver"][5:6]
    figure = montage_figure(volume, segmentation, report_with([liver]), n=1, errors=shifted)
    (axes,) = figure.axes
    _, missing, extra = (np.asarray(image.get_array()) for image in axes.images)
    cut = cutout(volume, segmentation.segments[0], liver.slice)
    for picture, mask, share in ((missing, shifted["liver"][0], 1.0), (extra, shifted["liver"][1], 0.5)):
        expected = plane_of(mask, liver.slice)[cut.part]
        painted = picture[..., 3] > 0
        blocks = painted.reshape(expected.shape[0], FINE, expected.shape[1], FINE).mean(axis=(1, 3))
        assert not blocks[~expected].any() and (blocks[expected] > 0).all()
        assert blocks[expected].mean() == pytest.approx(share, abs=0.05)
    texts = _texts(figure)
    assert "missing" in texts and "extra" in texts


def test_without_errors_no_legend_speaks_of_them(volume, segmentation, report):
    assert "missing" not in _texts(montage_figure(volume, segmentation, report, n=1))


def test_the_shown_slices_are_those_of_the_panels(volume, segmentation, report):
    first, best = extremes(report, 4, "dice")
    shown = shown_slices(report, "dice", 4)
    assert sorted((name, k) for name, ks in shown.items() for k in ks) == sorted(_shown([*first, *best]))
