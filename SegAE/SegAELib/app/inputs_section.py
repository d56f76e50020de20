"""Which segmentation and which CT the user most likely means."""

from __future__ import annotations

from collections.abc import Callable

from segae.errors import InputError
from segae.geometry.orientation import obliqueness
from SegAELib.app.binding import Ui, _
from SegAELib.app.segment_table import OrganChoices, OrganTable
from SegAELib.mrml.binding import Node, Scene, SegmentationNode, VolumeNode, nodes_of_class, slicer
from SegAELib.mrml.guards import OVERLAY_ATTRIBUTE
from SegAELib.mrml.matrices import volume_grid


def default_segmentation(scene: Scene) -> SegmentationNode | None:
    """What the Segment Editor works on, else the first one that is shown, else the first one."""
    found = [
        n for n in nodes_of_class(scene, "vtkMRMLSegmentationNode") if not n.GetAttribute(OVERLAY_ATTRIBUTE)
    ]
    edited = _edited(scene, "GetSegmentationNode")
    if edited in found:
        return edited
    shown = (n for n in found if n.GetDisplayNode() is not None and n.GetDisplayNode().GetVisibility())
    return next(shown, found[0] if found else None)


def default_volume(scene: Scene, segmentation: SegmentationNode | None) -> VolumeNode | None:
    """The CT of a segmentation.

    Its reference volume; else what the Segment Editor shows under it; else the background of a slice view;
    else the first scalar volume of the scene.
    """
    found = [n for n in nodes_of_class(scene, "vtkMRMLScalarVolumeNode") if _is_ct(n)]
    candidates = [reference_of(segmentation)]
    if segmentation is not None and _edited(scene, "GetSegmentationNode") is segmentation:
        candidates.append(_edited(scene, "GetSourceVolumeNode"))
    for composite in nodes_of_class(scene, "vtkMRMLSliceCompositeNode"):
        candidates.append(scene.GetNodeByID(composite.GetBackgroundVolumeID() or ""))
    return next((n for n in (*candidates, *found) if n is not None and n in found), None)


def _is_ct(node: Node) -> bool:
    return node.GetClassName() == "vtkMRMLScalarVolumeNode" and not node.GetHideFromEditors()


def reference_of(segmentation: SegmentationNode | None) -> VolumeNode | None:
    """The volume that a segmentation was drawn on, when it says so."""
    role = slicer.vtkMRMLSegmentationNode.GetReferenceImageGeometryReferenceRole()
    return None if segmentation is None else segmentation.GetNodeReference(role)


def _edited(scene: Scene, getter: str) -> Node | None:
    editor = scene.GetFirstNodeByClass("vtkMRMLSegmentEditorNode")
    return None if editor is None else getattr(editor, getter)()


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
