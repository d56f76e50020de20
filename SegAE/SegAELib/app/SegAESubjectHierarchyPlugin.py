# ruff: noqa: N802, N803 (the names are Slicer's; it loads this file by path and looks for its class)
# pyright: reportMissingImports=false
"""Right click on a segmentation in the module Data: score it."""

from __future__ import annotations

from typing import Any

from AbstractScriptedSubjectHierarchyPlugin import AbstractScriptedSubjectHierarchyPlugin

from SegAELib.app.binding import _, qt, slicer
from SegAELib.mrml.nodes import OVERLAY_ATTRIBUTE


class SegAESubjectHierarchyPlugin(AbstractScriptedSubjectHierarchyPlugin):
    """Owns no item; it only adds an action to those of the segmentations. What it does not define, the
    application does."""

    filePath = __file__  # Slicer asks for it under this name  # noqa: N815

    def __init__(self, scriptedPlugin: Any) -> None:
        scriptedPlugin.name = "SegAE"
        AbstractScriptedSubjectHierarchyPlugin.__init__(self, scriptedPlugin)
        self._action = qt.QAction(_("Score with SegAE"), scriptedPlugin)
        self._action.setToolTip(_("Predict the quality of every segment, and rank them."))
        self._action.connect("triggered()", self._score)

    def itemContextMenuActions(self) -> list[Any]:
        """The actions that this plugin may show."""
        return [self._action]

    def showContextMenuActionsForItem(self, itemID: int) -> None:
        """Show it for segmentations, not for their segments and not for the colours of SegAE."""
        node = _handler().subjectHierarchyNode().GetItemDataNode(itemID) if itemID else None
        is_own = node is not None and bool(node.GetAttribute(OVERLAY_ATTRIBUTE))
        self._action.visible = node is not None and node.IsA("vtkMRMLSegmentationNode") and not is_own

    def _score(self) -> None:
        """Choose the segmentation in the module SegAE, and rank its segments when nothing is missing."""
        handler = _handler()
        node = handler.subjectHierarchyNode().GetItemDataNode(handler.currentItem())
        slicer.util.selectModule("SegAE")
        panel = slicer.modules.segae.widgetRepresentation().self().panel
        panel.parameters.segmentation = node
        panel.refresh()
        if panel.ui.rankButton.enabled:
            panel.ui.rankButton.click()


def register() -> None:
    """Make the plugin known to the application, once."""
    handler = _handler()
    if handler.pluginByName("SegAE") is None:
        plugin = slicer.qSlicerSubjectHierarchyScriptedPlugin(None)
        plugin.setPythonSource(SegAESubjectHierarchyPlugin.filePath)


def _handler() -> Any:
    return slicer.qSlicerSubjectHierarchyPluginHandler.instance()
