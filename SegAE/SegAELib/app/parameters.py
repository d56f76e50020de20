# ruff: noqa: N815 (the names are parameters of the scene, in Slicer's style)
"""What the panel remembers in the scene."""
# No `from __future__ import annotations` here: the wrapper needs the types themselves.
# pyright: reportMissingImports=false, reportAttributeAccessIssue=false

from typing import Annotated

from slicer import vtkMRMLScalarVolumeNode, vtkMRMLSegmentationNode
from slicer.parameterNodeWrapper import WithinRange, parameterNodeWrapper


@parameterNodeWrapper
class SegAEParameterNode:
    """`organs`: the user's choices, see `organ_choices`. `walk`: over "all" slices, or by "segment".
    `model`: a bundled name or a file."""

    segmentation: vtkMRMLSegmentationNode
    volume: vtkMRMLScalarVolumeNode
    organs: dict[str, str]
    threshold: Annotated[float, WithinRange(0.05, 0.95)] = 0.7
    onlyPoor: bool = False
    order: str = "review"
    walk: str = "all"
    advance: bool = True
    showColours: bool = True
    opacity: Annotated[float, WithinRange(0, 1)] = 0.85
    hideFills: bool = False
    palette: str = "traffic"
    keepColours: bool = False
    surface: bool = False
    model: str = "bundled"
    device: str = "auto"
    batchSize: Annotated[int, WithinRange(1, 256)] = 32
    tenSlices: bool = False
