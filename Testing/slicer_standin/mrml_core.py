"""Scene, application logic and module logics of slicer-core, put together as the application does at start.

Order matters (slicer-core notes, section 3): a logic gets the application logic first, then the scene; giving
it the scene is what registers its node classes.
"""

from pathlib import Path
from typing import Any

import vtk

from .untyped import slicer

LOGIC_CLASSES = {
    "Colors": "vtkSlicerColorLogic",
    "Volumes": "vtkSlicerVolumesLogic",
    "Tables": "vtkSlicerTablesLogic",
    "Plots": "vtkSlicerPlotsLogic",
    "Markups": "vtkSlicerMarkupsLogic",
    "Models": "vtkSlicerModelsLogic",
    "SubjectHierarchy": "vtkSlicerSubjectHierarchyModuleLogic",
    "Terminologies": "vtkSlicerTerminologiesModuleLogic",
    "Segmentations": "vtkSlicerSegmentationsModuleLogic",
    "Transforms": "vtkSlicerTransformLogic",
    "Sequences": "vtkSlicerSequencesLogic",
    "Texts": "vtkSlicerTextsLogic",
    "Units": "vtkSlicerUnitsLogic",
}
LAYOUT_NUMBERS = (0, 2, 3, 4, 6, 7, 8, 37)  # vtkMRMLLayoutNode's; those layout.py knows


class MrmlCore:
    """The Qt-free half of the application: `scene`, `application_logic`, `logics` by module name."""

    def __init__(self, folder: Path) -> None:
        """`folder`: an empty private folder for temporary files and the scene's cache."""
        self.folder = folder
        self.scene = slicer.vtkMRMLScene()
        self.application_logic = self._make_application_logic()
        self._cache = self._give_scene_a_cache(folder / "cache")
        self.logics = {name: self._make_logic(name, cls) for name, cls in LOGIC_CLASSES.items()}
        self.application_logic.GetColorLogic().SetMRMLScene(self.scene)
        self.application_logic.GetColorLogic().AddDefaultColorNodes()
        slicer.vtkMRMLSliceNode.AddDefaultSliceOrientationPresets(self.scene, True)
        self._add_singletons()
        slicer.mrmlScene = self.scene

    def _make_application_logic(self) -> Any:
        logic = slicer.vtkSlicerApplicationLogic()
        logic.SetMRMLScene(self.scene)
        logic.SetHomeDirectory(str(self.folder))
        logic.SetShareDirectory("share")  # relative to home; slicer-core ships no share files
        logic.SetTemporaryPath(str(self.folder))
        logic.SetSliceLogics(vtk.vtkCollection())
        logic.SetViewLogics(vtk.vtkCollection())
        slicer.vtkMRMLSliceViewDisplayableManagerFactory.GetInstance().SetMRMLApplicationLogic(logic)
        return logic

    def _give_scene_a_cache(self, folder: Path) -> tuple[Any, Any]:
        """ReadFromMRB asks the scene's cache manager for a folder and fails without one."""
        folder.mkdir(parents=True, exist_ok=True)
        cache, data_io = slicer.vtkCacheManager(), slicer.vtkDataIOManager()
        cache.SetRemoteCacheDirectory(str(folder))
        data_io.SetCacheManager(cache)
        self.scene.SetDataIOManager(data_io)
        self.scene.SetCacheManager(cache)
        return cache, data_io  # the scene does not keep them alive

    def _make_logic(self, name: str, cls: str) -> Any:
        logic = getattr(slicer, cls)()
        if hasattr(logic, "SetModuleShareDirectory"):
            logic.SetModuleShareDirectory(str(self.folder / "share"))
        logic.SetMRMLApplicationLogic(self.application_logic)
        logic.SetMRMLScene(self.scene)
        self.application_logic.SetModuleLogic(name, logic)
        return logic

    def _add_singletons(self) -> None:
        crosshair = slicer.vtkMRMLCrosshairNode()
        crosshair.SetCrosshairName("default")
        self.scene.AddNode(crosshair)
        layout = slicer.vtkMRMLLayoutNode()
        layout.SetSingletonTag("vtkMRMLLayoutNode")
        for number in LAYOUT_NUMBERS:
            layout.AddLayoutDescription(number, "<layout/>")  # views are arranged by layout.py
        self.scene.AddNode(layout)
