"""Verdicts as a table, a row per mask."""

from __future__ import annotations

from collections.abc import Sequence

from segae.verdict.verdict import OrganVerdict

COLUMNS = (
    "segment", "structure_index", "structure", "verdict", "interval_low", "interval_high", "volume_dice",
    "mean", "area_weighted_mean", "worst", "worst_slice", "poor_share", "n_slices", "missing_slices",
    "n_voxels", "reasons",
)  # fmt: skip


def verdict_table(verdicts: Sequence[OrganVerdict], case: str) -> tuple[list[str], list[list[object]]]:
    """Column names and rows for `write_table`, in the order given; empty ("") where there is no number."""
    rows = [[case, one.dice if one.is_ranked else "", *verdict_values(one)] for one in verdicts]
    return ["case", "predicted_dice", *COLUMNS], rows


def verdict_values(one: OrganVerdict) -> list[object]:
    """The values of one verdict in the order of `COLUMNS`; `missing_slices` are indices parted by spaces."""
    scores = one.scores
    numbers = (scores.mean, scores.area_weighted_mean, scores.worst, scores.worst_slice, scores.poor_share)
    return [
        one.segment,
        one.structure_index,
        one.structure,
        one.verdict,
        _cell(one.interval_low),
        _cell(one.interval_high),
        _cell(one.volume_dice),
        *(["" for _ in numbers] if scores.is_empty else numbers),
        scores.n_slices,
        " ".join(map(str, one.missing_slices)),
        one.n_voxels,
        " ".join(one.reasons),
    ]


def _cell(value: float | None) -> object:
    return "" if value is None else value
