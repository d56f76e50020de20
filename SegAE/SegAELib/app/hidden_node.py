"""Nodes that a panel needs for itself."""

from __future__ import annotations

from typing import Any

from SegAELib.app.binding import slicer


def add_hidden_node(class_name: str, name: str) -> Any:
    """A node of the scene that is not saved with it and not listed."""
    node = slicer.mrmlScene.CreateNodeByClass(class_name)
    node.UnRegister(None)
    node.SetName(name)
    node.SetHideFromEditors(True)
    node.SetSaveWithScene(False)
    return slicer.mrmlScene.AddNode(node)
