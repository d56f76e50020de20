"""Files that version 0.1 wrote are still read.

Those under Testing/data/v0_1 come from that version: `calibrated.*` from the bundled model, whose scores it
calibrated and whose raw ones it did not keep, `raw.csv` from a model without calibration; `said.json` holds
what version 0.1 itself said of them.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from flat_rows import slices

from segae.results.files import read_report, write_report
from segae.results.tables import rank

FOLDER = Path(__file__).parents[2] / "data" / "v0_1"
SAID = json.loads((FOLDER / "said.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("ending", [".csv", ".json", ".parquet"])
def test_the_score_of_a_calibrated_model_is_read_as_predicted_dice_and_the_raw_one_is_unknown(ending):
    report = read_report(FOLDER / f"calibrated{ending}")
    rows = slices(report)
    assert len(rows) == 27 and {row.raw_score for row in rows} == {None}
    assert all(row.interval_low <= row.predicted_dice <= row.interval_high for row in rows)
    assert {row.thickness_mm for row in rows} == {3.0}
    for segment in report.segments:
        said = SAID["calibrated"][segment.segment]
        assert (segment.verdict, list(segment.missing_slices)) == (said["verdict"], said["missing"])
        assert segment.predicted_dice == said["volume_dice"]
        if segment.is_scored:
            assert segment.mean == pytest.approx(said["mean"], abs=1e-12)
            assert segment.lowest_slice == said["worst_slice"]
            assert segment.wrong_ml > 0
            assert segment.raw_dice is not None


def test_the_formats_hold_the_same():
    one, *others = (read_report(FOLDER / f"calibrated{ending}") for ending in (".csv", ".json", ".parquet"))
    assert all(other == one for other in others)


def test_the_score_of_a_model_without_calibration_is_the_raw_one():
    report = read_report(FOLDER / "raw.csv")
    for row in slices(report):
        assert row.predicted_dice == min(max(row.raw_score, 0.0), 1.0)
    for segment in report.segments:
        said = SAID["raw"][segment.segment]
        assert segment.verdict == said["verdict"]
        assert (segment.raw_dice or 0.0) == pytest.approx(said["score"], abs=1e-12)


def test_what_was_searched_is_read_too():
    report = read_report(FOLDER / "calibrated.csv")
    heart = next(segment for segment in report.segments if segment.segment == "heart")
    assert len(heart.searched) == 7 and all(0 <= (one.presence or 0) <= 1 for one in heart.searched)


def test_they_can_be_ranked_and_written_anew(tmp_path):
    report = read_report(FOLDER / "calibrated.json")
    assert rank(report, "structure", "dice")[0].segment.segment == "adrenal_gland_left"
    assert read_report(write_report(report, tmp_path / "new.csv")) == report
