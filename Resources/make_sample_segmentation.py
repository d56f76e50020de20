"""Writes the sample's masks as a Slicer segmentation with names: python Resources/make_sample_segmentation.py

Slicer does not read the names in the header of a NIfTI file, so that its label map would come as Segment_1,
Segment_2 and so on. Needs slicer-core.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import slicer
from vtkmodules.util.numpy_support import numpy_to_vtk

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "SegAE"))

from segae.data import Segment  # noqa: E402
from segae.io.segmentation import read_segmentation  # noqa: E402
from SegAELib.mrml.matrices import to_vtk  # noqa: E402

CASE = ROOT / "SegAE" / "Resources" / "SampleData" / "totalsegmentator_s0001"
COLOURS = 8  # shades in a round; neighbours in the list get different ones


def main() -> None:
    segments = read_segmentation(CASE / "segmentation_multilabel.nii.gz").segments
    filled = [segment for segment in segments if not segment.is_empty]
    scene = slicer.vtkMRMLScene()
    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "s0001 masks")
    image = _labels(filled)
    for value, segment in enumerate(filled, start=1):
        added = slicer.vtkSegment()
        added.SetName(segment.name)
        added.SetColor(*_colour(value))
        added.SetLabelValue(value)
        added.AddRepresentation("Binary labelmap", image)
        node.GetSegmentation().AddSegment(added, segment.name)
    storage = scene.AddNewNodeByClass("vtkMRMLSegmentationStorageNode")
    storage.SetFileName(str(CASE / "segmentation.seg.nrrd"))
    if not storage.WriteData(node):
        raise SystemExit("the segmentation could not be written")


def _labels(segments: list[Segment]) -> slicer.vtkOrientedImageData:
    """All masks in one labelmap, 1 for the first; the masks of this case do not overlap."""
    grid = segments[0].grid
    labels = np.zeros(grid.shape, np.uint8)
    for value, segment in enumerate(segments, start=1):
        labels[segment.box][segment.voxels()] = value
    image = slicer.vtkOrientedImageData()
    image.SetExtent(0, grid.size[0] - 1, 0, grid.size[1] - 1, 0, grid.size[2] - 1)
    image.SetImageToWorldMatrix(to_vtk(grid.affine))
    scalars = numpy_to_vtk(labels.ravel(), deep=True)
    scalars.SetName("ImageScalars")
    image.GetPointData().SetScalars(scalars)
    return image


def _colour(value: int) -> tuple[float, float, float]:
    """Pale colours that differ from those of the scores."""
    shade = 2 * np.pi * value / COLOURS
    red, green, blue = (0.62 + 0.22 * np.cos(shade + turn) for turn in (0.0, 2.1, 4.2))
    return (float(red), float(green), float(blue))


if __name__ == "__main__":
    main()
