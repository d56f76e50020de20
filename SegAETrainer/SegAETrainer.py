# ruff: noqa: N802 (the names are Slicer's)
# pyright: reportCallIssue=false, reportOptionalMemberAccess=false, reportAttributeAccessIssue=false
# pyright: reportMissingImports=false, reportMissingModuleSource=false
"""The module SegAETrainer of 3D Slicer: trains models for the module SegAE, and shows how it goes."""

import importlib
import sys
import tempfile
from pathlib import Path
from typing import Any

import slicer
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.ScriptedLoadableModule import (
    ScriptedLoadableModule,
    ScriptedLoadableModuleLogic,
    ScriptedLoadableModuleTest,
    ScriptedLoadableModuleWidget,
)
from slicer.util import VTKObservationMixin

PACKAGES = ("SegAETrainerLib", "segae_trainer")


class SegAETrainer(ScriptedLoadableModule):
    """What Slicer knows of the module."""

    def __init__(self, parent: Any) -> None:
        ScriptedLoadableModule.__init__(self, parent)
        self.parent.title = "SegAE Trainer"
        self.parent.categories = [translate("qSlicerAbstractCoreModule", "Segmentation")]
        self.parent.dependencies = ["SegAE"]
        self.parent.contributors = ["The SegAE developers"]
        self.parent.helpText = _(
            "Trains a model for the module SegAE from CTs and masks of your own, or from the DAP Atlas: "
            "checks the data, builds a training set, trains in a process that goes on when Slicer is "
            "closed, and measures how good the model is."
        )
        self.parent.acknowledgementText = _(
            "The method follows Chen, Zhou and Yuille (arXiv 2406.00327, 2601.14406)."
        )


class SegAETrainerWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    """Builds the panel and tells it what the application does. The panel has no parameter node: folders and
    options belong to the computer and not to a scene, so they are kept in the settings."""

    def __init__(self, parent: Any = None) -> None:
        ScriptedLoadableModuleWidget.__init__(self, parent)
        VTKObservationMixin.__init__(self)
        self.logic = self.panel = None

    def setup(self) -> None:
        # Not at the top: Slicer reads this file before it knows that SegAE has to be loaded first.
        from SegAETrainerLib.app.panel import Panel

        ScriptedLoadableModuleWidget.setup(self)
        root = slicer.util.loadUI(self.resourcePath("UI/SegAETrainer.ui"))
        self.layout.addWidget(root)
        root.setMRMLScene(slicer.mrmlScene)
        self.ui = slicer.util.childWidgetVariables(root)
        self.logic = SegAETrainerLogic()
        self.panel = Panel(self.ui)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.StartCloseEvent, self.onSceneStartClose)

    def cleanup(self) -> None:
        if self.panel is not None:
            self.removeObservers()
            self.panel.close()
            self.panel = None

    def onSceneStartClose(self, _caller: Any, _event: Any) -> None:
        self.panel.scene_closing()

    def onReload(self) -> None:
        """Slicer loads only this file again; the packages are forgotten, so that it imports them anew."""
        for name in [n for n in sys.modules if n.split(".")[0] in PACKAGES]:
            del sys.modules[name]
        importlib.invalidate_caches()
        ScriptedLoadableModuleWidget.onReload(self)


class SegAETrainerLogic(ScriptedLoadableModuleLogic):
    """Work without a panel is done by the command `segae-train`."""


class SegAETrainerTest(ScriptedLoadableModuleTest):
    """The main path, for ctest and the button "Reload and Test"; more in Testing/Python."""

    def setUp(self) -> None:
        slicer.mrmlScene.Clear()

    def runTest(self) -> None:
        from SegAETrainerLib.app.self_test import main_path

        self.setUp()
        with tempfile.TemporaryDirectory() as folder:
            main_path(self, Path(folder))

    def test_main_path(self) -> None:
        self.runTest()
