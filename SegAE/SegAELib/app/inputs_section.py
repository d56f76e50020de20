"""CT, segmentation, and the table of its segments."""

from __future__ import annotations

from collections.abc import Callable

from segae.errors import InputError
from segae.geometry.orientation import obliqueness
from SegAELib.app.binding import Ui, _
from SegAELib.app.organ_choices import OrganChoices
from SegAELib.app.organ_table import OrganTable
from SegAELib.mrml.binding import SegmentationNode, VolumeNode
from SegAELib.mrml.matrices import volume_grid

TILTED = 5.0  # degrees from which slices no longer pass for axial ones


class InputsSection:
    """Shows what was chosen; `on_change` is called when a check or an organ changed."""

    def __init__(self, ui: Ui, on_change: Callable[[], None]) -> None:
        self._ui, self._on_change = ui, on_change
        self.table = OrganTable(ui.organTable, self._changed)
        ui.checkAllButton.connect("clicked()", lambda: self.table.check_all(True))
        ui.checkNoneButton.connect("clicked()", lambda: self.table.check_all(False))

    def show(
        self, segmentation: SegmentationNode | None, volume: VolumeNode | None, choices: OrganChoices
    ) -> None:
        """Show other nodes, or the same ones again."""
        self.table.show(segmentation, choices)
        self._ui.organsBox.setVisible(bool(self.table.organs))
        self._ui.inputsInfo.text = _describe(segmentation, volume)

    def _changed(self) -> None:
        total, checked = len(self.table.organs), len(self.table.checked)
        text = _("{checked} of {total} checked").format(checked=checked, total=total)
        if self.table.unclear:
            text += _(", {count} without an organ").format(count=len(self.table.unclear))
        self._ui.organsInfo.text = text
        self._on_change()


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
