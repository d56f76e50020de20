"""What ctest runs inside Slicer: the main path, the texts of the panel, and the end of a scene."""

import tempfile
import unittest
from pathlib import Path

import slicer

from SegAETrainerLib.app.self_test import main_path


class SegAETrainerModuleSelfTest(unittest.TestCase):
    """Each test begins with an empty scene."""

    def setUp(self):
        slicer.mrmlScene.Clear()

    def test_from_folders_to_a_model_that_segae_uses(self):
        with tempfile.TemporaryDirectory() as folder:
            main_path(self, Path(folder))

    def test_every_widget_of_the_ui_file_is_of_its_own_class(self):
        """Without its Designer plugin a widget silently becomes a plain QWidget."""
        ui = self._panel().ui
        for name, cls in (
            ("dataSection", "ctkCollapsibleButton"),
            ("findingsBox", "ctkCollapsibleGroupBox"),
            ("ctEdit", "ctkPathLineEdit"),
        ):
            self.assertEqual(getattr(ui, name).className(), cls)

    def test_without_folders_it_says_what_to_do(self):
        panel = self._panel()
        for field in (panel.data.work, panel.data.index, panel.pairs.set, panel.training.run):
            field.set("")
        self.assertFalse(panel.ui.startButton.enabled)
        self.assertTrue(panel.ui.indexInfo.text)
        self.assertTrue(panel.ui.startInfo.text)

    def test_a_closed_scene_takes_the_charts_along(self):
        panel = self._panel()
        slicer.mrmlScene.Clear()
        slicer.app.processEvents()
        panel.poll()
        self.assertEqual(slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLPlotChartNode"), 0)

    def _panel(self):
        return slicer.modules.segaetrainer.widgetRepresentation().self().panel


if __name__ == "__main__":
    unittest.main()
