"""A small scripted module written exactly as for Slicer: nothing in it knows of the test bed.

Lists the segments by number of voxels; a click on a row jumps the slice views to the segment's largest slice.
"""
# ruff: noqa: N802, N803, N815 (names in Slicer's style)
# pyright: reportCallIssue=false, reportOptionalMemberAccess=false
# pyright: reportAttributeAccessIssue=false, reportMissingImports=false, reportMissingModuleSource=false

from typing import Annotated

import ctk
import numpy as np
import qt
import slicer
import vtk
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.parameterNodeWrapper import Choice, WithinRange, parameterNodeWrapper
from slicer.ScriptedLoadableModule import (
    ScriptedLoadableModule,
    ScriptedLoadableModuleLogic,
    ScriptedLoadableModuleTest,
    ScriptedLoadableModuleWidget,
)
from slicer.util import VTKObservationMixin


class StandinDemo(ScriptedLoadableModule):
    def __init__(self, parent):
        ScriptedLoadableModule.__init__(self, parent)
        self.parent.title = _("Stand-in demo")
        self.parent.categories = [translate("qSlicerAbstractCoreModule", "Segmentation")]
        self.started = False
        slicer.app.connect("startupCompleted()", self.onStartup)

    def onStartup(self):
        self.started = True


@parameterNodeWrapper
class StandinDemoParameterNode:
    inputVolume: slicer.vtkMRMLScalarVolumeNode
    segmentation: slicer.vtkMRMLSegmentationNode
    threshold: Annotated[float, WithinRange(0, 1)] = 0.5
    showAll: bool = True
    order: Annotated[str, Choice(["largest", "smallest"])] = "largest"
    organs: dict[str, str]


class StandinDemoWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    def __init__(self, parent=None):
        ScriptedLoadableModuleWidget.__init__(self, parent)
        VTKObservationMixin.__init__(self)
        self.logic = self.parameters = self.guiTag = None
        self.life = []

    def setup(self):
        ScriptedLoadableModuleWidget.setup(self)
        root = slicer.util.loadUI(self.resourcePath("UI/StandinDemo.ui"))
        self.layout.addWidget(root)
        self.ui = slicer.util.childWidgetVariables(root)
        root.setMRMLScene(slicer.mrmlScene)
        self.logic = StandinDemoLogic()
        self.ui.applyButton.connect("clicked(bool)", self.onApply)
        self.ui.segmentTable.connect("cellClicked(int,int)", self.onRow)
        self.ui.segmentationSelector.connect("currentNodeChanged(vtkMRMLNode*)", self.onSegmentation)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.StartCloseEvent, self.onStartClose)
        self.notes = ctk.ctkCollapsibleButton()
        self.notes.text = _("Notes")
        self.notes.collapsed = True
        qt.QVBoxLayout(self.notes).addWidget(qt.QPlainTextEdit())
        self.layout.addWidget(self.notes)
        self.bindParameters()
        self.life.append("setup")

    def bindParameters(self):
        self.parameters = StandinDemoParameterNode(self.logic.getParameterNode())
        self.guiTag = self.parameters.connectGui(self.ui)
        if self.parameters.inputVolume is None:
            self.parameters.inputVolume = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLScalarVolumeNode")

    def enter(self):
        self.life.append("enter")

    def exit(self):
        self.life.append("exit")

    def cleanup(self):
        self.life.append("cleanup")
        self.removeObservers()
        if self.parameters is not None:
            self.parameters.disconnectGui(self.guiTag)

    def onStartClose(self, caller, event):
        self.life.append("close")

    def onSegmentation(self, node):
        self.ui.applyButton.enabled = node is not None
        self.ui.statusLabel.text = node.GetName() if node else _("Choose a segmentation")

    def onApply(self):
        with slicer.util.tryWithErrorDisplay(_("Listing failed."), waitCursor=True):
            rows = self.logic.sizes(self.parameters.segmentation, self.parameters.inputVolume)
            rows.sort(key=lambda row: row[2], reverse=self.parameters.order == "largest")
            table = self.ui.segmentTable
            table.setColumnCount(2)
            table.setHorizontalHeaderLabels([_("Segment"), _("Voxels")])
            table.rowCount = len(rows)
            for r, (segmentId, name, count) in enumerate(rows):
                item = qt.QTableWidgetItem(name)
                item.setData(qt.Qt.UserRole, segmentId)
                number = qt.QTableWidgetItem()
                number.setData(qt.Qt.DisplayRole, float(count))
                number.setBackground(qt.QBrush(qt.QColor(230, 240, 250)))
                table.setItem(r, 0, item)
                table.setItem(r, 1, number)
            self.ui.statusLabel.text = _("{count} segments").format(count=len(rows))

    def onRow(self, row, column):
        segmentId = self.ui.segmentTable.item(row, 0).data(qt.Qt.UserRole)
        self.logic.jump(self.parameters.segmentation, segmentId, self.parameters.inputVolume)


class StandinDemoLogic(ScriptedLoadableModuleLogic):
    def sizes(self, segmentation, volume):
        s = segmentation.GetSegmentation()
        masks = {
            i: slicer.util.arrayFromSegmentBinaryLabelmap(segmentation, i, volume) for i in s.GetSegmentIDs()
        }
        return [(i, s.GetSegment(i).GetName(), int(mask.sum())) for i, mask in masks.items()]

    def jump(self, segmentation, segmentId, volume):
        mask = slicer.util.arrayFromSegmentBinaryLabelmap(segmentation, segmentId, volume)
        k = int(np.argmax(mask.sum(axis=(1, 2))))
        j, i = (round(float(v)) for v in np.argwhere(mask[k]).mean(axis=0))
        matrix = vtk.vtkMatrix4x4()
        volume.GetIJKToRASMatrix(matrix)
        r, a, s = matrix.MultiplyPoint((i, j, k, 1))[:3]
        slicer.modules.markups.logic().JumpSlicesToLocation(r, a, s, False)


class StandinDemoTest(ScriptedLoadableModuleTest):
    def runTest(self):
        self.delayDisplay("running", 50)
        StandinDemo.tested = True
