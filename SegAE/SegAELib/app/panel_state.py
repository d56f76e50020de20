"""What can be pressed now, and what is said where nothing can be shown."""

from __future__ import annotations

from SegAELib.app.binding import Ui, _
from SegAELib.app.segment_table import OrganTable
from SegAELib.app.session import Session


def show_state(
    ui: Ui, session: Session | None, table: OrganTable, segment: str | None, running: bool
) -> None:
    """`segment`: the chosen one of the ranking."""
    obstacle = _obstacle(session, table)
    ui.rankButton.enabled = not running and not obstacle
    ui.rankButton.toolTip = obstacle or _("Predict the Dice of every slice of the checked segments.")
    ui.rankOneButton.enabled = not running and segment is not None
    ui.whereButton.enabled = not running and segment is not None
    ui.checkNamesButton.enabled = not running and not obstacle
    ui.editButton.enabled = segment is not None
    _show_changes(ui, session, running)
    _show_notes(ui, session)
    scored = session is not None and bool(session.shown)
    ui.emptyLabel.setVisible(not scored)
    ui.emptyLabel.text = (
        _("Scoring...") if running else obstacle or _("No scores yet. Press Rank segments by quality.")
    )


def _show_changes(ui: Ui, session: Session | None, running: bool) -> None:
    changes = session.results.changes if session is not None and session.results is not None else {}
    slices = sum(len(change.rescore) + len(change.removed) for change in changes.values())
    ui.rescoreButton.setVisible(bool(changes))
    ui.rescoreButton.enabled = not running
    ui.rescoreButton.text = _("Re-score {count} changed slices").format(count=slices)


def _show_notes(ui: Ui, session: Session | None) -> None:
    """What the preflight had to say."""
    findings = session.shown.report.findings if session is not None and session.shown is not None else ()
    notes = [finding.message for finding in findings if finding.severity != "info"]
    ui.notesBox.setVisible(bool(notes))
    ui.notesLabel.text = "\n".join(notes)


def _obstacle(session: Session | None, table: OrganTable) -> str:
    """Why ranking cannot begin, "" when it can."""
    if session is None:
        return _("Choose a segmentation and its CT above.")
    if not table.checked:
        return _("Check at least one segment above.")
    if len(table.unclear) == len(table.checked):
        return _("Choose the organ of at least one checked segment above.")
    return ""
