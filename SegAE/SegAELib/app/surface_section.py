"""What was found wrong with a segment, in the 3D views: its surface, coloured by the predicted error."""

from __future__ import annotations

from segae.errors import SegAEError
from SegAELib.app.binding import slicer
from SegAELib.app.context import Context, FoundErrors
from SegAELib.mrml.error_surface import ErrorSurface


class SurfaceSection:
    """Shows the surface as long as the errors are shown in the slice views, and where the user wants it. It
    takes a moment, so it is an idle task."""

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
            mask = session.shown_masks[found.segment_id]
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
