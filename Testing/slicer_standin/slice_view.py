"""One slice view drawn off screen by VTK with Slicer's own displayable managers.

The CT itself is not drawn by a displayable manager: the slice logic's blended image is shown by an image
actor. That actor must be in the renderer before the managers add theirs, and views must exist before data is
loaded; otherwise the CT is missing under segment fills (slicer-core notes, section 7).
"""

from typing import Any

import numpy as np
import vtk
from vtkmodules.util.numpy_support import vtk_to_numpy

from .mrml_core import MrmlCore
from .untyped import slicer

MANAGERS = (
    "vtkMRMLVolumeGlyphSliceDisplayableManager",
    "vtkMRMLModelSliceDisplayableManager",
    "vtkMRMLCrosshairDisplayableManager",
    "vtkMRMLOrientationMarkerDisplayableManager",
    "vtkMRMLRulerDisplayableManager",
    "vtkMRMLScalarBarDisplayableManager",
    "vtkMRMLSegmentationsDisplayableManager2D",
    "vtkMRMLMarkupsDisplayableManager",
    "vtkMRMLTransformsDisplayableManager2D",
    "vtkMRMLColorLegendDisplayableManager",
)


class OffscreenSliceView:
    """Renderer, displayable managers and slice logic of one view.

    Attributes:
        logic: vtkMRMLSliceLogic; `node` is its slice node.
        dirty: True when something asked for a new picture since the last one was drawn.

    Data that changed without anybody asking for a picture are not seen, as in the application: there a view
    is drawn on request only.
    """

    def __init__(
        self, core: MrmlCore, name: str, orientation: str, colour: tuple[float, float, float]
    ) -> None:
        self.dirty = True
        self._drawn: np.ndarray | None = None
        self.renderer = vtk.vtkRenderer()
        self.window = vtk.vtkRenderWindow()
        self.window.SetOffScreenRendering(1)
        self.window.SetMultiSamples(0)
        self.window.AddRenderer(self.renderer)
        self.renderer.GetActiveCamera().ParallelProjectionOn()
        self._interactor = vtk.vtkRenderWindowInteractor()
        self._interactor.SetRenderWindow(self.window)
        self._interactor.Initialize()
        self._mapper, self._actor = self._make_image_actor()
        self.corner = vtk.vtkCornerAnnotation()
        self.renderer.AddViewProp(self.corner)
        self.managers = self._make_managers(core)
        self.logic = self._make_logic(core, name, orientation, colour)
        self.node: Any = self.logic.GetSliceNode()
        self.managers.SetMRMLDisplayableNode(self.node)
        self.managers.AddObserver(vtk.vtkCommand.UpdateEvent, self._mark_dirty)
        self.resize(400, 300)

    def _make_image_actor(self) -> tuple[Any, Any]:
        mapper, actor = vtk.vtkImageMapper(), vtk.vtkActor2D()
        mapper.SetColorWindow(255)
        mapper.SetColorLevel(127.5)
        actor.SetMapper(mapper)
        actor.GetProperty().SetDisplayLocationToBackground()
        actor.SetVisibility(0)
        self.renderer.AddViewProp(actor)
        return mapper, actor

    def _make_managers(self, core: MrmlCore) -> Any:
        factory = slicer.vtkMRMLSliceViewDisplayableManagerFactory.GetInstance()
        factory.SetMRMLApplicationLogic(core.application_logic)
        for manager in MANAGERS:
            if not factory.IsDisplayableManagerRegistered(manager):
                factory.RegisterDisplayableManager(manager)
        group = slicer.vtkMRMLDisplayableManagerGroup()
        group.Initialize(factory, self.renderer)
        return group

    def _make_logic(
        self, core: MrmlCore, name: str, orientation: str, colour: tuple[float, float, float]
    ) -> Any:
        logic = slicer.vtkMRMLSliceLogic()
        logic.SetMRMLApplicationLogic(core.application_logic)
        core.application_logic.GetSliceLogics().AddItem(logic)
        logic.SetMRMLScene(core.scene)
        node = logic.AddSliceNode(name)
        node.SetOrientation(orientation)
        node.SetLayoutColor(*colour)
        node.SetMappedInLayout(1)
        logic.AddObserver(vtk.vtkCommand.ModifiedEvent, self._logic_changed)
        return logic

    def _mark_dirty(self, *_: Any) -> None:
        self.dirty = True

    def _logic_changed(self, *_: Any) -> None:
        connection = self.logic.GetImageDataConnection()
        self._mapper.SetInputConnection(connection)
        self._actor.SetVisibility(bool(connection))
        self.dirty = True

    def show_next_background(self, step: int) -> None:
        """Another scalar volume of the scene becomes the background."""
        scene, composite = self.logic.GetMRMLScene(), self.logic.GetSliceCompositeNode()
        kind = "vtkMRMLScalarVolumeNode"
        ids = [scene.GetNthNodeByClass(n, kind).GetID() for n in range(scene.GetNumberOfNodesByClass(kind))]
        if ids:
            shown = composite.GetBackgroundVolumeID()
            place = ids.index(shown) + step if shown in ids else 0
            composite.SetBackgroundVolumeID(ids[place % len(ids)])

    def resize(self, width: int, height: int) -> None:
        """Size of the picture in pixels."""
        self.window.SetSize(width, height)
        self._interactor.UpdateSize(width, height)
        self.logic.ResizeSliceNode(width, height)
        self.dirty = True

    def pixels(self) -> np.ndarray:
        """The picture that was last asked for; RGB uint8 array (rows from the top, columns, 3)."""
        if self.dirty or self._drawn is None:
            self._drawn = self.render()
        return self._drawn

    def render(self) -> np.ndarray:
        """A picture of what is there now, whether somebody asked for it or not."""
        self.window.Render()
        reader = vtk.vtkWindowToImageFilter()
        reader.SetInput(self.window)
        reader.ReadFrontBufferOff()
        reader.ShouldRerenderOff()
        reader.Update()
        image = reader.GetOutput()
        columns, rows, _ = image.GetDimensions()
        self.dirty = False
        pixels = vtk_to_numpy(image.GetPointData().GetScalars()).reshape(rows, columns, -1)
        self._drawn = drawn = pixels[::-1, :, :3].copy()
        return drawn

    def pixel_of(self, ras: tuple[float, float, float]) -> tuple[int, int]:
        """(row, column) in `pixels` of a world position in mm, projected onto the slice."""
        to_view = vtk.vtkMatrix4x4()
        to_view.DeepCopy(self.node.GetXYToRAS())
        to_view.Invert()
        x, y = to_view.MultiplyPoint((*ras, 1.0))[:2]
        return self.window.GetSize()[1] - 1 - round(y), round(x)

    def close(self) -> None:
        """Let go of the scene and the graphics memory."""
        self.managers.SetMRMLDisplayableNode(None)
        self.window.Finalize()
