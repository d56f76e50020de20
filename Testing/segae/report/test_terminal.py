"""The ranking in the terminal."""

from __future__ import annotations

import io
import re
from dataclasses import replace

import pytest
from flat_rows import FlatRow, report_from_rows, slices
from rich.cells import cell_len
from rich.console import Console

from segae.report.terminal import ranking_view
from segae.results.columns import dice_text, share_text, volume_text
from segae.results.review_order import ordered_segments


def _printed(table, width: int) -> list[str]:
    console = Console(width=width, file=io.StringIO())
    console.print(table)
    file = console.file
    assert isinstance(file, io.StringIO)
    return [line.rstrip() for line in file.getvalue().splitlines()]


def test_by_dice_the_lowest_segment_comes_first_with_all_its_figures(report):
    lines = _printed(ranking_view(report, width=120, order="dice"), 120)
    worst = ordered_segments(report.scored, "dice")[0]
    first = next(line for line in lines if "█" in line)
    assert first.startswith("rib_left_11 (costa 11 left)  ")
    numbers = [dice_text(worst.predicted_dice or 0), dice_text(worst.lowest or 0), str(worst.n_slices)]
    numbers += [
        volume_text(worst.wrong_ml),
        "ml",
        str(worst.lowest_slice),
        share_text(worst.below_threshold or 0),
    ]
    shown = re.sub("[█▏▎▍▌▋▊▉]", "", first).split()[4:]
    assert shown[0] == "poor" and sorted(shown[1:]) == sorted(numbers)


def test_in_review_order_the_largest_wrong_volume_among_those_that_need_review_comes_first(report):
    table = ranking_view(report, width=120)
    assert "to review, then the rest" in str(table.title)
    assert "largest expected error first" in str(table.title)
    names = [line.split()[0] for line in _printed(table, 120) if "█" in line]
    expected = [one.segment for one in ordered_segments(report.scored, "review")]
    assert [name.split("_")[0] for name in names] == [re.split(r"[_ ]", name)[0] for name in expected]


@pytest.mark.parametrize("width", [80, 100, 120])
def test_every_column_fits_and_no_heading_is_cut(report, width):
    for one in (_dense(report), _long_names(_dense(report))):
        lines = _printed(ranking_view(one, width=width), width)
        assert max(cell_len(line) for line in lines) <= width
        heading = next(line for line in lines if "structure" in line).split()
        shown = [word for word in heading if word not in ("worst", "slices", "below", "0.7")]
        assert shown == ["structure", "verdict", "Dice", "90%", "wrong", "at", "k", "missed"]


def test_wide_terminals_show_more(report):
    def shown(width: int) -> tuple[bool, ...]:
        text = "\n".join(_printed(ranking_view(_dense(report), width=width), width))
        return tuple(word in text for word in ("below 0.7", "█", "slices"))

    assert (shown(80), shown(130)) == ((False,) * 3, (True,) * 3)


@pytest.mark.parametrize("width", [80, 120])
def test_names_are_whole_also_in_a_narrow_table(report, width):
    text = "\n".join(_printed(ranking_view(_dense(report), width=width), width))
    for one in report.scored:
        assert one.segment in text or one.structure in text
    assert "(costa 11 left)" in text
    assert "…" not in text


def test_verdict_interval_and_missing_slices_stand_in_the_row(report):
    lines = _printed(ranking_view(_dense(report)), 80)
    liver = next(line for line in lines if line.startswith("liver ")).split()
    assert liver[:4] == ["liver", "missing", "parts", "0.85"]
    assert liver[4] == "0.60-0.95"
    assert liver[-1] == "2"
    spleen = next(line for line in lines if line.startswith("spleen "))
    assert "fine" in spleen
    assert lines.index(next(line for line in lines if line.startswith("liver "))) < lines.index(spleen)


def test_an_organ_without_mask_is_listed_and_others_are_counted(report_with, rows):
    found = [
        FlatRow("brain", 25, "brain", k, 0.0, 0.0, 3.0 * k, organ_mm2=900.0, presence=0.98) for k in (5, 6)
    ]
    lines = _printed(ranking_view(report_with([*rows, *found])), 80)
    brain = next(line for line in lines if line.startswith("brain "))
    assert " ".join(brain.split()) == "brain empty but present 0.00 5.4 ml 2"
    assert "without a scored slice" not in "\n".join(lines)


def _dense(report):
    """As if the model had areas, intervals for organs, and had found more of the liver."""
    rows = [
        replace(r, overlap_mm2=0.85 * r.area_mm2, organ_mm2=r.area_mm2, interval_low=0.1, interval_high=0.9)
        for r in slices(report)
    ]
    top = max(row.slice for row in rows if row.segment == "liver")
    more = [
        FlatRow(
            "liver", 13, "liver", top + n, 0.0, 0.0, 999.0, organ_mm2=9000.0, thickness_mm=60.0, presence=0.9
        )
        for n in (1, 2)
    ]  # fmt: skip
    judged = report_from_rows([*rows, *more], report.segments)
    segments = (
        replace(one, predicted_dice=0.85, interval_low=0.6, interval_high=0.95) if one.is_scored else one
        for one in judged.segments
    )
    return replace(judged, segments=tuple(segments))


def _long_names(report):
    renamed = (replace(one, segment=one.segment + "_x" * 40) for one in report.segments)
    return replace(report, segments=tuple(renamed))


def test_what_is_not_listed_is_said(report):
    text = "\n".join(_printed(ranking_view(report, limit=3), 120))
    assert "4 more structures not shown" in text
    assert "1 mask without a scored slice: brain" in text
    assert "model starter" in text


def test_names_are_not_taken_for_markup(report_with, rows):
    odd = report_with([replace(rows[0], segment="[bold]a", structure="")], case="[red]x")
    text = "\n".join(_printed(ranking_view(odd), 100))
    assert "[red]x" in text
    assert "[bold]a" in text
