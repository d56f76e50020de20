"""Colours, windows and names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segae.report.style import (
    BONE,
    BRAIN,
    COLOURS,
    LUNG,
    SOFT_TISSUE,
    bin_text,
    colour,
    one_line,
    organ_name,
    shorten,
    window,
)
from segae.results.bins import BIN_NAMES, ScoreBins


@pytest.mark.parametrize(
    ("dice", "expected"), [(0, 0), (0.49, 0), (0.5, 1), (0.69, 1), (0.7, 2), (0.84, 2), (0.85, 3), (1, 3)]
)
def test_a_dice_has_the_colour_of_its_bin(dice, expected):
    assert ScoreBins().name(dice) == BIN_NAMES[expected]
    assert colour(dice, "safe") == COLOURS["safe"][expected]


def test_the_legend_says_where_a_bin_begins_and_ends():
    assert [bin_text(*ends) for ends in ScoreBins().ranges] == [
        "below 0.50", "0.50-0.70", "0.70-0.85", "from 0.85",
    ]  # fmt: skip


def test_every_bin_has_a_name_and_its_own_colour_in_both_palettes():
    for colours in COLOURS.values():
        assert len(set(colours)) == len(BIN_NAMES) == 4


def test_the_safe_colours_stay_apart_for_people_who_lack_one_kind_of_cone():
    """Vienot, Brettel and Mollon 1999: linear RGB as a person without L or M cones sees it."""
    blind = [
        ((0.11238, 0.88762, 0.0), (0.11238, 0.88762, 0.0), (0.00401, -0.00401, 1.0)),
        ((0.29275, 0.70725, 0.0), (0.29275, 0.70725, 0.0), (-0.02234, 0.02234, 1.0)),
    ]
    for matrix in blind:
        seen = [_seen(hexa, matrix) for hexa in COLOURS["safe"]]
        distances = [_distance(a, b) for n, a in enumerate(seen) for b in seen[:n]]
        assert min(distances) > 0.2


@pytest.mark.parametrize(
    ("structure", "expected"),
    [
        ("liver", SOFT_TISSUE), ("lung upper lobe left", LUNG), ("costa 7 left", BONE), ("hip right", BONE),
        ("brain", BRAIN), ("gonads", SOFT_TISSUE), ("", SOFT_TISSUE),
    ],
)  # fmt: skip
def test_the_window_suits_the_structure(structure, expected):
    assert window(structure) == expected


def test_a_name_that_reads_like_its_structure_is_said_once():
    assert organ_name("kidney_left", "kidney left") == "kidney_left"
    assert organ_name("Left Kidney", "kidney left") == "Left Kidney"
    assert organ_name("rib_left_1", "costa 1 left") == "rib_left_1 (costa 1 left)"
    assert organ_name("a\nb", "") == "a b"


@given(st.text(), st.integers(1, 40))
def test_a_shortened_name_fits_and_keeps_both_ends(text, width):
    short = shorten(text, width)
    assert len(short) <= width
    assert short == text or (short.startswith(text[: (width - 1) // 2]) and "…" in short)


@given(st.text())
def test_a_name_on_one_line_has_no_control_characters(text):
    assert one_line(text).isprintable()


def _seen(hexa: str, matrix) -> list[float]:
    rgb = [(int(hexa[n : n + 2], 16) / 255) ** 2.2 for n in (1, 3, 5)]
    return [max(sum(w * c for w, c in zip(row, rgb, strict=True)), 0.0) ** (1 / 2.2) for row in matrix]


def _distance(a: list[float], b: list[float]) -> float:
    return sum((x - y) ** 2 for x, y in zip(a, b, strict=True)) ** 0.5
