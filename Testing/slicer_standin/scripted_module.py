# ruff: noqa: N802, N803, N815 (the names are Slicer's and Qt's)
"""The four base classes a scripted module derives from (guide section 2.1), as far as modules use them."""

import importlib
import logging
import types
import unittest
from pathlib import Path
from typing import Any

from PySide6 import QtGui, QtWidgets

from .untyped import slicer

ICON_SUFFIXES = (".svg", ".png")


class ScriptedLoadableModule:
    """Module object, made once at start; `parent` takes title, categories, dependencies and texts."""

    def __init__(self, parent: Any) -> None:
        super().__init__()
        self.parent = parent
        self.moduleName = type(self).__name__
        parent.title, parent.helpText, parent.acknowledgementText = "", "", ""
        parent.categories, parent.dependencies, parent.contributors = [], [], []
        for path in (Path(self.resourcePath("Icons")) / (self.moduleName + s) for s in ICON_SUFFIXES):
            if path.is_file():
                parent.icon = QtGui.QIcon(str(path))
                break

    def resourcePath(self, name: str) -> str:
        """Absolute path of a file under Resources."""
        return str(Path(self.parent.path).parent / "Resources" / name)

    def getDefaultModuleDocumentationLink(self, docPage: str | None = None) -> str:
        """Paragraph with a link to the module's page."""
        app = slicer.app
        url = app.documentationBaseUrl + docPage if docPage else app.moduleDocumentationUrl(self.moduleName)
        return f'<p>See the <a href="{url}">online documentation</a>.</p>'

    def runTest(self, msec: int = 100, **keywords: Any) -> None:
        """Run the module's <Name>Test class."""
        cls = getattr(importlib.import_module(type(self).__module__), self.moduleName + "Test", None)
        if cls is None:
            raise AssertionError(f"{self.moduleName} has no class {self.moduleName}Test")
        test = cls()
        test.messageDelay = msec
        test.runTest(**keywords)


class ScriptedLoadableModuleWidget:
    """Panel; `layout` is the layout of `parent`, which the application made."""

    def __init__(self, parent: Any = None) -> None:
        super().__init__()
        self.moduleName = type(self).__name__.removesuffix("Widget")
        as_bool = slicer.util.toBool
        self.developerMode = slicer.util.settingsValue("Developer/DeveloperMode", False, converter=as_bool)
        self.parent = parent if parent is not None else self._own_parent()
        self.layout = self.parent.layout()
        if parent is None:
            self.setup()
            self.parent.show()
        slicer.app.moduleManager().connect(
            "moduleAboutToBeUnloaded(QString)", self._onModuleAboutToBeUnloaded
        )

    def _own_parent(self) -> Any:
        made = slicer.qMRMLWidget()
        made.setLayout(QtWidgets.QVBoxLayout())
        made.setMRMLScene(slicer.mrmlScene)
        return made

    def resourcePath(self, name: str) -> str:
        """Absolute path of a file under Resources."""
        return str(Path(slicer.util.modulePath(self.moduleName)).parent / "Resources" / name)

    def setup(self) -> None:
        """Build the panel. Slicer adds its reload buttons here in developer mode; the test bed does not."""

    def cleanup(self) -> None:
        """Called before the module goes away."""

    def enter(self) -> None:
        """The user chose the module."""

    def exit(self) -> None:
        """The user chose another module."""

    def onReload(self) -> None:
        """Load the module's file again and build the panel anew."""
        slicer.util.reloadScriptedModule(self.moduleName)

    def _onModuleAboutToBeUnloaded(self, name: str) -> None:
        if name == self.moduleName:
            self.cleanup()
            manager = slicer.app.moduleManager()
            manager.disconnect("moduleAboutToBeUnloaded(QString)", self._onModuleAboutToBeUnloaded)


class ScriptedLoadableModuleLogic:
    """Work without a panel; owns the module's parameter node in the scene."""

    def __init__(self, parent: Any = None) -> None:
        super().__init__()
        self.moduleName = type(self).__name__.removesuffix("Logic")
        self.isSingletonParameterNode = True

    def getParameterNode(self) -> Any:
        """The module's parameter node in the scene, added if there is none."""
        known = self.getAllParameterNodes()
        if self.isSingletonParameterNode:
            node = slicer.mrmlScene.GetSingletonNode(self.moduleName, "vtkMRMLScriptedModuleNode")
            if node is not None:
                node.SetAttribute("ModuleName", self.moduleName)  # closing the scene may have taken it away
                return node
        elif known:
            return known[0]
        return slicer.mrmlScene.AddNode(self.createParameterNode())

    def getAllParameterNodes(self) -> list[Any]:
        """All parameter nodes of this module."""
        nodes = slicer.util.getNodesByClass("vtkMRMLScriptedModuleNode")
        return [n for n in nodes if n.GetAttribute("ModuleName") == self.moduleName]

    def createParameterNode(self) -> Any:
        """A new parameter node, not yet in the scene."""
        node = slicer.mrmlScene.CreateNodeByClass("vtkMRMLScriptedModuleNode")
        node.UnRegister(None)
        if self.isSingletonParameterNode:
            node.SetSingletonTag(self.moduleName)
        node.SetAttribute("ModuleName", self.moduleName)
        node.SetName(slicer.mrmlScene.GenerateUniqueName(self.moduleName))
        return node


class ScriptedLoadableModuleTest(unittest.TestCase):
    """Base of a module's self test."""

    messageDelay = 50

    def delayDisplay(self, message: str, requestedDelay: int | None = None, msec: int | None = None) -> None:
        """Show a message for a moment; below 400 ms only the event loop runs."""
        slicer.util.delayDisplay(message, self.messageDelay)

    def runTest(self) -> None:
        """To be overridden."""
        logging.warning("%s defines no test", type(self).__name__)


def module() -> types.ModuleType:
    """The module object `slicer.ScriptedLoadableModule`."""
    made = types.ModuleType("slicer.ScriptedLoadableModule")
    classes = (
        ScriptedLoadableModule,
        ScriptedLoadableModuleWidget,
        ScriptedLoadableModuleLogic,
        ScriptedLoadableModuleTest,
    )
    for cls in classes:
        setattr(made, cls.__name__, cls)
    made.__all__ = [cls.__name__ for cls in classes]  # type: ignore[attr-defined]
    return made
