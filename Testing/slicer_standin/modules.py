# ruff: noqa: N801, N802, N815 (the names are Slicer's and Qt's)
"""`slicer.modules`, the module manager, and how a scripted module becomes a module of the application."""

import importlib.util
import sys
import types
from pathlib import Path
from typing import Any

from PySide6 import QtCore, QtWidgets

from .context_menu import qSlicerSubjectHierarchyPluginHandler
from .segment_editor import SegmentEditorPanel
from .untyped import slicer
from .widget_base import plain_property, stand_in
from .widgets_mrml import qSlicerWidget

MODULE_FIELDS = ("name", "path", "title", "categories", "dependencies", "contributors", "helpText")
MODULE_FIELDS += ("acknowledgementText", "icon", "hidden", "index")


class Modules:
    """`slicer.modules`: modules by lower-case name; also ``<Name>Widget`` and ``<Name>Instance``."""

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"slicer.modules has no {name!r}; loaded: {', '.join(sorted(vars(self)))}")


class BuiltInModule:
    """A module that comes with Slicer: its logic, and its panel where the test bed has one."""

    def __init__(self, name: str, logic: Any, panel: Any = None) -> None:
        self.name, self.title, self.path, self.categories = name, name, "", ["Built-in"]
        self._logic, self._panel = logic, panel

    def logic(self) -> Any:
        """The C++ logic."""
        return self._logic

    def widgetRepresentation(self) -> Any:
        """The panel.

        Raises:
            NotImplementedError: the test bed has no stand-in for this panel.
        """
        if self._panel is None:
            raise NotImplementedError(f"the test bed has no panel of the module {self.name}")
        return self._panel


@stand_in
class qSlicerScriptedLoadableModuleWidget(qSlicerWidget):
    """The C++ widget around a module's Python panel."""

    isEntered = plain_property(bool, "isEntered", False)

    def __init__(self, module: Any) -> None:
        super().__init__()
        self._module = module
        self._panel: Any = None
        layout = QtWidgets.QVBoxLayout(self)
        layout.setContentsMargins(4, 4, 4, 4)
        self.setMRMLScene(slicer.mrmlScene)
        self.reload()

    def self(self) -> Any:
        """The Python panel (<Name>Widget)."""
        return self._panel

    def reload(self) -> None:
        """Make the panel from the class that is now in sys.modules, and set it up; it is not entered."""
        name = self._module.name
        self._panel = getattr(sys.modules[name], name + "Widget")(self)
        setattr(slicer.modules, name + "Widget", self._panel)
        self._panel.setup()

    def enter(self) -> None:
        """The module was chosen."""
        self._isEntered = True
        self._panel.enter()

    def exit(self) -> None:
        """Another module was chosen."""
        self._isEntered = False
        self._panel.exit()


class qSlicerScriptedLoadableModule:
    """A scripted module of the application; also the `parent` its module class fills in.

    `logic()` is the C++ logic of every scripted module, never the Python class: that one is
    ``slicer.util.getModuleLogic(name)`` (guide 2.4).
    """

    def __init__(self, name: str, path: Path) -> None:
        self.name, self.path, self.icon, self.hidden, self.index = name, str(path), None, False, -1
        self.categories: list[str] = []
        self.dependencies: list[str] = []
        self._cpp_logic = slicer.vtkSlicerScriptedLoadableModuleLogic()
        self._widget: qSlicerScriptedLoadableModuleWidget | None = None

    def __setattr__(self, name: str, value: Any) -> None:
        if not name.startswith("_") and name not in MODULE_FIELDS:
            raise AttributeError(f"a module has no attribute {name!r}; it has {', '.join(MODULE_FIELDS)}")
        object.__setattr__(self, name, value)

    def logic(self) -> Any:
        """vtkSlicerScriptedLoadableModuleLogic."""
        return self._cpp_logic

    def widgetRepresentation(self) -> qSlicerScriptedLoadableModuleWidget:
        """The panel's C++ widget, made (and set up) at the first call."""
        if self._widget is None:
            self._widget = qSlicerScriptedLoadableModuleWidget(self)
        return self._widget

    def createNewWidgetRepresentation(self) -> qSlicerScriptedLoadableModuleWidget:
        """Another panel."""
        return qSlicerScriptedLoadableModuleWidget(self)

    def has_widget(self) -> bool:
        """Whether the panel was made already. (Not part of Slicer's class.)"""
        return self._widget is not None


@stand_in
class qSlicerModuleManager(QtCore.QObject):
    """Finds modules by name and announces loading and unloading."""

    moduleLoaded = QtCore.Signal(str)
    moduleAboutToBeUnloaded = QtCore.Signal(str)
    moduleUnloaded = QtCore.Signal(str)

    def __init__(self, logics: dict[str, Any], segment_editor: SegmentEditorPanel) -> None:
        super().__init__()
        self._modules: dict[str, Any] = {n: BuiltInModule(n, logic) for n, logic in logics.items()}
        self._modules["SegmentEditor"] = BuiltInModule("SegmentEditor", None, segment_editor)
        for name, module in self._modules.items():
            setattr(slicer.modules, name.lower(), module)

    def module(self, name: str) -> Any:
        """The module of that exact name, or None."""
        return self._modules.get(name)

    def modulesNames(self) -> tuple[str, ...]:
        """Names of all loaded modules."""
        return tuple(self._modules)

    def factoryManager(self) -> Any:
        """For slicer.util.moduleNames()."""
        return types.SimpleNamespace(loadedModuleNames=self.modulesNames, isLoaded=self._modules.__contains__)

    def load(self, path: Path) -> qSlicerScriptedLoadableModule:
        """Make the module of a scripted module's .py file, without its panel. (Not part of Slicer's class.)

        Raises:
            ImportError: the file has no class of its own name, or a module it depends on is not loaded.
        """
        name = path.stem
        if str(path.parent) not in sys.path:
            sys.path.insert(0, str(path.parent))
        spec = importlib.util.spec_from_file_location(name, path)
        if spec is None or spec.loader is None:
            raise ImportError(f"{path} is no Python file")
        python = importlib.util.module_from_spec(spec)
        sys.modules[name] = python
        spec.loader.exec_module(python)
        if not hasattr(python, name):
            raise ImportError(
                f"{path} has no class {name}; Slicer takes every .py of a module folder for a module"
            )
        module = qSlicerScriptedLoadableModule(name, path)
        instance = getattr(python, name)(module)
        missing = [d for d in module.dependencies if d not in self._modules]
        if missing:
            raise ImportError(f"{name} depends on modules that are not loaded: {', '.join(missing)}")
        self._modules[name] = module
        setattr(slicer.modules, name.lower(), module)
        setattr(slicer.modules, name + "Instance", instance)
        if hasattr(instance, "setup"):
            instance.setup()
        self.moduleLoaded.emit(name)
        return module

    def unload(self, name: str) -> None:
        """Take a scripted module away as at the application's end. (Not part of Slicer's class.)"""
        module = self._modules.pop(name)
        self.moduleAboutToBeUnloaded.emit(name)
        if module.has_widget():
            widget = module.widgetRepresentation()
            widget.setParent(None)
            widget.deleteLater()
        for attribute in (name.lower(), name + "Instance", name + "Widget"):
            vars(slicer.modules).pop(attribute, None)
        sys.modules.pop(name, None)
        qSlicerSubjectHierarchyPluginHandler.instance().forget()
        self.moduleUnloaded.emit(name)

    def scripted(self) -> list[str]:
        """Names of the loaded scripted modules. (Not part of Slicer's class.)"""
        return [n for n, m in self._modules.items() if isinstance(m, qSlicerScriptedLoadableModule)]
