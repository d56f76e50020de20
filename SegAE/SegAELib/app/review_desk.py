"""The mask that a reviewer of a worklist works on: its case in the scene, what was edited, and the log."""

from __future__ import annotations

import getpass
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from segae.batch.worklist import CORRECTED, Outcome, WorkItem, Worklist, corrected_path, review_of
from segae.data import Segmentation
from segae.errors import InputError, OutputError, SegAEError
from segae.files import reason
from segae.jobs.case_review import ReviewCase
from segae.jobs.payload import write_masks
from segae.jobs.process import ExitMessages
from segae.results.files import read_summary
from segae.results.reviews import Decision, ReviewLog
from segae.results.types import CaseReport, SegmentResult
from SegAELib.app.binding import _, slicer
from SegAELib.app.calls import Calls
from SegAELib.app.case_loader import CaseFetch, CaseLoader
from SegAELib.app.context import Context
from SegAELib.app.dependencies import missing_packages
from SegAELib.app.model_facts import ModelFacts
from SegAELib.app.worklist_reader import new_scratch
from SegAELib.mrml.case_nodes import CaseNodes, MaskEdits, same_mask
from SegAELib.mrml.scene_reader import SceneCase

SAVING = ExitMessages(
    _("Saving the masks"),
    _("close other programs and save again"),
    _("save again"),
    _("save again, and report it with the log if it stays so"),
)
SCORING = ExitMessages(
    _("Scoring the corrected masks"),
    _("close other programs; they are scored when the folder is opened the next time"),
    _("they are scored when the folder is opened the next time"),
    _("report it with the log"),
)


@dataclass(frozen=True, eq=False)
class _OpenCase:
    """A case that is in the scene."""

    fetch: CaseFetch
    content: ReviewCase
    nodes: CaseNodes

    @property
    def name(self) -> str:
        return self.fetch.case


class ReviewDesk:
    """`item`: the chosen mask. Only what was loaded here is ever removed from the scene."""

    def __init__(self, context: Context, calls: Calls) -> None:
        self._context, self._calls, self._loader = context, calls, CaseLoader(calls)
        self._open: _OpenCase | None = None
        self._since = 0.0
        self._due: set[str] = set()  # cases whose corrected masks are to be scored
        self._facts: tuple[str, ModelFacts | None] = ("", None)
        self.worklist: Worklist | None = None
        self.item: WorkItem | None = None

    # The chosen mask

    @property
    def is_shown(self) -> bool:
        """Whether the case of the chosen mask is in the scene."""
        return self.item is not None and self._case is not None and self._case.name == self.item.case

    @property
    def result(self) -> SegmentResult | None:
        """What was scored of the chosen mask, once its case is there."""
        if self.item is None or self._case is None or not self.is_shown:
            return None
        name = self.item.segment
        return next((one for one in self._case.content.report.segments if one.segment == name), None)

    @property
    def obstacle(self) -> str:
        """Why nothing can be learnt from the chosen mask as it is, "" when it can."""
        if self.item is None or self._case is None or not self.is_shown:
            return _("The case is not loaded; press Show (F5), or skip the mask.")
        told = self._case.fetch.told or {}
        if self.item.segment in told.get("changed", ()):
            text = _('"{segment}" of {case} is not the mask that was scored any more; run segae batch again.')
            return text.format(segment=self.item.segment, case=self.item.case)
        return ""

    @property
    def notes(self) -> list[str]:
        """What the reader had to say of the case."""
        return [] if self._case is None else list((self._case.fetch.told or {}).get("notes", ()))

    def edits(self) -> MaskEdits:
        """What is not saved. Raises `InputError` when it cannot be read."""
        return MaskEdits() if self._case is None else self._case.nodes.edits()

    def is_corrected(self) -> bool:
        """Whether the chosen mask is another one now than that which was scored."""
        if self.item is None or self._case is None or not self.is_shown:
            return False
        now = self._case.nodes.mask(self.item.segment)
        before = self._case.content.before.get(self.item.segment)
        return not (now is before or (now is not None and same_mask(now, before)))

    def leaves(self, item: WorkItem) -> bool:
        """Whether the case in the scene goes when a mask is opened."""
        return self._case is not None and self._case.name != item.case

    def open(self, item: WorkItem, told: Callable[[str], None]) -> None:
        """Choose a mask and show it; `told` is called with "" when it is there, else with a sentence."""
        assert self.worklist is not None
        self.item = item
        if self.is_shown:
            told(self._show())
            return
        try:
            fetch = self._loader.fetch(self.worklist, item, self._model)
        except SegAEError as error:
            told(str(error))
            return

        def over() -> None:
            if self.item is not item:  # another one was chosen meanwhile
                return
            try:
                if not self.is_shown:  # the same mask may be waited for twice
                    self._put(fetch, item)
            except SegAEError as error:
                told(str(error))
            else:
                told(self._show())

        fetch.when_over(over)

    def ahead(self) -> None:
        """Read the case of the next open mask, and let go of those that are not needed."""
        if self.worklist is None or self.item is None:
            return
        following = self.worklist.next_open(self.item)
        cases = {one.case for one in (self.item, following) if one is not None}
        if self._case is not None:
            cases.add(self._case.name)
        self._loader.keep(cases)
        if following is not None and following.case != self.item.case:
            self._loader.fetch(self.worklist, following, self._model)

    def discard(self) -> None:
        """Take the case out of the scene, with what was edited in it."""
        case, self._open = self._open, None
        if case is None:
            return
        parameters = self._context.parameters
        if parameters is not None and parameters.segmentation is case.nodes.segmentation:
            self._context.tasks.clear()  # all for this case
            parameters.segmentation = None
        case.nodes.remove()

    def close(self) -> None:
        """Let go of the list and the case, and stop reading; nodes stay with the user."""
        self._loader.keep(())
        self._open = self.item = self.worklist = None

    @property
    def _case(self) -> _OpenCase | None:
        """The case in the scene; none when the user has closed the scene or removed a node."""
        return self._open if self._open is not None and self._open.nodes.is_alive else None

    @property
    def _model(self) -> str:
        return str(self._context.parameters.model)

    def _put(self, fetch: CaseFetch, item: WorkItem) -> None:
        """Put a case into the scene in place of the last one, and take its scores from its report."""
        context, content = self._context, fetch.content()
        if context.parameters is None:
            raise InputError(_("The scene is being closed; open the mask again."))
        self.discard()
        nodes = CaseNodes(slicer.mrmlScene, content.ct, content.now.values(), item.case)
        self._open = _OpenCase(fetch, content, nodes)
        slicer.util.setSliceViewerLayers(background=nodes.volume, fit=True)
        context.parameters.segmentation, context.parameters.volume = nodes.segmentation, nodes.volume
        context.changed()
        session, ids = context.session, nodes.mask_ids
        if session is None or session.segmentation is not nodes.segmentation:
            raise InputError(_("The case could not be chosen; open the mask again."))
        scored = [one for one in content.report.segments if one.segment in content.before]
        scored = [one for one in scored if one.segment in ids]
        before = {ids[one.segment]: content.before[one.segment] for one in scored}
        unchanged = [i for i, one in before.items() if same_mask(one, content.now.get(one.name))]
        report = replace(content.report, segments=tuple(scored))
        case = SceneCase(content.ct, before, nodes.segmentation.GetName())
        session.adopt(report, case, unchanged, self._intervals(report))
        context.check_edits_soon()  # masks that were corrected before
        context.ui.inputsSection.collapsed = True

    def _show(self) -> str:
        """Go to the chosen mask; returns why it cannot be seen, or judged."""
        context = self._context
        self._since = time.monotonic()
        assert self.item is not None and self._case is not None
        segment_id = self._case.nodes.mask_ids.get(self.item.segment)
        context.segment = context.slice = None
        context.changed()
        if segment_id is None:
            text = _('{case} has no mask "{segment}" any more; skip it.')
            return text.format(case=self.item.case, segment=self.item.segment)
        context.go_to_segment(segment_id)
        if not self.obstacle and self._can_tell_where(self._case.content.report) and not missing_packages():
            context.later("where", context.show_where)
        return self.obstacle

    def _model_facts(self) -> ModelFacts | None:
        """Of the chosen model, None for one that cannot be used; whoever scores says why."""
        if self._facts[0] != self._model:
            try:
                self._facts = (self._model, ModelFacts.of(self._model))
            except (SegAEError, ModuleNotFoundError):
                self._facts = (self._model, None)
        return self._facts[1]

    def _can_tell_where(self, report: CaseReport) -> bool:
        """Whether the chosen model scored the case, and predicts what is missing and extra."""
        facts = self._model_facts()
        return facts is not None and facts.spec.predicts_areas and facts.sha256 == report.model.sha256

    def _intervals(self, report: CaseReport) -> dict[str, Any]:
        """The table of the model that scored a case, if it is the chosen one."""
        facts = self._model_facts()
        same = facts is not None and facts.sha256 == report.model.sha256
        return dict(facts.spec.intervals) if facts is not None and same else {}

    # What is decided

    def save(
        self, edits: MaskEdits, saved: Callable[[Outcome], None], failed: Callable[[str], None], note: str
    ) -> None:
        """Write the corrected masks of the case in the background; `saved` is told what that means for the
        chosen mask. Raises `OutputError` where there is no room for temporary files."""
        case, item, worklist = self._case, self.item, self.worklist
        assert case is not None and item is not None and worklist is not None
        seconds = time.monotonic() - self._since
        scratch = new_scratch()
        folder = scratch.path / "edits"
        try:
            folder.mkdir()
            write_masks(folder, Segmentation(edits.changed))
        except OSError as error:
            scratch.remove()
            sentence = _("There is no place for temporary files ({reason}); free some space and save again.")
            raise OutputError(sentence.format(reason=reason(error))) from error
        path = corrected_path(worklist.folder, case.name)

        def on_value(told: dict[str, Any]) -> None:
            scratch.remove()
            if case.nodes.is_alive:
                case.nodes.saved(edits)
            self._due.add(case.name)
            slices, name = {int(n): share for n, share in told["slices"]}, f"{CORRECTED}/{path.name}"
            saved(Outcome("corrected", seconds, note, told["dice"], slices, name))

        def on_failed(sentence: str) -> None:
            scratch.remove()
            failed(sentence)

        arguments = {
            "folder": str(case.fetch.folder), "edits": str(folder), "removed": list(edits.removed),
            "path": str(path), "segment": _segment_of(case, item), "model": self._model,
        }  # fmt: skip
        function = "segae.jobs.case_review:save_corrected"
        self._calls.start("save", function, arguments, SAVING, on_value, on_failed)

    def outcome(self, decision: Decision, note: str) -> Outcome:
        """A decision about the chosen mask as it is."""
        return Outcome(decision, time.monotonic() - self._since if self.is_shown else 0.0, note)

    def log(self, reviewer: str, outcome: Outcome) -> None:
        """Keep what was decided about the chosen mask. Raises `InputError` or `OutputError`."""
        assert self.item is not None and self.worklist is not None
        known = self._case.content.report if self._case is not None and self.is_shown else None
        report = known or read_summary(self.worklist.report_path(self.item))
        review = review_of(report, self.item.segment, reviewer.strip(), outcome)
        ReviewLog(self.worklist.folder, reviewer).append(review)
        self.worklist.add(review)

    # Corrected masks are scored again

    @property
    def is_scoring(self) -> bool:
        return "score" in self._calls

    def score_corrected(self, failed: Callable[[str], None], every: bool = False) -> None:
        """Score what was saved and has no scores yet, in the background; `every`: look at what was saved in
        earlier sessions, too."""
        worklist, context = self.worklist, self._context
        if worklist is None or context.parameters is None:
            return
        if every:
            self._due.update(worklist.corrected_cases())
        if not self._due or self.is_scoring or missing_packages():
            return
        cases, self._due = sorted(self._due), set()

        def done(problems: list[str]) -> None:
            if problems:
                failed(problems[0])
            self.score_corrected(failed)
            context.changed()

        def broken(sentence: str) -> None:
            failed(sentence)
            context.changed()

        arguments = {
            "folder": str(worklist.folder), "cases": cases, "model": self._model,
            "device": context.parameters.device, "batch_size": context.parameters.batchSize,
        }  # fmt: skip
        function = "segae.batch.runner:score_corrected"
        self._calls.start("score", function, arguments, SCORING, done, broken)


def _segment_of(case: _OpenCase, item: WorkItem) -> str:
    """The mask whose change is measured: the chosen one, or any where that is of another case."""
    same = case.name == item.case
    return item.segment if same else case.content.report.segments[0].segment


def default_reviewer() -> str:
    """The name in Slicer's user information, else that of the login, "" without one."""
    information = slicer.app.applicationLogic().GetUserInformation()
    name = "" if information is None else information.GetName() or ""
    try:
        return name.strip() or getpass.getuser()
    except (OSError, KeyError, ImportError):  # a user that the system does not know
        return ""
