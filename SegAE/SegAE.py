# ruff: noqa: N802, N803 (the names are Slicer's)
# pyright: reportCallIssue=false, reportOptionalMemberAccess=false, reportAttributeAccessIssue=false
# pyright: reportMissingImports=false, reportMissingModuleSource=false
"""The module SegAE of 3D Slicer: tells which mask of a segmentation is wrong, and in which slice.

Other modules use `SegAELogic().score(volumeNode, segmentationNode)`.
"""

import importlib
import sys
from pathlib import Path
from typing import Any

import qt
import slicer
import vtk
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.ScriptedLoadableModule import (
    ScriptedLoadableModule,
    ScriptedLoadableModuleLogic,
    ScriptedLoadableModuleTest,
    ScriptedLoadableModuleWidget,
)
from slicer.util import VTKObservationMixin

from SegAELib.app.panel import Panel
from SegAELib.app.parameters import SegAEParameterNode
from SegAELib.app.self_test import register_sample_data
from SegAELib.mrml.quality_overlay import restore_fills

PACKAGES = ("SegAELib", "segae")


class SegAE(ScriptedLoadableModule):
    """What Slicer knows of the module."""

    def __init__(self, parent: Any) -> None:
        ScriptedLoadableModule.__init__(self, parent)
        self.parent.title = "SegAE"
        self.parent.categories = [translate("qSlicerAbstractCoreModule", "Segmentation")]
        self.parent.dependencies = ["Segmentations", "SegmentEditor", "SubjectHierarchy"]
        self.parent.contributors = ["The SegAE developers"]
        self.parent.helpText = _(
            "Predicts the quality (Dice) of every mask of a CT, slice by slice, without a ground truth, and "
            "shows the worst slices first. The numbers are predictions, not measurements. Not for clinical "
            "use."
        )
        self.parent.acknowledgementText = _("The sample case is s0001 of the TotalSegmentator data set.")
        slicer.app.connect("startupCompleted()", self._started)

    def setup(self) -> None:
        """Called by Slicer once, with or without a window."""
        from SegAELib.app.SegAESubjectHierarchyPlugin import register

        register()

    def _started(self) -> None:
        register_sample_data(Path(self.resourcePath("SampleData")), Path(self.resourcePath("Icons")))
        scene = slicer.mrmlScene
        scene.AddObserver(scene.EndImportEvent, lambda *_unused: restore_fills(scene))


class SegAEWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    """Builds the panel and tells it what the application does."""

    def __init__(self, parent: Any = None) -> None:
        ScriptedLoadableModuleWidget.__init__(self, parent)
        VTKObservationMixin.__init__(self)
        self.logic = self.panel = self._parameters = self._gui = None

    def setup(self) -> None:
        ScriptedLoadableModuleWidget.setup(self)
        root = slicer.util.loadUI(self.resourcePath("UI/SegAE.ui"))
        self.layout.addWidget(root)
        root.setMRMLScene(slicer.mrmlScene)
        self.ui = slicer.util.childWidgetVariables(root)
        self.logic = SegAELogic()
        self.panel = Panel(self.ui)
        scene = slicer.mrmlScene
        for event, method in (
            (scene.StartCloseEvent, self.onSceneStartClose),
            (scene.EndCloseEvent, self.onSceneEndClose),
            (scene.StartImportEvent, self.onSceneStartImport),
            (scene.EndImportEvent, self.onSceneEndImport),
            (scene.NodeAddedEvent, self.onNodeAdded),
            (scene.NodeAboutToBeRemovedEvent, self.onNodeAboutToBeRemoved),
        ):
            self.addObserver(scene, event, method)
        self.initializeParameterNode()
        if getattr(self.parent, "isEntered", False):  # reloaded while shown: Slicer does not enter it again
            self.enter()

    def cleanup(self) -> None:
        if self.panel is not None:
            self.setParameterNode(None)
            self.removeObservers()
            self.panel.close()
            self.panel = None

    def enter(self) -> None:
        self.initializeParameterNode()
        self.panel.enter()

    def exit(self) -> None:
        self.panel.leave()

    def onSceneStartClose(self, _caller: Any, _event: Any) -> None:
        self.panel.scene_closing()
        self.setParameterNode(None)

    def onSceneEndClose(self, _caller: Any, _event: Any) -> None:
        if self.parent.isEntered:
            self.initializeParameterNode()

    def onSceneStartImport(self, _caller: Any, _event: Any) -> None:
        """A scene may bring other nodes, scores and choices; selectors lose theirs meanwhile."""
        self.setParameterNode(None)

    def onSceneEndImport(self, _caller: Any, _event: Any) -> None:
        # not at once: selectors see the new nodes only when this event and the one after it are over
        qt.QTimer.singleShot(0, self._imported)

    def _imported(self) -> None:
        if self.panel is not None:
            self.initializeParameterNode()

    def onNodeAdded(self, _caller: Any, _event: Any) -> None:
        self.panel.node_added()

    @vtk.calldata_type(vtk.VTK_OBJECT)
    def onNodeAboutToBeRemoved(self, _caller: Any, _event: Any, node: Any) -> None:
        self.panel.node_removed(node)

    def initializeParameterNode(self) -> None:
        if slicer.mrmlScene.IsImporting():
            return  # what is imported may bring another choice
        if self._parameters is None:
            self.setParameterNode(SegAEParameterNode(self.logic.getParameterNode()))
        else:
            self.panel.fill_in()

    def setParameterNode(self, parameters: Any) -> None:
        if self._parameters is not None:
            self._parameters.disconnectGui(self._gui)
            self.removeObserver(self._parameters, vtk.vtkCommand.ModifiedEvent, self.onParameters)
        self._parameters = parameters
        if parameters is not None:
            self._gui = parameters.connectGui(self.ui)
            self.addObserver(parameters, vtk.vtkCommand.ModifiedEvent, self.onParameters)
        self.panel.bind(parameters)

    def onParameters(self, _caller: Any, _event: Any) -> None:
        self.panel.refresh()

    def onReload(self) -> None:
        """Slicer loads only this file again; the packages are forgotten, so that it imports them anew."""
        for name in [n for n in sys.modules if n.split(".")[0] in PACKAGES]:
            del sys.modules[name]
        importlib.invalidate_caches()
        ScriptedLoadableModuleWidget.onReload(self)


class SegAELogic(ScriptedLoadableModuleLogic):
    """For other modules and scripts; no window is needed, and nothing is shown."""

    def score(self, volumeNode: Any, segmentationNode: Any, **options: Any) -> Any:
        """Score a segmentation on a CT (None: its reference volume) and keep the scores in the scene.

        Options and errors: `SegAELib.app.scene_batch.score_nodes`. Returns a `segae.CaseReport`.
        """
        from SegAELib.app.scene_batch import score_nodes  # loads torch, which the panel does not need

        return score_nodes(segmentationNode, volumeNode, **options)


class SegAETest(ScriptedLoadableModuleTest):
    """The main path, for ctest and the button "Reload and Test"; more in Testing/Python."""

    def setUp(self) -> None:
        slicer.mrmlScene.Clear()

    def runTest(self) -> None:
        from SegAELib.app.self_test import main_path

        self.setUp()
        main_path(self)

    def test_main_path(self) -> None:
        self.runTest()
