"""The one place where Slicer's C++ classes enter.

They carry no type stubs, so everything that comes from them is typed `Any` under a name that says what it is.
"""

from __future__ import annotations

from typing import Any

import slicer as _slicer

slicer: Any = _slicer

Scene = Any  # vtkMRMLScene
Node = Any  # any vtkMRMLNode
SegmentationNode = Any  # vtkMRMLSegmentationNode
VolumeNode = Any  # vtkMRMLScalarVolumeNode
TableNode = Any  # vtkMRMLTableNode
SliceNode = Any  # vtkMRMLSliceNode
OrientedImage = Any  # vtkOrientedImageData
Segment = Any  # vtkSegment

BINARY_LABELMAP: str = slicer.vtkSegmentationConverter.GetSegmentationBinaryLabelmapRepresentationName()


def nodes_of_class(scene: Scene, class_name: str) -> list[Node]:
    """The nodes of a class in the order in which they were added."""
    return [scene.GetNthNodeByClass(n, class_name) for n in range(scene.GetNumberOfNodesByClass(class_name))]
