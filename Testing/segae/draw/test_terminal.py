"""The ranking in the terminal."""

from __future__ import annotations

import io
import re
from dataclasses import replace

import pytest
from rich.cells import cell_len
from rich.console import Console

from segae.report.terminal import ranking_view
from segae.results.ranking import worst_first
from segae.results.types import SearchedSlice


def _printed(table, width: int) -> list[str]:
    console = Console(width=width, file=io.StringIO())
    console.print(table)
    file = console.file
    assert isinstance(file, io.StringIO)
    return [line.rstrip() for line in file.getvalue().splitlines()]


def test_the_worst_structure_comes_first_with_all_its_figures(report):
    lines = _printed(ranking_view(report, width=120), 120)
    worst = worst_first(report)[0]
    first = next(line for line in lines if "█" in line)
    assert first.startswith("rib_left_11 (costa 11 left)  ")
    numbers = [f"{worst.mean:.2f}", f"{worst.worst:.2f}", str(worst.worst_slice)]
    numbers += [f"{worst.poor_share:.0%}", str(worst.n_slices)]
    assert re.sub("[█▏▎▍▌▋▊▉]", "", first).split()[-6:] == ["poor", *numbers]


@pytest.mark.parametrize("width", [80, 100, 120])
def test_every_column_fits_and_no_heading_is_cut(report, width):
    for one in (_dense(report), _long_names(_dense(report))):
        lines = _printed(ranking_view(one, width=width), width)
        assert max(cell_len(line) for line in lines) <= width
        heading = next(line for line in lines if "structure" in line).split()
        assert heading[:9] == ["structure", "verdict", "Dice", "90", "%", "worst", "at", "k", "missed"]


def test_wide_terminals_show_more(report):
    def shown(width: int) -> tuple[bool, ...]:
        text = "\n".join(_printed(ranking_view(_dense(report), width=width), width))
        return tuple(word in text for word in ("below 0.7", "█", "  slices"))

    assert (shown(80), shown(120)) == ((False,) * 3, (True,) * 3)


@pytest.mark.parametrize("width", [80, 120])
def test_names_are_whole_also_in_a_narrow_table(report, width):
    text = "\n".join(_printed(ranking_view(_dense(report), width=width), width))
    for one in report.structures():
        assert one.is_empty or (one.segment in text or one.structure in text)
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


def test_an_organ_without_mask_is_listed_and_others_are_counted(report):
    found = [SearchedSlice("brain", 25, "brain", k, 0.0, 0.0, 3.0 * k, 3.0, 900.0, 0.98) for k in (5, 6)]
    lines = _printed(ranking_view(replace(report, searched=tuple(found))), 80)
    brain = next(line for line in lines if line.startswith("brain "))
    assert " ".join(brain.split()) == "brain empty but present 0.00 2"
    assert "without a scored slice" not in "\n".join(lines)


def _dense(report):
    """As if the model had areas, intervals for organs, and had found more of the liver."""
    rows = tuple(replace(r, overlap_mm2=0.85 * r.area_mm2, organ_mm2=r.area_mm2) for r in report.slices)
    segments = tuple(
        replace(s, volume_dice=0.85, interval_low=0.6, interval_high=0.95) for s in report.segments
    )
    top = max(row.slice for row in rows if row.segment == "liver")
    more = [SearchedSlice("liver", 13, "liver", top + n, 0.0, 0.0, 999.0, 60.0, 9000.0, 0.9) for n in (1, 2)]
    return replace(report, slices=rows, segments=segments, searched=tuple(more), slice_mm=3.0)


def _long_names(report):
    def renamed(rows):
        return tuple(replace(row, segment=row.segment + "_x" * 40) for row in rows)

    return replace(
        report,
        slices=renamed(report.slices),
        segments=renamed(report.segments),
        searched=renamed(report.searched),
    )


def test_what_is_not_listed_is_said(report):
    text = "\n".join(_printed(ranking_view(report, limit=3), 120))
    assert "4 better structures not shown" in text
    assert "1 mask without a scored slice: brain" in text
    assert "starter (demonstration model)" in text


def test_names_are_not_taken_for_markup(report):
    odd = replace(report, case="[red]x", slices=(replace(report.slices[0], segment="[bold]a", structure=""),))
    text = "\n".join(_printed(ranking_view(odd), 100))
    assert "[red]x" in text
    assert "[bold]a" in text
