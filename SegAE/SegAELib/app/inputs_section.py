"""The chosen nodes, and the segments of the segmentation: which are to be ranked, as which organ."""

from __future__ import annotations

from segae.errors import InputError
from segae.geometry.orientation import obliqueness
from SegAELib.app.binding import _
from SegAELib.app.context import Context
from SegAELib.app.model_facts import label_table_of
from SegAELib.app.segment_table import OrganChoices, OrganTable
from SegAELib.mrml.binding import SegmentationNode, VolumeNode
from SegAELib.mrml.matrices import volume_grid

TILTED = 5.0  # degrees from which slices no longer pass for axial ones


class InputsSection:
    """Keeps `Context.organs` and `Context.checked`."""

    def attach(self, context: Context) -> None:
        self._context = context
        self._shown: tuple[object, ...] = ()
        self._model = ""
        ui = context.ui
        self.table = OrganTable(ui.organTable, self._changed)
        ui.checkAllButton.connect("clicked()", lambda: self.table.check_all(True))
        ui.checkNoneButton.connect("clicked()", lambda: self.table.check_all(False))

    def refresh(self) -> None:
        """Show other nodes, or the same ones again when they have to be read again."""
        context, parameters = self._context, self._context.parameters
        nodes = (None, None) if parameters is None else (parameters.segmentation, parameters.volume)
        shown = (*nodes, parameters, context.reread)
        model = "" if parameters is None else str(parameters.model)
        same = len(shown) == len(self._shown) and all(a is b for a, b in zip(shown, self._shown, strict=True))
        if same and model == self._model:  # another model may bring structures of its own
            return
        self._shown, self._model = shown, model
        organs = {} if parameters is None else parameters.organs
        self.table.show(nodes[0], OrganChoices(organs, label_table_of(model) if model else None))
        context.ui.organsBox.setVisible(bool(self.table.organs))
        context.ui.inputsInfo.text = _describe(*nodes)

    def detach(self) -> None:
        """Nothing stays behind."""

    def _changed(self) -> None:
        context = self._context
        context.organs, context.checked = self.table.organs, self.table.checked
        text = _("{checked} of {total} checked").format(
            checked=len(context.checked), total=len(context.organs)
        )
        if self.table.unclear:
            text += _(", {count} without an organ").format(count=len(self.table.unclear))
        context.ui.organsInfo.text = text
        context.changed()


def _describe(segmentation: SegmentationNode | None, volume: VolumeNode | None) -> str:
    """Size and spacing, or what to do next."""
    if segmentation is None:
        return _("Load a segmentation, for example from the module Sample Data (SegAE).")
    if segmentation.GetSegmentation().GetNumberOfSegments() == 0:
        return _("This segmentation has no segments.")
    if volume is None:
        return _("Choose the CT that the segmentation was drawn on.")
    try:
        grid = volume_grid(volume)
    except InputError as error:
        return str(error)
    text = _("{i} x {j} x {k} voxels of {x} x {y} x {z} mm").format(
        i=grid.size[0], j=grid.size[1], k=grid.size[2],
        x=f"{grid.spacing[0]:.2f}", y=f"{grid.spacing[1]:.2f}", z=f"{grid.spacing[2]:.2f}",
    )  # fmt: skip
    tilt = obliqueness(grid)
    return text if tilt < TILTED else text + _(", tilted by {degrees} degrees").format(degrees=f"{tilt:.0f}")
