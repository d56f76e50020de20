"""Two segmentations of one CT side by side: which organ is better in which."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from segae.errors import InputError
from segae.results.types import CaseReport, SegmentResult
from SegAELib.app.binding import _, qt
from SegAELib.app.context import Context
from SegAELib.app.messages import counted
from SegAELib.app.score_style import number
from SegAELib.app.table_widgets import prepare, text_item
from SegAELib.mrml.binding import SegmentationNode
from SegAELib.mrml.results_table import VOLUME_ROLE, find_results, read_results

SAME = 0.02  # predicted Dice; a smaller difference says nothing
ORGAN, FIRST, SECOND, BETTER = range(4)  # columns


@dataclass(frozen=True)
class OrganPair:
    """What two segmentations have of one organ; None where one has no scored segment of it."""

    organ: str
    first: SegmentResult | None
    second: SegmentResult | None

    @property
    def gain(self) -> float:
        """By how much the first is better, in predicted Dice; an organ of one only counts from 0."""
        dice = [0.0 if one is None else one.predicted_dice or 0.0 for one in (self.first, self.second)]
        return dice[0] - dice[1]


def paired(first: Iterable[SegmentResult], second: Iterable[SegmentResult]) -> list[OrganPair]:
    """Segments of two segmentations by organ, those that differ most first. Of several segments of one organ
    the better one counts, as for a segmentation that has it in parts nothing can be said."""
    sides = [_by_organ(first), _by_organ(second)]
    organs = dict.fromkeys((*sides[0], *sides[1]))
    pairs = [OrganPair(organ, sides[0].get(organ), sides[1].get(organ)) for organ in organs]
    return sorted(pairs, key=lambda pair: -abs(pair.gain))


def _by_organ(segments: Iterable[SegmentResult]) -> dict[str, SegmentResult]:
    found: dict[str, SegmentResult] = {}
    for one in segments:
        organ = one.structure or one.segment
        best = found.get(organ)
        if one.is_scored and (best is None or (one.predicted_dice or 0.0) > (best.predicted_dice or 0.0)):
            found[organ] = one
    return found


class CompareSection:
    """Compares the chosen segmentation with another one, whose scores the scene holds."""

    def attach(self, context: Context) -> None:
        self._context, self._ui = context, context.ui
        self._shown: tuple[object, ...] = ()
        ui = context.ui
        prepare(ui.compareTable, [_("Organ"), "", "", _("Better in")], BETTER)
        ui.compareSection.connect("contentsCollapsed(bool)", self._changed)
        ui.otherSelector.connect("currentNodeChanged(vtkMRMLNode*)", self._changed)
        ui.compareTable.connect("itemSelectionChanged()", self._row_chosen)

    def refresh(self) -> None:
        """Compare anew when scores or nodes are others now."""
        context, ui = self._context, self._ui
        if ui.compareSection.collapsed:
            self._shown = ()
            return
        results, other = context.results, ui.otherSelector.currentNode()
        table = None if other is None or other.GetScene() is None else find_results(other)
        time = None if table is None else table.GetMTime()
        shown = (id(results), results and results.revision, other, time)
        if shown != self._shown:
            self._shown = shown
            try:
                self._show(other)
            except InputError as error:
                self._say(str(error))

    def detach(self) -> None:
        """Nothing stays behind."""

    def _show(self, other: SegmentationNode | None) -> None:
        session, results = self._context.session, self._context.results
        if session is None or results is None:
            self._say(_("Rank the segments first."))
        elif other is None or other is session.segmentation:
            self._say(_("Choose another segmentation of the same CT."))
        elif (table := find_results(other)) is None:
            text = _('"{name}" has no scores yet: choose it above, rank it, and come back.')
            self._say(text.format(name=other.GetName()))
        elif table.GetNodeReference(VOLUME_ROLE) not in (None, session.volume):
            text = _('"{name}" was scored on another CT; choose another segmentation.')
            self._say(text.format(name=other.GetName()))
        else:
            here, there = results.whole_report(), read_results(table).report
            if here.model.sha256 != there.model.sha256:
                text = _('"{name}" was ranked with the other model {model}; rank one of both again.')
                self._say(text.format(name=other.GetName(), model=there.model.name))
            else:
                self._fill(session.segmentation.GetName(), here, other.GetName(), there)

    def _fill(self, first: str, here: CaseReport, second: str, there: CaseReport) -> None:
        ui, table = self._ui, self._ui.compareTable
        pairs = paired(here.segments, there.segments)
        table.setHorizontalHeaderLabels([_("Organ"), first, second, _("Better in")])
        table.setRowCount(len(pairs))
        for row, pair in enumerate(pairs):
            dice = [
                "\u2013" if one is None else number(one.predicted_dice or 0.0)
                for one in (pair.first, pair.second)
            ]
            for column, text in enumerate((pair.organ, *dice, _better(pair, first, second))):
                key = self._segment_id(pair.first) if column == ORGAN else ""
                table.setItem(row, column, text_item(text, text, key))
        for column in (ORGAN, FIRST, SECOND):
            table.resizeColumnToContents(column)
        table.setVisible(True)
        wins = [
            sum(
                pair.first is not None and pair.second is not None and sign * pair.gain >= SAME
                for pair in pairs
            )
            for sign in (1, -1)
        ]
        common = sum(pair.first is not None and pair.second is not None for pair in pairs)
        both = counted(common, _("{count} organ is in both"), _("{count} organs are in both"))
        text = _("{both}. Better in {name}: {first}, in {other}: {second}.")
        ui.compareInfo.text = text.format(both=both, name=first, first=wins[0], other=second, second=wins[1])

    def _segment_id(self, result: SegmentResult | None) -> str:
        results = self._context.results
        segments = {} if results is None else results.segments
        return next(
            (i for i, one in segments.items() if result is not None and one.segment == result.segment), ""
        )

    def _say(self, text: str) -> None:
        self._ui.compareInfo.text = text
        self._ui.compareTable.setVisible(False)

    def _row_chosen(self) -> None:
        """Go to the organ in the chosen segmentation."""
        table = self._ui.compareTable
        item = table.item(table.currentRow(), ORGAN)
        segment_id = None if item is None else item.data(qt.Qt.UserRole)
        if segment_id:
            self._context.go_to_segment(segment_id)

    def _changed(self, *_unused: object) -> None:
        self._context.changed()


def _better(pair: OrganPair, first: str, second: str) -> str:
    if pair.first is None or pair.second is None:
        return _("only in {name}").format(name=second if pair.first is None else first)
    if abs(pair.gain) < SAME:
        return _("about the same")
    gain = f"{abs(pair.gain):.2f}"
    return _("{name} (by {gain})").format(name=first if pair.gain > 0 else second, gain=gain)
