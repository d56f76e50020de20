"""A small Slicer without windows: a real MRML scene with its logics, and the bundled case loaded into it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

# Software rendering, chosen before VTK is loaded: repeated pictures are equal to the pixel.
os.environ.setdefault("VTK_DEFAULT_OPENGL_WINDOW", "vtkOSOpenGLRenderWindow")

import numpy as np
import pytest
import SimpleITK
import vtk
from vtkmodules.util.numpy_support import numpy_to_vtk, vtk_to_numpy

from SegAELib.mrml.binding import BINARY_LABELMAP, slicer
from SegAELib.mrml.matrices import to_vtk

SAMPLE = Path(__file__).parents[2] / "SegAE" / "Resources" / "SampleData" / "totalsegmentator_s0001"
LOGICS = {
    "Colors": "vtkSlicerColorLogic",
    "Volumes": "vtkSlicerVolumesLogic",
    "Tables": "vtkSlicerTablesLogic",
    "Transforms": "vtkSlicerTransformLogic",
    "SubjectHierarchy": "vtkSlicerSubjectHierarchyModuleLogic",
    "Segmentations": "vtkSlicerSegmentationsModuleLogic",
}
SLICE_MANAGERS = ("vtkMRMLSegmentationsDisplayableManager2D",)
RENDER = (
    "import vtk; w = vtk.vtkRenderWindow(); w.SetOffScreenRendering(1); "
    "w.AddRenderer(vtk.vtkRenderer()); w.Render()"
)


@dataclass
class MiniScene:
    """A scene with the logics that read, write and register node classes."""

    scratch: Path
    scene: Any = field(default_factory=lambda: slicer.vtkMRMLScene())
    logics: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.application = slicer.vtkSlicerApplicationLogic()
        self.application.SetMRMLScene(self.scene)
        self.application.SetHomeDirectory(str(self.scratch))
        self.application.SetShareDirectory("share")
        (self.scratch / "share" / "ColorFiles").mkdir(parents=True)
        self.application.SetTemporaryPath(str(self.scratch))
        self.application.SetSliceLogics(vtk.vtkCollection())
        self._cache, self._io = (
            slicer.vtkCacheManager(),
            slicer.vtkDataIOManager(),
        )  # .mrb needs a cache folder
        self._cache.SetRemoteCacheDirectory(str(self.scratch))
        self._io.SetCacheManager(self._cache)
        self.scene.SetDataIOManager(self._io)
        self.scene.SetCacheManager(self._cache)
        for module, name in LOGICS.items():
            logic = getattr(slicer, name)()
            logic.SetMRMLApplicationLogic(self.application)
            logic.SetMRMLScene(self.scene)
            self.application.SetModuleLogic(module, logic)
            self.logics[module] = logic
        self.application.GetColorLogic().SetMRMLScene(self.scene)
        self.application.GetColorLogic().AddDefaultColorNodes()
        slicer.vtkMRMLSliceNode.AddDefaultSliceOrientationPresets(self.scene, True)

    def add_volume(self, voxels: np.ndarray, affine: np.ndarray, name: str = "CT") -> Any:
        """A scalar volume from an array [k, j, i]."""
        image = vtk.vtkImageData()
        image.SetDimensions(voxels.shape[::-1])
        image.GetPointData().SetScalars(numpy_to_vtk(np.ascontiguousarray(voxels).ravel(), deep=True))
        node = slicer.vtkMRMLScalarVolumeNode()
        node.SetName(name)
        node.SetAndObserveImageData(image)
        node.SetIJKToRASMatrix(to_vtk(affine))
        self.scene.AddNode(node)
        node.CreateDefaultDisplayNodes()
        return node

    def add_segmentation(
        self,
        layers: list[tuple[np.ndarray, np.ndarray, dict[int, str]]],
        volume: Any = None,
        name: str = "Organs",
        start: tuple[int, int, int] = (0, 0, 0),
    ) -> Any:
        """Segments on shared labelmaps: (labels [k, j, i], affine, name by label) each; the name is the id
        too.

        `start` (i, j, k): the index of each array's first voxel, as in a labelmap cropped to what was
        painted.
        """
        node = self.scene.AddNewNodeByClass("vtkMRMLSegmentationNode", name)
        segmentation = node.GetSegmentation()
        segmentation.SetSourceRepresentationName(BINARY_LABELMAP)
        for labels, affine, names in layers:
            image = slicer.vtkOrientedImageData()
            extent = [(s, s + n - 1) for s, n in zip(start, labels.shape[::-1], strict=True)]
            image.SetExtent(*(value for pair in extent for value in pair))
            image.SetGeometryFromImageToWorldMatrix(to_vtk(affine))
            scalars = numpy_to_vtk(np.ascontiguousarray(labels).ravel(), deep=True)
            scalars.SetName("ImageScalars")
            image.GetPointData().SetScalars(scalars)
            for value, segment_name in names.items():
                segment = slicer.vtkSegment()
                segment.SetName(segment_name)
                segment.SetLabelValue(value)
                segment.AddRepresentation(BINARY_LABELMAP, image)
                segmentation.AddSegment(segment, segment_name)
        if volume is not None:
            node.SetReferenceImageGeometryParameterFromVolumeNode(volume)
        node.CreateDefaultDisplayNodes()
        return node

    def add_transform(self, matrix: np.ndarray, *nodes: Any) -> Any:
        """A linear transform above the nodes."""
        transform = self.scene.AddNewNodeByClass("vtkMRMLLinearTransformNode", "Transform")
        transform.SetMatrixTransformToParent(to_vtk(matrix))
        for node in nodes:
            node.SetAndObserveTransformNodeID(transform.GetID())
        return transform

    def load_ct(self) -> Any:
        """The bundled CT, read by Slicer's own reader, in a window for soft tissue."""
        node = self.logics["Volumes"].AddArchetypeVolume(str(SAMPLE / "ct.nii.gz"), "CT", 0)
        node.GetDisplayNode().AutoWindowLevelOff()
        node.GetDisplayNode().SetWindowLevel(400, 40)
        return node


@pytest.fixture
def mini(tmp_path: Path) -> MiniScene:
    scratch = tmp_path / "cache"
    scratch.mkdir()
    return MiniScene(scratch)


@pytest.fixture(autouse=True)
def no_swallowed_errors(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    """What VTK only prints fails the test here: exceptions in observers, and errors of C++ classes."""
    swallowed: list[str] = []
    monkeypatch.setattr(
        sys, "excepthook", lambda kind, value, trace: swallowed.append(f"{kind.__name__}: {value}")
    )
    yield
    swallowed += [line for line in capfd.readouterr().err.splitlines() if "ERR|" in line]
    assert not swallowed


@pytest.fixture(scope="session")
def sample_labels() -> np.ndarray:
    """Labels [k, j, i] of the bundled multi-label file."""
    image = SimpleITK.ReadImage(str(SAMPLE / "segmentation_multilabel.nii.gz"))
    return SimpleITK.GetArrayFromImage(image).astype(np.uint8)


@pytest.fixture(scope="session")
def can_render() -> None:
    """VTK ends the process when there is no OpenGL, so a child process tries first."""
    done = subprocess.run([sys.executable, "-c", RENDER], capture_output=True, check=False)
    assert done.returncode == 0, "VTK cannot render here; install libosmesa6"


class SliceView:
    """What a slice widget of Slicer shows, drawn off screen."""

    def __init__(self, mini: MiniScene, name: str, orientation: str, size: int = 240) -> None:
        self.window, self.renderer = vtk.vtkRenderWindow(), vtk.vtkRenderer()
        self.window.SetOffScreenRendering(1)
        self.window.SetMultiSamples(0)
        self.window.SetSize(size, size)
        self.window.AddRenderer(self.renderer)
        self._interactor = vtk.vtkRenderWindowInteractor()
        self._interactor.SetRenderWindow(self.window)
        self._interactor.Initialize()
        self._interactor.UpdateSize(size, size)
        self.renderer.GetActiveCamera().ParallelProjectionOn()
        # The image is the first actor of the view, as in Slicer: actors are drawn in the order they were
        # added.
        self._mapper, self._actor = vtk.vtkImageMapper(), vtk.vtkActor2D()
        self._mapper.SetColorWindow(255)
        self._mapper.SetColorLevel(127.5)
        self._actor.SetMapper(self._mapper)
        self._actor.GetProperty().SetDisplayLocationToBackground()
        self._actor.SetVisibility(False)
        self.renderer.AddViewProp(self._actor)
        factory = slicer.vtkMRMLSliceViewDisplayableManagerFactory.GetInstance()
        factory.SetMRMLApplicationLogic(mini.application)
        for manager in SLICE_MANAGERS:
            if not factory.IsDisplayableManagerRegistered(manager):
                factory.RegisterDisplayableManager(manager)
        self._group = slicer.vtkMRMLDisplayableManagerGroup()
        self._group.Initialize(factory, self.renderer)
        self.logic = slicer.vtkMRMLSliceLogic()
        self.logic.SetMRMLApplicationLogic(mini.application)
        mini.application.GetSliceLogics().AddItem(self.logic)
        self.logic.SetMRMLScene(mini.scene)
        self.node = self.logic.AddSliceNode(name)
        self.node.SetOrientation(orientation)
        self._group.SetMRMLDisplayableNode(self.node)
        self.logic.AddObserver("ModifiedEvent", self._connect)
        self.logic.ResizeSliceNode(size, size)

    def show(self, volume: Any) -> None:
        """Put a volume in the background and fit it into the view."""
        self.logic.GetSliceCompositeNode().SetBackgroundVolumeID(volume.GetID())
        self.logic.FitSliceToBackground()

    def grab(self) -> np.ndarray:
        """The rendered picture (rows from the bottom, columns, rgb), 0..255."""
        self.window.Render()
        reader = vtk.vtkWindowToImageFilter()
        reader.SetInput(self.window)
        reader.ReadFrontBufferOff()
        reader.ShouldRerenderOff()
        reader.Update()
        image = reader.GetOutput()
        columns, rows, _ = image.GetDimensions()
        return vtk_to_numpy(image.GetPointData().GetScalars()).reshape(rows, columns, -1)[..., :3].astype(int)

    def pixel(self, world: tuple[float, float, float]) -> np.ndarray:
        """Colour at a position (RAS mm), whatever slice is shown."""
        inverse = vtk.vtkMatrix4x4()
        vtk.vtkMatrix4x4.Invert(self.node.GetXYToRAS(), inverse)
        x, y = inverse.MultiplyPoint((*world, 1.0))[:2]
        return self.grab()[round(y), round(x)]

    def close(self) -> None:
        self._group.SetMRMLDisplayableNode(None)
        self.window.Finalize()

    def _connect(self, *_: object) -> None:
        connection = self.logic.GetImageDataConnection()
        self._mapper.SetInputConnection(connection)
        self._actor.SetVisibility(connection is not None)


@pytest.fixture
def axial_view(mini: MiniScene, can_render: None) -> Iterator[SliceView]:
    view = SliceView(mini, "Red", "Axial")
    yield view
    view.close()


@pytest.fixture(scope="session")
def sample_folder() -> Path:
    """The bundled case."""
    return SAMPLE
