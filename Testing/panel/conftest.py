"""Fixtures of all panel tests. They run in a process of their own:

QT_QPA_PLATFORM=offscreen VTK_DEFAULT_OPENGL_WINDOW=vtkOSOpenGLRenderWindow python -m pytest Testing/panel
"""
# pyright: reportAttributeAccessIssue=false, reportMissingImports=false

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

TESTING = Path(__file__).resolve().parents[1]
SAMPLE = TESTING.parent / "SegAE" / "Resources" / "SampleData" / "totalsegmentator_s0001"
if str(TESTING) not in sys.path:
    sys.path.insert(0, str(TESTING))

import slicer_standin  # noqa: E402

if TYPE_CHECKING:
    from slicer_standin import Guard, TestBed


@pytest.fixture(scope="session")
def running_bed() -> "TestBed":
    """The process's test bed; a machine without OpenGL fails here."""
    return slicer_standin.start()


@pytest.fixture
def guard(running_bed: "TestBed") -> Iterator["Guard"]:
    """Fails the test for whatever Qt, VTK or Slicer swallowed; `guard.expecting(...)` allows an exception."""
    with slicer_standin.Guard() as watching:
        yield watching


@pytest.fixture
def bed(running_bed: "TestBed", guard: "Guard") -> Iterator["TestBed"]:
    """A fresh test bed: no scripted modules, empty scene and settings. Guarded."""
    yield running_bed
    running_bed.reset()


@pytest.fixture
def ct(bed: "TestBed") -> Any:
    """The bundled CT (122 x 101 x 30 voxels of 3 mm), shown in the slice views."""
    import slicer

    node = slicer.util.loadVolume(str(SAMPLE / "ct.nii.gz"))
    slicer.util.setSliceViewerLayers(background=node, fit=True)
    return node


@pytest.fixture
def segmentation(ct: Any) -> Any:
    """The bundled label map as a segmentation, with the CT as its reference volume."""
    import slicer

    node = slicer.util.loadSegmentation(str(SAMPLE / "segmentation_multilabel.nii.gz"))
    node.SetReferenceImageGeometryParameterFromVolumeNode(ct)
    return node
