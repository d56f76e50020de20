"""What ctest runs inside Slicer: the main path, the texts of the panel, and the end of a scene."""

import unittest

import slicer

from SegAELib.app.self_test import load_sample, main_path


class SegAEModuleSelfTest(unittest.TestCase):
    """Each test begins with an empty scene and the module shown."""

    def setUp(self):
        slicer.mrmlScene.Clear()

    def test_from_the_sample_data_to_the_worst_slice(self):
        main_path(self)

    def test_every_widget_of_the_ui_file_is_of_its_own_class(self):
        """Without its Designer plugin a widget silently becomes a plain QWidget."""
        ui = self._panel().ui
        for name, cls in (
            ("segmentationSelector", "qMRMLNodeComboBox"),
            ("inputsSection", "ctkCollapsibleButton"),
            ("thresholdSlider", "ctkSliderWidget"),
            ("organsBox", "ctkCollapsibleGroupBox"),
        ):
            self.assertEqual(getattr(ui, name).className(), cls)

    def test_an_empty_scene_says_what_to_do(self):
        panel = self._panel()
        slicer.app.processEvents()
        self.assertFalse(panel.ui.rankButton.enabled)
        self.assertTrue(panel.ui.inputsInfo.text)

    def test_a_closed_scene_leaves_nothing_shown(self):
        slicer.util.selectModule("SegAE")
        volume, _segmentation = load_sample()
        slicer.app.processEvents()
        self.assertIs(self._panel().parameters.volume, volume)
        slicer.mrmlScene.Clear()
        slicer.app.processEvents()
        self.assertIsNone(self._panel().session)

    def _panel(self):
        return slicer.modules.segae.widgetRepresentation().self().panel


if __name__ == "__main__":
    unittest.main()
