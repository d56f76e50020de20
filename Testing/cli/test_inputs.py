"""Inputs as people have them, at the command: odd paths, DICOM folders, masks that lost their place."""

from __future__ import annotations

import os
from pathlib import Path

import nibabel
import numpy as np
import pydicom
import pytest
import SimpleITK

from segae.results.files import read_report

NOT_UTF8 = os.fsdecode(b"caf\xe9")


@pytest.fixture
def score(segae, model: Path):
    def run(ct: Path, masks: Path, *arguments: object):
        return segae("score", ct, masks, "--model", model, "--device", "cpu", *arguments)

    return run


def predicted(out: Path) -> dict[str, float]:
    return {s.segment: s.predicted_dice or 0.0 for s in read_report(out / "report.json").segments}


def test_a_path_that_is_not_utf8_is_scored_batched_and_not_scored_again(segae, score, model, case, tmp_path):
    (tmp_path / "data").mkdir()
    odd = case.rename(tmp_path / "data" / NOT_UTF8)
    ended = score(odd / "ct.nii.gz", odd / "segmentations", "--out", tmp_path / "out")
    assert ended.code == 0, ended.err
    assert "caf\\xe9" in (tmp_path / "out/report.json").read_text(encoding="utf-8").replace("\\\\", "\\")
    arguments = ("batch", tmp_path / "data", "--out", tmp_path / "b", "--model", model, "--device", "cpu")
    first, again = segae(*arguments), segae(*arguments)
    assert "1 scored, 0 done before, 0 failed" in first.err
    assert "0 scored, 1 done before, 0 failed" in again.err


def test_a_sentence_about_a_path_that_is_not_utf8_names_it(score, case):
    odd = case / NOT_UTF8
    odd.write_bytes(b"")
    assert "caf\\xe9" in score(odd, case / "segmentations").refusal()


def dicom(image: SimpleITK.Image, folder: Path, series: str = "1.2.3") -> Path:
    """A CT series of `image`."""
    folder.mkdir(exist_ok=True)
    for k in range(image.GetDepth()):
        plane = image[:, :, k]
        position = image.TransformIndexToPhysicalPoint((0, 0, k))
        direction = np.reshape(image.GetDirection(), (3, 3))
        tags = {
            "0008|0060": "CT", "0020|000e": series, "0020|000d": "1.2", "0028|1053": "1",
            "0028|1052": "-1024",
            "0020|0032": "\\".join(f"{mm:.4f}" for mm in position), "0020|0013": str(k),
            "0020|0037": "\\".join(f"{x:.6f}" for x in (*direction[:, 0], *direction[:, 1])),
        }  # fmt: skip
        for key, value in tags.items():
            plane.SetMetaData(key, value)
        writer = SimpleITK.ImageFileWriter()
        writer.KeepOriginalImageUIDOn()
        writer.SetFileName(str(folder / f"{series}.{k}.dcm"))
        writer.Execute(plane)
    return folder


def test_a_dicom_ct_with_nifti_masks_has_the_scores_of_the_nifti_ct(score, case, tmp_path):
    folder = dicom(SimpleITK.DICOMOrient(SimpleITK.ReadImage(str(case / "ct.nii.gz")), "LPS"), tmp_path / "d")
    for name, ct in (("nifti", case / "ct.nii.gz"), ("dicom", folder)):
        ended = score(ct, case / "segmentations", "--out", tmp_path / name)
        assert ended.code == 0, ended.err
    expected = predicted(tmp_path / "nifti")
    assert predicted(tmp_path / "dicom") == pytest.approx(expected, abs=5e-4) and expected


def test_of_two_series_one_is_chosen_by_an_option_and_by_a_column(segae, score, model, case, tmp_path):
    ct = SimpleITK.ReadImage(str(case / "ct.nii.gz"))
    folder = dicom(ct, dicom(ct[:, :, ::2], tmp_path / "d", "1.2.9"))
    assert "choose one with --series" in score(folder, case / "segmentations").refusal()
    assert score(folder, case / "segmentations", "--series", "1.2.3").code == 0
    manifest = tmp_path / "cases.csv"
    manifest.write_text(f"ct,masks,series\n{folder},{case / 'segmentations'},1.2.3\n")
    ended = segae("batch", manifest, "--out", tmp_path / "b", "--model", model, "--device", "cpu")
    assert "1 scored" in ended.err, ended.err


def test_a_mask_that_lost_its_place_is_scored_with_ct_grid_and_a_warning(score, case, tmp_path):
    assert score(case / "ct.nii.gz", case / "segmentations", "--out", tmp_path / "whole").code == 0
    for path in (case / "segmentations").iterdir():
        image = nibabel.Nifti1Image.from_filename(path)
        voxels, affine = np.asarray(image.dataobj), np.array(image.affine)
        affine[:3, 3] = 0
        nibabel.Nifti1Image(voxels, affine).to_filename(path)
    assert "--ct-grid" in score(case / "ct.nii.gz", case / "segmentations").refusal()
    ended = score(case / "ct.nii.gz", case / "segmentations", "--ct-grid", "--out", tmp_path / "moved")
    assert ended.code == 0 and "GRID_DIFFERS" in ended.err
    assert predicted(tmp_path / "moved") == pytest.approx(predicted(tmp_path / "whole"), abs=5e-4)


def test_a_dicom_file_that_crashes_a_decoder_costs_one_case(segae, model, case, tmp_path, monkeypatch):
    """Packed pixels are unpacked by a process that may end in any way."""
    folder = dicom(SimpleITK.ReadImage(str(case / "ct.nii.gz"))[:, :, :4], tmp_path / "d")
    for path in folder.iterdir():
        image = pydicom.dcmread(path)
        image.compress(pydicom.uid.RLELossless)  # type: ignore[attr-defined]
        image.save_as(path)
    crash = tmp_path / "crash.py"
    crash.write_text("import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)\n")
    monkeypatch.setattr("segae.io.dicom_unpack.__file__", str(crash))
    manifest = tmp_path / "cases.csv"
    masks = case / "segmentations"
    manifest.write_text(f"case,ct,masks\na,{folder},{masks}\nb,{case / 'ct.nii.gz'},{masks}\n")
    ended = segae("batch", manifest, "--out", tmp_path / "b", "--model", model, "--device", "cpu")
    assert "1 scored, 0 done before, 1 failed" in ended.err
    assert "the decoder crashed" in ended.err
