"""Show me where: the predicted errors of the chosen segment in the slice views."""

from __future__ import annotations

import numpy as np

from segae.data import Segment
from segae.errors import SegAEError
from segae.jobs.events import Located, Result
from segae.report.style import ERROR_COLOURS
from SegAELib.app.binding import _, slicer
from SegAELib.app.context import Context, FoundErrors
from SegAELib.app.messages import bring_into_view
from SegAELib.app.model_facts import ModelFacts
from SegAELib.app.results import SliceKey
from SegAELib.app.session import Session
from SegAELib.mrml.edits import SliceChanges
from SegAELib.mrml.error_overlay import ErrorOverlay
from SegAELib.mrml.error_surface import ErrorSurface
from SegAELib.mrml.place_overlay import PlaceOverlay
from SegAELib.mrml.slice_navigation import jump_to


class ErrorsSection:
    """The button stays pressed while the errors of `segment` are shown: the segment is outlined boldly, the
    others are dimmed, and the views are centred on the place. They are looked for anew each time, and go with
    another segment, an edit, or another module; in the Segment Editor, opened from here, they stay."""

    def attach(self, context: Context) -> None:
        self._context, self._ui = context, context.ui
        self._overlay: ErrorOverlay | None = None
        self._place: PlaceOverlay | None = None
        self._drawn: FoundErrors | None = None
        self._session: Session | None = None
        self._slice: int | None = None
        self._changes: SliceChanges | None = None
        self.segment: str | None = None
        self._scrolls = True  # whether the panel goes to what is said
        self._say("")
        self._ui.whereButton.connect("clicked()", self.show_where)

    def refresh(self) -> None:
        """Take the errors away when they concern something else by now."""
        context = self._context
        self._ui.whereButton.enabled = not context.runs.running and context.segment is not None
        if self._session is not None and not self._holds():
            self.hide()
        if context.found is not self._drawn:
            self._draw()
        if self._overlay is not None and self.is_shown:
            self._overlay.keep_with_scene(context.parameters.keepColours)
        if not self.is_shown and not context.runs.running:  # without an answer nothing is shown
            self._ui.whereButton.checked = False

    def detach(self) -> None:
        """Take the errors out of the views."""
        self.hide()

    @property
    def is_shown(self) -> bool:
        return self._overlay is not None and self._overlay.is_alive

    def show_where(self, *, scroll: bool = True) -> None:
        """Look for the errors of the chosen segment, or take them away; a model that cannot tell is
        explained."""
        self._scrolls = scroll
        context, key, wanted = self._context, self._context.selected, bool(self._ui.whereButton.checked)
        self.hide()
        if wanted and context.session is not None and key is not None and context.has_packages():
            with context.messages.telling():
                self._ask(key)
        context.changed()

    def look(self) -> None:
        """The same for the chosen segment, when no button was pressed: the panel stays where the user is."""
        self._ui.whereButton.checked = True
        self.show_where(scroll=False)

    def hide(self) -> None:
        """Take the errors out of the views; may be called again."""
        self._clear()
        self._session = self.segment = self._slice = self._changes = None
        self._context.found = self._drawn = None
        self._ui.whereButton.checked = False
        self._say("")

    def _clear(self) -> None:
        if not slicer.mrmlScene.IsClosing():  # which takes the nodes along
            for overlay in (self._overlay, self._place):
                if overlay is not None:
                    overlay.remove()
        self._overlay = self._place = None

    def _ask(self, key: SliceKey) -> None:
        context = self._context
        spec = ModelFacts.of(context.parameters.model).spec
        if not spec.predicts_areas:
            text = _(
                "The model {model} predicts how good a mask is, not where it is wrong. Choose a model of "
                "the architecture segae-dense under Advanced."
            )
            self._say(text.format(model=spec.name))
            return
        if context.query("locate", [key[0]], self._found):
            self._session, (self.segment, self._slice) = context.session, key
            self._changes = self._changes_of(key[0])
            self._ui.whereButton.checked = True

    def _holds(self) -> bool:
        """Whether it still is about the chosen segment as it is now, or as it is being edited."""
        context = self._context
        if context.session is not self._session or context.segment != self.segment:
            return False
        if context.editing:
            return True
        return context.visible and (self.segment is None or self._changes_of(self.segment) == self._changes)

    def _changes_of(self, segment_id: str) -> SliceChanges | None:
        results = self._context.results
        return None if results is None else results.changes.get(segment_id)

    def _found(self, result: Result) -> None:
        assert isinstance(result, Located)
        session = self._session
        if session is None or session.segmentation.GetScene() is None or self.segment is None:
            return
        missing, extra = result.missing, result.extra
        if missing.is_empty and extra.is_empty:
            self._say(_("The model finds nothing wrong with this mask."))
            return
        self._context.found = FoundErrors(self.segment, missing, extra)
        self._draw()
        index = self._slice
        if index is None or not _pixels(index, missing, extra, session.axis):
            index = _most(missing, extra, session.axis)
        _centre(index, missing, extra, session.axis)

    def _draw(self) -> None:
        """Show what was found, or what is left of it after an edit."""
        found, session = self._context.found, self._session
        self._clear()
        self._drawn = found
        if found is None or session is None:
            return
        missing, extra = found.missing, found.extra
        self._place = PlaceOverlay(session.segmentation, session.volume, found.segment_id)
        self._overlay = ErrorOverlay(session.segmentation, session.volume, missing, extra)
        fields = [
            f"{_swatch(ERROR_COLOURS[key])}&nbsp;{word} {_volume(mask)}"
            for key, word, mask in (("missing", _("missing"), missing), ("extra", _("extra"), extra))
        ]
        if not (missing.is_empty and extra.is_empty):
            most = _most(missing, extra, session.axis)
            fields.append(_("most in slice {slice}").format(slice=most))
        self._say("&nbsp;&nbsp; ".join(fields))

    def _say(self, text: str) -> None:
        self._ui.whereLabel.text = text
        self._ui.whereLabel.setVisible(bool(text))
        if text and self._scrolls:
            bring_into_view(self._ui.whereLabel)


def _swatch(colour: str) -> str:
    return f'<span style="color:{colour}; font-size:large">\u25a0</span>'


def _volume(mask: Segment) -> str:
    millilitres = int(mask.voxels().sum()) * float(abs(mask.grid.spacing.prod())) / 1000
    return _("{volume} ml").format(volume=f"{millilitres:.1f}")


def _counts(mask: Segment, axis: int) -> dict[int, int]:
    """Voxels in each slice along an axis that has some."""
    planes = np.moveaxis(mask.voxels(), axis, 0).sum(axis=(1, 2))
    return {mask.box[axis].start + n: int(count) for n, count in enumerate(planes) if count}


def _pixels(index: int, missing: Segment, extra: Segment, axis: int) -> int:
    return sum(_counts(mask, axis).get(index, 0) for mask in (missing, extra))


def _most(missing: Segment, extra: Segment, axis: int) -> int:
    """The slice with the most wrong pixels."""
    slices = _counts(missing, axis).keys() | _counts(extra, axis).keys()
    return max(sorted(slices), key=lambda index: _pixels(index, missing, extra, axis))


def _centre(index: int, missing: Segment, extra: Segment, axis: int) -> None:
    """Bring the middle of what is wrong in a slice into the middle of the views; their zoom stays."""
    masks = (mask for mask in (missing, extra) if index in _counts(mask, axis))
    mask = max(masks, key=lambda one: _counts(one, axis)[index])
    plane = np.argwhere(np.moveaxis(mask.voxels(), axis, 0)[index - mask.box[axis].start])
    others = [mask.box[other].start for other in range(3) if other != axis]
    kji = np.insert(plane.mean(axis=0) + others, axis, index)
    x, y, z = mask.grid.world(kji[::-1]).tolist()
    jump_to(slicer.mrmlScene, (x, y, z), centred=True)


class SurfaceSection:
    """In the 3D views: the surface of the segment, coloured by the predicted error, as long as the errors are
    shown in the slice views, and where the user wants it. It takes a moment, so it is an idle task."""

    def attach(self, context: Context) -> None:
        self._context = context
        self._surface: ErrorSurface | None = None
        self._drawn: FoundErrors | None = None

    def refresh(self) -> None:
        """Draw, or take away."""
        context = self._context
        wanted = context.parameters is not None and context.parameters.surface
        found = context.found if wanted else None
        context.ui.surfaceCheckBox.setVisible(context.found is not None)
        if found is self._drawn:
            return
        self._clear()
        self._drawn = found
        if found is not None:
            context.later("surface", self._draw)

    def detach(self) -> None:
        """Take the surface out of the views."""
        self._clear()

    @property
    def is_shown(self) -> bool:
        return self._surface is not None and self._surface.is_alive

    def _draw(self) -> None:
        found, session = self._drawn, self._context.session
        if found is None or session is None or slicer.mrmlScene.IsClosing():
            return
        try:
            mask = session.shown_masks.get(found.segment_id, found.missing)  # no empty ones come with a scene
            self._surface = ErrorSurface(slicer.mrmlScene, mask, found.missing, found.extra)
        except SegAEError:  # nothing is wrong any more, which the text beside it says
            return
        manager = slicer.app.layoutManager()
        if manager is not None:
            for n in range(manager.threeDViewCount):
                manager.threeDWidget(n).threeDView().resetFocalPoint()

    def _clear(self) -> None:
        if self._surface is not None:
            self._surface.remove()
        self._surface = self._drawn = None
