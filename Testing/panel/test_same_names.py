"""Command, scene reader and Slicer without a window take awkward segments for the same organs."""
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import numpy as np
import pytest

from segae.cli.main import main
from segae.io.segmentation import read_segmentation
from segae.labels.resolver import resolve
from segae.labels.terminology import terminology_for
from segae.results.files import read_report

SAMPLE = Path(__file__).resolve().parents[2] / "SegAE/Resources/SampleData/totalsegmentator_s0001"
SCRIPT = Path(__file__).resolve().parents[2] / "SegAE" / "Scripts" / "segae_batch.py"
TISSUE = (
    "Segmentation category and type - 3D Slicer General Anatomy list"
    "~SCT^85756007^Tissue~SCT^85756007^Tissue~^^~Anatomic codes - DICOM master list~^^~^^"
)


def coded(organ: str) -> str:
    return terminology_for(resolve(organ).structure)


def unsided(organ: str) -> str:
    """The entry of a paired organ without its side."""
    category, anatomy, kind, _, *rest = coded(organ).split("~")
    return "~".join([category, anatomy, kind, "^^", *rest])


# id, name, terminology -> the structure, "" for a refusal
AWKWARD = [
    ("S_1", "liver", coded("spleen"), ""),
    ("S_2", "spleen tumor", coded("spleen"), ""),
    ("13", "Segment_3", TISSUE, ""),
    ("S_4", "aorta", "Private list~SCT^123037004^Anatomical Structure~99LAB^17^Rohr 17~^^~~^^~^^", "aorta"),
    ("S_5", "left kidney", unsided("kidney_left"), "kidney left"),
    ("S_6", "Kidney", coded("kidney_right"), "kidney right"),
    ("S_7", "adrenal gland", TISSUE, ""),
    ("vertebrae_T11", "vertebrae T12", coded("vertebrae_T12"), "vertebrae T12"),
    ("stomach", "Magen (Anna)", TISSUE, "stomach"),
    ("S_10", "14", coded("pancreas"), "pancreas"),
    ("gallbladder", "duodenum", TISSUE, ""),
    ("Segment_12", "Segment_12", TISSUE, ""),
]
EXPECTED = {name: structure for _, name, _, structure in AWKWARD}


@pytest.fixture
def node(ct):
    """The twelve segments, a block of the sample's liver each."""
    import slicer

    made = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "awkward")
    made.SetReferenceImageGeometryParameterFromVolumeNode(ct)
    shape = slicer.util.arrayFromVolume(ct).shape
    for n, (segment_id, name, terminology, _) in enumerate(AWKWARD):
        made.GetSegmentation().AddEmptySegment(segment_id, name)
        made.GetSegmentation().GetSegment(segment_id).SetTerminology(terminology)
        mask = np.zeros(shape, np.uint8)
        mask[14:18, 40:50, 10 + 5 * n : 14 + 5 * n] = 1
        slicer.util.updateSegmentBinaryLabelmapFromArray(mask, made, segment_id, ct)
    return made


def names_of(report) -> dict[str, str]:
    return {one.segment: one.structure for one in report.segments}


def test_twelve_awkward_segments_mean_the_same_everywhere(node, ct, bed, model, tmp_path, monkeypatch):
    import slicer

    from SegAELib.mrml.scene_reader import read_segments

    in_scene = {s.name: str(s.structure or "") for s in read_segments(node, ct).values()}
    assert in_scene == EXPECTED

    file, scene = tmp_path / "awkward.seg.nrrd", tmp_path / "patient.mrb"
    assert slicer.util.saveNode(node, str(file)) and slicer.util.saveScene(str(scene))
    in_file = {s.name: str(s.structure or "") for s in read_segmentation(file).segments}
    assert in_file == EXPECTED

    arguments = ["--model", str(model), "--device", "cpu", "--slices", "1"]
    with monkeypatch.context() as patch:
        command = ["segae", "score", str(SAMPLE / "ct.nii.gz"), str(file), "--out", str(tmp_path / "command")]
        patch.setattr(sys, "argv", [*command, *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
    assert not ended.value.code
    assert names_of(read_report(tmp_path / "command" / "report.json")) == EXPECTED

    codes: list[int] = []
    monkeypatch.setattr(slicer.util, "exit", lambda code=0: codes.append(code))
    with bed.without_main_window(), monkeypatch.context() as patch:
        out = ["--out", str(tmp_path / "headless"), *arguments]
        patch.setattr(sys, "argv", [str(SCRIPT), str(scene), *out])
        runpy.run_path(str(SCRIPT), run_name="__main__")
    assert codes == [0]
    assert names_of(read_report(tmp_path / "headless" / "cases" / "patient.parquet")) == EXPECTED
