"""Masks of one's own: loaded from a folder or a file, and label values that get names."""
# pyright: reportAttributeAccessIssue=false, reportMissingImports=false

from __future__ import annotations

import shutil

import numpy as np
import pytest
from dicom_files import (
    KIDNEY,
    LEFT,
    Contour,
    described,
    rectangle,
    write_ct_of,
    write_rtstruct,
    write_seg,
)
from panel_views import in_view

from segae.io.ct import read_ct
from segae.io.segmentation import read_segmentation
from SegAELib.mrml.binding import nodes_of_class
from SegAELib.mrml.nodes import OVERLAY_ATTRIBUTE


def segmentations():
    import slicer

    nodes = nodes_of_class(slicer.mrmlScene, "vtkMRMLSegmentationNode")
    return [node for node in nodes if not node.GetAttribute(OVERLAY_ATTRIBUTE)]


def names(node):
    segmentation = node.GetSegmentation()
    return [segmentation.GetSegment(i).GetName() for i in segmentation.GetSegmentIDs()]


def choose_names(panel, key):
    combo = panel.ui.labelNamesCombo
    combo.setCurrentIndex(combo.findData(key))
    combo.activated.emit(combo.findData(key))


@pytest.fixture
def folder(tmp_path, sample_dir):
    """A folder of three masks, one of them empty."""
    for name in ("liver", "kidney_left", "brain"):
        shutil.copy(sample_dir / "segmentations" / f"{name}.nii.gz", tmp_path)
    return tmp_path


def load(panel, bed, path):
    panel.load.load(path)
    bed.wait_until(lambda: panel.load._job is None, 60)
    bed.process_events()


def test_a_folder_becomes_one_segmentation_with_names_organs_and_reference(panel, ct, bed, folder):
    import slicer

    load(panel, bed, folder)
    assert "3 masks were loaded" in panel.messages.text
    (node,) = segmentations()
    assert panel.parameters.segmentation is node and panel.parameters.volume is ct
    assert node.GetName() == folder.name
    assert sorted(names(node)) == ["brain", "kidney_left", "liver"]
    assert node.GetNodeReference(node.GetReferenceImageGeometryReferenceRole()) is ct
    liver = next(i for i in node.GetSegmentation().GetSegmentIDs() if "liver" in i)
    assert "10200004" in node.GetSegmentation().GetSegment(liver).GetTerminology(), "SNOMED CT: liver"
    (expected,) = read_segmentation(folder / "liver.nii.gz").segments
    assert np.array_equal(slicer.util.arrayFromSegmentBinaryLabelmap(node, liver, ct), expected.full_mask())
    assert panel.ui.organsInfo.text == "3 of 3 checked"
    assert panel.inputs.table.unclear == []


def test_a_seg_nrrd_file_is_loaded_with_its_names(panel, ct, bed, sample_dir):
    load(panel, bed, sample_dir / "segmentation.seg.nrrd")
    (node,) = segmentations()
    assert len(names(node)) == 41 and "portal_vein_and_splenic_vein" in names(node)
    assert panel.ui.rankButton.enabled


def test_values_without_names_are_refused_until_a_scheme_is_chosen(panel, ct, bed, tmp_path, sample_dir):
    """The bundled label map without the names in its header: which scheme it follows cannot be seen."""
    import SimpleITK

    image = SimpleITK.ReadImage(str(sample_dir / "segmentation_multilabel.nii.gz"))
    SimpleITK.WriteImage(image, str(tmp_path / "labels.nrrd"))
    load(panel, bed, tmp_path / "labels.nrrd")
    assert segmentations() == [] and "under Label names" in panel.messages.text
    assert "--" not in panel.messages.text, "an option of a command, which nobody can give here"
    choose_names(panel, "totalsegmentator_v2")
    load(panel, bed, tmp_path / "labels.nrrd")
    (node,) = segmentations()
    assert {"spleen", "kidney_right", "liver"} <= set(names(node))


def test_a_damaged_file_is_said_and_nothing_is_left(panel, ct, bed, tmp_path):
    (tmp_path / "liver.nii.gz").write_bytes(b"nothing of the kind")
    load(panel, bed, tmp_path / "liver.nii.gz")
    assert "liver.nii.gz" in panel.messages.text and segmentations() == []
    assert panel.ui.loadFileButton.enabled


def write_dicom(folder, sample_dir, overlapping):
    """The bundled CT as a DICOM series, and two of its masks as a segmentation."""
    volume = read_ct(sample_dir / "ct.nii.gz")
    masks = [read_segmentation(sample_dir / "segmentations" / f"{name}.nii.gz").segments[0].full_mask()
             for name in ("liver", "kidney_left")]  # fmt: skip
    if overlapping:
        masks[1] |= np.roll(masks[0], 3, axis=2)
    dicom = write_ct_of(folder / "ct", volume)
    segments = [described(1, "Segment 1"), described(2, "Segment 2", KIDNEY, LEFT)]
    return dicom, write_seg(folder / "seg.dcm", dicom, np.stack(masks, axis=-1), segments), masks


@pytest.mark.parametrize("overlapping", [False, True])
def test_a_dicom_segmentation_becomes_one_segmentation_named_by_its_codes(
    panel, ct, bed, tmp_path, sample_dir, overlapping
):
    import slicer

    dicom, path, masks = write_dicom(tmp_path, sample_dir, overlapping)
    ct.SetAttribute("DICOM.instanceUIDs", " ".join(str(image.SOPInstanceUID) for image in dicom.images))
    load(panel, bed, path)
    assert "2 masks were loaded" in panel.messages.text
    (node,) = segmentations()
    ids = node.GetSegmentation().GetSegmentIDs()
    assert [str(panel.organs[i].structure) for i in ids] == ["liver", "kidney left"]
    for segment_id, mask in zip(ids, masks, strict=True):
        assert np.array_equal(slicer.util.arrayFromSegmentBinaryLabelmap(node, segment_id, ct), mask)
    assert panel.ui.rankButton.enabled


def test_a_segmentation_of_other_images_is_refused(panel, ct, bed, tmp_path, sample_dir):
    _, path, _ = write_dicom(tmp_path, sample_dir, False)
    ct.SetAttribute("DICOM.instanceUIDs", "1.2.3 1.2.4")
    load(panel, bed, path)
    assert "drawn on other images" in panel.messages.text and segmentations() == []


def test_contours_are_filled_on_the_chosen_ct(panel, ct, bed, tmp_path, sample_dir):
    import slicer

    dicom, _, _ = write_dicom(tmp_path, sample_dir, False)
    drawn = {"Liver": [Contour(k, rectangle(20, 30, 40, 60)) for k in (8, 9)]}
    load(panel, bed, write_rtstruct(tmp_path / "rs.dcm", dicom, drawn))
    assert "1 mask was loaded" in panel.messages.text
    (node,) = segmentations()
    expected = np.zeros((30, 101, 122), bool)
    expected[8:10, 20:41, 30:61] = True
    liver = node.GetSegmentation().GetNthSegmentID(0)
    assert np.array_equal(slicer.util.arrayFromSegmentBinaryLabelmap(node, liver, ct), expected)


def test_what_reading_a_segmentation_needs_is_asked_for(panel, ct, bed, tmp_path, sample_dir, monkeypatch):
    """The child finds no highdicom; what the panel looks for in its place is not there either."""
    _, path, _ = write_dicom(tmp_path, sample_dir, False)
    (tmp_path / "highdicom.py").write_text("raise ImportError\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr("SegAELib.app.load_section.FOR_DICOM_MASKS", {"segae-no-such-package": "1.0"})
    load(panel, bed, path)
    assert segmentations() == [] and panel.load._job is None
    assert "Packages are missing" in panel.messages.text
    bed.wait_until(lambda: not panel.packages.busy, 60)
    assert "Reading DICOM masks needs segae-no-such-package" in panel.ui.packagesLabel.text or (
        "pip could not" in panel.messages.text
    )
    assert panel.context.has_packages(), "scoring needs other packages, which are there"
    assert "Everything is installed: torch" in panel.ui.packagesLabel.text


def test_masks_need_a_ct_first(panel, folder):
    panel.load.load(folder)
    assert "Load the CT first" in panel.messages.text and not panel.runs.running


@pytest.fixture
def generic(panel, ct, segmentation, bed):
    """The bundled label map as Slicer loads it: segments called after their values."""
    panel.parameters.segmentation = segmentation
    bed.process_events()
    assert all(name.startswith("Segment_") for name in names(segmentation))
    return segmentation


def test_segments_called_after_values_get_names_from_a_scheme_and_back(panel, generic, bed):
    before = names(generic)
    assert panel.ui.nameSegmentsButton.visible
    assert panel.ui.nameSegmentsButton.text == f"Name {len(before)} segments by their label values"
    panel.ui.nameSegmentsButton.click()
    assert "choose whose label map it is" in panel.messages.text and names(generic) == before
    choose_names(panel, "totalsegmentator_v2")
    panel.ui.nameSegmentsButton.click()
    named = dict(zip(before, names(generic), strict=True))
    assert (named["Segment_1"], named["Segment_5"]) == ("spleen", "liver")
    assert f"{len(before)} segments are named" in panel.messages.text
    assert panel.inputs.table.unclear == [] and panel.ui.rankButton.enabled
    assert not panel.ui.nameSegmentsButton.visible
    panel.ui.undoNamesButton.click()
    assert names(generic) == before and not panel.ui.undoNamesButton.visible


def test_a_message_about_loading_is_in_view(panel, ct, bed, tmp_path):
    panel.ui.loadFileButton.pressed.emit()
    load(panel, bed, tmp_path / "gone.nii.gz")
    bed.process_events(0.1)
    assert in_view(panel.ui.messageLabel)


def test_names_from_values_are_offered_only_where_there_are_such(loaded):
    assert not loaded.ui.nameSegmentsButton.visible
