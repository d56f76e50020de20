"""What the sections of the panel share: the nodes that are worked on, what is chosen, and word of changes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Hashable
from dataclasses import dataclass
from typing import Any, Protocol

from segae.batch.worklist import Worklist
from segae.data import Segment
from segae.jobs.events import Failed, Result
from segae.jobs.settings import JobSettings, Task
from segae.labels.identify import Identification
from segae.results.bins import ScoreBins
from segae.results.review_order import Order
from segae.scoring.options import ScoringOptions
from SegAELib.app.binding import Ui, _, qt, slicer
from SegAELib.app.dependencies import REQUIRED, PackageState, missing_packages
from SegAELib.app.idle_tasks import IdleTasks
from SegAELib.app.messages import MessageBar
from SegAELib.app.model_facts import ModelFacts
from SegAELib.app.results import Results, SliceKey, step
from SegAELib.app.runs import RunListener, Runs, Work
from SegAELib.app.score_style import ScoreStyle
from SegAELib.app.session import Session
from SegAELib.mrml.binding import Node
from SegAELib.mrml.nodes import default_segmentation
from SegAELib.mrml.results_table import ct_of, tables_of
from SegAELib.mrml.review_table import Reviews
from SegAELib.mrml.scene_reader import case_in_parts, whole
from SegAELib.mrml.segment_names import Naming, namings_of
from SegAELib.mrml.slice_navigation import jump_to, slice_composites

AFTER_EDIT_MS = 500  # an edit with the brush is many; they are looked at when there is a pause


@dataclass(frozen=True, eq=False)
class FoundErrors:
    """What the model finds wrong with the mask of a segment: two parts on the grid of the CT that do not
    overlap."""

    segment_id: str
    missing: Segment
    extra: Segment


class Section(Protocol):
    """A part of the panel. It does its work when its widgets are used, and tells `Context.changed`."""

    def attach(self, context: Context) -> None:
        """Connect the widgets; called once, before anything is shown."""
        ...

    def refresh(self) -> None:
        """Show what is so now. Called after every change of anything, so it must be quick when nothing of
        its own has changed. The session may be another one, or none."""
        ...

    def detach(self) -> None:
        """Leave nothing behind: no process, no node, no timer, no key."""
        ...


class Context:
    """`parameters`: a `SegAEParameterNode`, None for none. `visible`: the module is shown. `organs`,
    `checked`: what each segment is taken for, and the ids of those to be ranked. `segment`, `slice`: what is
    chosen in the results. `reread` grows when the segments have to be read again. `found`: what is wrong with
    the segment that is marked in the views, once that is known. `editing`: the Segment Editor was opened from
    here and is shown. `rescore_due`: what was edited there has to be scored again.
    `missing`: packages that keep it from what was to be done last, mostly scoring; `need_packages` says which
    are needed and what for, `ask_for_packages` asks whether to install them. `show_where` shows what the
    model finds wrong with the chosen segment, `open_worklist` gives the list that is worked through.

    `refresh` is called by `changed`.
    """

    def __init__(self, ui: Ui, refresh: Callable[[], None]) -> None:
        self.ui = ui
        self.messages = MessageBar(ui.messageLabel)
        self.messages.follow_buttons()
        self.tasks = IdleTasks()
        self.runs = Runs(ui, self.tasks)
        self.parameters: Any = None
        self.visible = False
        self.session: Session | None = None
        self.reviews: Reviews | None = None
        self.organs: dict[str, Identification] = {}
        self.checked: list[str] = []
        self.segment: str | None = None
        self.slice: int | None = None
        self.reread = 0
        self.found: FoundErrors | None = None
        self.editing = self.rescore_due = False
        self.missing: tuple[PackageState, ...] = missing_packages()
        self.need_packages: Callable[[dict[str, str], str], None] = lambda _required, _purpose: None
        self.ask_for_packages: Callable[[], None] = lambda: None
        self.show_where: Callable[[], None] = lambda: None
        self.open_worklist: Callable[[], Worklist | None] = lambda: None
        self._refresh = refresh
        self._nodes: tuple[Node | None, Node | None] | None = None  # that the session was begun with
        self._edit_timer = qt.QTimer()
        self._edit_timer.setSingleShot(True)
        self._edit_timer.setInterval(AFTER_EDIT_MS)
        self._edit_timer.connect("timeout()", self.check_edits_soon)
        self._named: tuple[Node, int, dict[str, Naming]] | None = None  # node, observer, its names

    # Changes

    def changed(self) -> None:
        """Something is another now: every section is refreshed."""
        self._refresh()

    def change_soon(self) -> None:
        """Many small changes come one after the other: refresh once for some of them."""
        self.later("refresh", self.changed)

    def later(self, key: Hashable, work: Callable[[], object]) -> None:
        """Do `work` when there is time; it takes the place of what waits under the same key."""
        self.tasks.add(key, work)
        self.runs.wake()

    # What is shown

    @property
    def results(self) -> Results | None:
        """The scores that are shown, when there are any."""
        shown = None if self.session is None else self.session.shown
        return shown or None

    @property
    def style(self) -> ScoreStyle:
        """Bins and colours of the parameters."""
        if self.parameters is None:
            return ScoreStyle(ScoreBins(), "traffic")
        return ScoreStyle(ScoreBins.from_threshold(self.parameters.threshold), self.parameters.palette)

    @property
    def order(self) -> Order:
        """The order in which segments and slices are listed."""
        return "review" if self.parameters is None else self.parameters.order

    # Nodes

    def bind(self, parameters: Any) -> None:
        """Work with a parameter node, None for none."""
        self.parameters, self._nodes = parameters, None
        if parameters is not None:
            self.fill_in()
        self.changed()

    def fill_in(self) -> None:
        """Choose nodes where none are chosen."""
        parameters = self.parameters
        if parameters.segmentation is None:
            parameters.segmentation = default_segmentation(slicer.mrmlScene)
        if parameters.volume is None:
            parameters.volume = ct_of(slicer.mrmlScene, parameters.segmentation, None)

    def fill_in_soon(self) -> None:
        """Something was loaded: choose it when it is complete, where nothing is chosen yet."""

        def fill_in() -> None:
            if self.parameters is not None:
                self.fill_in()

        if self.visible and self.parameters is not None:
            self.later("fill in", fill_in)

    def follow_parameters(self) -> None:
        """Keep the session while its nodes are chosen, else begin another one."""
        parameters = self.parameters
        if parameters is None:
            self.drop_session()
            return
        nodes = (parameters.segmentation, parameters.volume)
        if self._nodes is None or nodes[0] is not self._nodes[0] or nodes[1] is not self._nodes[1]:
            self._begin(*nodes)
        if self.session is not None:
            self.session.set_threshold(parameters.threshold)

    def drop_session(self) -> None:
        """Let go of the nodes; what waits to be written into the scene is written, unless it is closing."""
        session = self.session
        if session is None:
            return
        self.runs.cancel()
        if slicer.mrmlScene.IsClosing():
            self.tasks.clear()
        self.tasks.finish()
        session.close()
        self.found = None
        self.rescore_due = False
        self._watch_names(None)
        self.session = self.reviews = self.segment = self.slice = None

    def node_removed(self, node: Node) -> None:
        """A node is about to go. The scores and marks of a segmentation go with it."""
        if slicer.mrmlScene.IsClosing():
            return
        if self.session is not None and node in (self.session.segmentation, self.session.volume):
            self.drop_session()
            self.changed()
        if node.IsA("vtkMRMLSegmentationNode"):
            for table in tables_of(node):
                slicer.mrmlScene.RemoveNode(table)

    def check_edits(self) -> None:
        """See what was edited since it was scored."""
        whole(self._check())

    def check_edits_soon(self) -> None:
        """`check_edits`, in parts between which the application goes on."""
        self.tasks.add_parts("edits", self._check())
        self.runs.wake()

    def _check(self) -> Generator[int, None, None]:
        if self.session is not None:
            with self.messages.telling():
                found = yield from self.session.check_edits_in_parts()
                others = set(self.session.segmentation.GetSegmentation().GetSegmentIDs()) != set(self.organs)
                self.reread += others
                if found or others:
                    self.changed()

    def close(self) -> None:
        """Leave nothing behind."""
        self._edit_timer.stop()
        self.parameters = None
        self.drop_session()
        self.runs.close()

    # The chosen slice

    @property
    def selected(self) -> SliceKey | None:
        """The chosen segment and slice."""
        return None if self.segment is None or self.slice is None else (self.segment, self.slice)

    def go(self, key: SliceKey) -> None:
        """Choose a slice and move the views there; nothing happens for one of which nothing is known."""
        place = None if self.results is None else self.results.place(key)
        if place is None:
            return
        self.messages.clear()
        self.segment, self.slice = key
        jump_to(slicer.mrmlScene, place)
        crosshair = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLCrosshairNode")
        if crosshair is not None:  # seen by those who have it switched on
            crosshair.SetCrosshairRAS(*place)
        self.changed()

    def go_to_segment(self, segment_id: str) -> None:
        """Choose a segment, and where it is missing, else the first of its slices to look at."""
        results = self.results
        if results is not None:
            first = results.missing(segment_id) or results.slices_in_order(segment_id, self.order)
            if first:
                self.go((segment_id, first[0].slice))

    def walk(self, direction: int) -> bool:
        """On to the next slice that is not done (`direction` 1), or back to the one before (-1); False when
        there is none. By segment, only slices to review count: then comes the next segment."""
        results, reviews = self.results, self.reviews
        if results is None or reviews is None:
            return False
        by_segment = self.parameters is not None and self.parameters.walk == "segment"
        order = results.by_segment(self.order) if by_segment else results.all_slices(self.order)
        found = results.to_review() if by_segment else frozenset(order)

        def wanted(key: SliceKey) -> bool:
            return key in found and (direction < 0 or not reviews.is_done(key))

        key = step(order, self.selected, direction, wanted)
        if key is not None:
            self.go(key)
        return key is not None

    # Work

    def has_packages(self, required: dict[str, str] | None = None, purpose: str = "") -> bool:
        """Whether scoring, or what `purpose` says, can begin; asks what is to be installed when it cannot."""
        required = required or REQUIRED
        self.missing = missing_packages(required)
        self.need_packages(required, purpose or _("Scoring"))
        if self.missing:
            self.changed()
            self.ask_for_packages()
            if not self.messages.text:
                self.messages.info(_("Packages are missing: see the question below, then press again."))
        return not self.missing

    def job_settings(
        self, facts: ModelFacts, task: Task = "score", options: ScoringOptions | None = None
    ) -> JobSettings:
        """What the parameters mean for a job."""
        assert self.session is not None
        return JobSettings(
            task=task,
            model=str(facts.path),
            device=self.parameters.device,
            batch_size=self.parameters.batchSize,
            case=self.session.volume.GetName(),
            options=options or ScoringOptions(),
        )

    def query(self, task: Task, segment_ids: Collection[str], on_result: Callable[[Result], None]) -> bool:
        """Ask about masks without a change of scores, with the model and on the device of the parameters.

        False when it did not begin, which is said then. `on_result` is called with the answer, if there is
        one.
        """
        session, parameters = self.session, self.parameters
        if session is None or self.runs.running or not self.has_packages():
            return False

        def answered(result: Result) -> None:
            with self.messages.telling():
                on_result(result)
            self.changed()

        def failed(failure: Failed) -> None:
            self.messages.error(failure.sentence)
            self.changed()

        self.messages.clear()
        with self.messages.telling():
            settings = self.job_settings(ModelFacts.of(parameters.model), task)
            reading = case_in_parts(
                session.segmentation, session.volume, segment_ids=segment_ids, organs=dict(self.organs)
            )

            def work() -> Work:
                case = yield from reading
                return case.volume, case.segmentation, settings

            self.runs.start(work(), len(segment_ids), RunListener(answered, failed, self.changed))
            return True
        return False

    def _begin(self, segmentation: Node | None, volume: Node | None) -> None:
        """Begin with the chosen nodes; scores that the scene holds are shown."""
        before, self._nodes = self._nodes, (segmentation, volume)
        if before is not None:  # else both were chosen before, be it in the scene that was loaded
            if segmentation is not before[0]:
                volume = ct_of(slicer.mrmlScene, segmentation, volume)
            if volume is not None and volume is not before[1]:
                self._show_soon(volume)
        self.drop_session()
        self._nodes = (segmentation, volume)
        self.messages.clear()
        self.runs.say("")
        if segmentation is not None and volume is not None:
            with self.messages.telling():
                self.session = Session(segmentation, volume, self.tasks, self._edited)
                self.session.threshold = self.parameters.threshold
                self.reviews = Reviews(segmentation)
                self.session.restore()
            self._watch_names(segmentation)
        if volume is not self.parameters.volume:
            self.parameters.volume = volume

    def _show_soon(self, volume: Node) -> None:
        """Show the CT that was chosen; the views keep their zoom where it takes the place of another one."""

        def show() -> None:
            shown = [node.GetBackgroundVolumeID() for node in slice_composites(slicer.mrmlScene)]
            if volume.GetScene() is not None and volume.GetID() not in shown:
                slicer.util.setSliceViewerLayers(background=volume, fit=not any(shown))

        if self.visible:
            self.later("show CT", show)

    def _watch_names(self, node: Node | None) -> None:
        """Notice names that are changed elsewhere, in the Data module say."""
        if self._named is not None:
            self._named[0].RemoveObserver(self._named[1])
        self._named = None
        if node is not None:
            event = slicer.vtkSegmentation.SegmentModified
            tag = node.AddObserver(event, lambda *_unused: self.later("names", self._look_at_names))
            self._named = (node, tag, namings_of(node))

    def _look_at_names(self) -> None:
        """Tags and colours of segments change too, and are none of it."""
        if self._named is None or self._named[0].GetScene() is None:
            return
        node, tag, before = self._named
        now = namings_of(node)
        if now != before:
            self._named = (node, tag, now)
            self.reread += 1
            self.changed()

    def _edited(self) -> None:
        if self.visible or self.editing:
            self._edit_timer.start()
