"""The ranking in the terminal."""

from __future__ import annotations

import io
import re
from dataclasses import replace

import pytest
from rich.cells import cell_len
from rich.console import Console

from segae.draw.terminal import ranking_view
from segae.report.ranking import worst_first


def _printed(table, width: int) -> list[str]:
    console = Console(width=width, file=io.StringIO())
    console.print(table)
    file = console.file
    assert isinstance(file, io.StringIO)
    return [line.rstrip() for line in file.getvalue().splitlines()]


def test_the_worst_structure_comes_first_with_all_its_figures(report):
    lines = _printed(ranking_view(report), 120)
    worst = worst_first(report)[0]
    first = next(line for line in lines if "rib_left_11" in line)
    assert first == next(line for line in lines if "█" in line)
    numbers = [f"{worst.mean:.2f}", f"{worst.worst:.2f}", str(worst.worst_slice)]
    numbers += [f"{worst.poor_share:.0%}", str(worst.n_slices)]
    assert re.sub("[█▏▎▍▌▋▊▉]", "", first).split()[-5:] == numbers


@pytest.mark.parametrize("width", [80, 120])
def test_every_column_fits(report, width):
    renamed = tuple(replace(row, segment=row.segment + "_x" * 40) for row in report.slices)
    long = replace(report, slices=renamed)
    lines = _printed(ranking_view(long), width)
    assert max(cell_len(line) for line in lines) <= width
    heading = next(line for line in lines if "structure" in line)
    for name in ("mean", "worst", "at k", "below 0.7", "slices"):
        assert name in heading
    assert sum("█" in line for line in lines) == 7


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
