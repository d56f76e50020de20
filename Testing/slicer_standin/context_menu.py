# ruff: noqa: N801, N802 (the names are Slicer's and Qt's)
"""Scripted plugins of the subject hierarchy, as far as they add actions to the menu of an item.

Read in Slicer's own scripted plugin (Segment Editor): a plugin is given by the path of its file, whose class
of the same name registers itself through its base class and shows its actions when the menu of an item opens.
"""

import importlib.util
import sys
import types
from pathlib import Path
from typing import Any, ClassVar

from PySide6 import QtCore

from .untyped import slicer
from .widget_base import plain_property, stand_in


@stand_in
class qSlicerSubjectHierarchyScriptedPlugin(QtCore.QObject):
    """A plugin whose work a Python class does."""

    name = plain_property(str, "name", "")

    def setPythonSource(self, path: str) -> bool:
        """Load the file and make its class."""
        name = Path(path).stem
        if not name.endswith("Plugin"):
            raise ValueError(f"{path}: Slicer looks for a class of that name, which ends with Plugin")
        spec = importlib.util.spec_from_file_location(name, path)
        if spec is None or spec.loader is None:
            raise ImportError(f"{path} is no Python file")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        self._self = getattr(module, name)(self)
        return True

    def self(self) -> Any:
        """The Python object."""
        return self._self


class qSlicerSubjectHierarchyPluginHandler:
    """Knows the plugins, and the item whose menu is open."""

    _made: "ClassVar[qSlicerSubjectHierarchyPluginHandler | None]" = None

    def __init__(self) -> None:
        self._plugins: dict[str, Any] = {}
        self._item = 0

    @classmethod
    def instance(cls) -> "qSlicerSubjectHierarchyPluginHandler":
        """The only one."""
        if cls._made is None:
            cls._made = cls()
        return cls._made

    def registerPlugin(self, plugin: Any) -> bool:
        """Refuses a second plugin of one name."""
        if plugin.name in self._plugins:
            return False
        self._plugins[plugin.name] = plugin
        return True

    def pluginByName(self, name: str) -> Any:
        """The plugin, or None."""
        return self._plugins.get(name)

    def subjectHierarchyNode(self) -> Any:
        """The scene's one."""
        return slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)

    def currentItem(self) -> int:
        """The item whose menu was opened last."""
        return self._item

    def open_menu(self, node: Any) -> dict[str, Any]:
        """Right click on a node in the module Data: the actions shown, by text. (Not part of Slicer.)"""
        hierarchy = self.subjectHierarchyNode()
        item = hierarchy.GetItemByDataNode(node)
        self._item = item or hierarchy.CreateItem(hierarchy.GetSceneItemID(), node)
        shown = {}
        for plugin in self._plugins.values():
            for action in plugin.self().itemContextMenuActions():
                action.visible = False
            plugin.self().showContextMenuActionsForItem(self._item)
            shown |= {a.text: a for a in plugin.self().itemContextMenuActions() if a.visible}
        return shown

    def forget(self) -> None:
        """No plugins any more. (Not part of Slicer.)"""
        self._plugins, self._item = {}, 0


def _base_class() -> type:
    class AbstractScriptedSubjectHierarchyPlugin:
        """Base of scripted plugins: registers them."""

        def __init__(self, plugin: Any) -> None:
            self.scriptedPlugin = plugin
            qSlicerSubjectHierarchyPluginHandler.instance().registerPlugin(plugin)

    return AbstractScriptedSubjectHierarchyPlugin


def install() -> None:
    """The classes in `slicer`, and the module that holds the base class."""
    slicer.qSlicerSubjectHierarchyScriptedPlugin = qSlicerSubjectHierarchyScriptedPlugin
    slicer.qSlicerSubjectHierarchyPluginHandler = qSlicerSubjectHierarchyPluginHandler
    module: Any = types.ModuleType("AbstractScriptedSubjectHierarchyPlugin")
    module.AbstractScriptedSubjectHierarchyPlugin = _base_class()
    sys.modules[module.__name__] = module
