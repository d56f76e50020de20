"""Scores and marks as files."""

from __future__ import annotations

from pathlib import Path

from segae.results.files import write_report, write_table
from segae.results.review_order import Order
from segae.results.tables import segment_table
from segae.results.types import CaseReport
from SegAELib.app.binding import Widget, _, qt
from SegAELib.app.messages import MessageBar
from SegAELib.app.review_section import Reviews


def export_scores(parent: Widget, messages: MessageBar, report: CaseReport, order: Order) -> None:
    """Ask for a file, and write the report as CSV, in the form of `segae score`, and the verdicts on whole
    segments beside it."""
    path = _csv_path(parent, _("Export scores"), "scores.csv")
    if path is not None:
        organs = path.with_name(f"{path.stem}-segments.csv")
        with messages.telling():
            write_report(report, path)
            write_table(*segment_table(report, order), organs)
            messages.info(
                _("Scores of slices are in {path}, verdicts on segments in {organs}.").format(
                    path=path, organs=organs
                )
            )


def export_review(parent: Widget, messages: MessageBar, reviews: Reviews) -> None:
    """Ask for a file, and write the marks as CSV."""
    path = _csv_path(parent, _("Export review"), "review.csv")
    if path is not None:
        with messages.telling():
            reviews.export(path)
            messages.info(_("Marks are in {path}.").format(path=path))


def _csv_path(parent: Widget, title: str, proposal: str) -> Path | None:
    path = qt.QFileDialog.getSaveFileName(parent, title, proposal, "CSV (*.csv)")
    return Path(path).with_suffix(".csv") if path else None
