"""Masks in DICOM as a user gives them to the commands."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK
from dicom_files import CT, SPLEEN, described, write_ct, write_seg

from segae.io.ct import read_ct
from segae.results.files import read_report


@pytest.fixture
def ct(tmp_path: Path, sample_dir: Path) -> CT:
    """The bundled CT as a DICOM series."""
    voxels = read_ct(sample_dir / "ct.nii.gz").voxels[8:20]
    return write_ct(tmp_path / "ct", voxels=voxels)


@pytest.fixture
def masks() -> np.ndarray:
    mask = np.zeros((12, 101, 122), np.uint8)
    mask[3:7, 30:60, 40:80] = 1
    return mask


@pytest.fixture
def seg(tmp_path: Path, ct: CT, masks: np.ndarray) -> Path:
    return write_seg(tmp_path / "seg", ct, masks, [described(1, "Segment 1", SPLEEN)])


def numbers(report: Path) -> list[tuple[object, ...]]:
    (segment,) = read_report(report).segments
    return [(one.slice, one.raw_score) for one in segment.slices]


def test_a_segmentation_gives_the_scores_of_the_same_mask_in_nifti(
    segae, model: Path, tmp_path: Path, ct: CT, seg: Path, masks: np.ndarray
):
    grid = read_ct(ct.folder).grid
    image = SimpleITK.GetImageFromArray(masks)
    image.SetSpacing(grid.spacing.tolist())
    image.SetDirection((np.diag([-1, -1, 1]) @ grid.directions).ravel().tolist())
    image.SetOrigin((np.diag([-1, -1, 1]) @ grid.affine[:3, 3]).tolist())
    SimpleITK.WriteImage(image, str(tmp_path / "spleen.nii.gz"))
    for name, path in (("seg", seg), ("nifti", tmp_path / "spleen.nii.gz")):
        ended = segae(
            "score", ct.folder, path, "--model", model, "--device", "cpu", "--out", tmp_path / f"of_{name}"
        )
        assert ended.code == 0, ended.err
    found = numbers(tmp_path / "of_seg/report.json")
    assert len(found) == 4 and found == numbers(tmp_path / "of_nifti/report.json")


def test_a_batch_takes_segmentations_from_a_manifest(segae, model: Path, tmp_path: Path, ct: CT, seg: Path):
    other = write_ct(tmp_path / "other", (12, 101, 122))
    manifest = tmp_path / "manifest.csv"
    manifest.write_text(f"case,ct,masks\na,{ct.folder},{seg}\nb,{other.folder},{seg}\n")
    ended = segae("batch", manifest, "--out", tmp_path / "out", "--model", model, "--device", "cpu")
    assert ended.code == 3
    assert "1 scored, 0 done before, 1 failed" in ended.err
    assert "another frame of reference" in " ".join(ended.err.split())


def test_masks_of_another_patient_end_in_one_line_and_no_file(
    segae, model: Path, tmp_path: Path, ct: CT, seg: Path
):
    other = write_ct(tmp_path / "other", (12, 101, 122))
    line = segae("score", other.folder, seg, "--model", model, "--out", tmp_path / "out").refusal()
    assert f'"{seg}"' in line and "another frame of reference" in line
    assert not (tmp_path / "out").exists()


def test_a_slice_of_the_ct_in_place_of_masks_is_called_what_it_is(segae, model: Path, ct: CT):
    line = segae("score", ct.folder, ct.folder / "IM003", "--model", model).refusal()
    assert "IM003" in line and "CT Image Storage" in line and "give a DICOM segmentation" in line


def test_masks_are_exported_and_scored_again_with_the_same_numbers(
    segae, model: Path, tmp_path: Path, ct: CT, seg: Path
):
    written = tmp_path / "written.dcm"
    ended = segae("export-seg", ct.folder, seg, "--out", written)
    assert (ended.code, ended.out) == (0, f"Written: {written}\n")
    for path in (seg, written):
        out = tmp_path / f"of_{path.name}"
        assert segae("score", ct.folder, path, "--model", model, "--device", "cpu", "--out", out).code == 0
    assert numbers(tmp_path / "of_written.dcm/report.json") == numbers(tmp_path / "of_seg/report.json")


def test_a_ct_that_is_not_in_dicom_has_nothing_to_export_for(segae, tmp_path: Path, sample_dir: Path):
    masks = sample_dir / "segmentations/liver.nii.gz"
    line = segae("export-seg", sample_dir / "ct.nii.gz", masks, "--out", tmp_path / "seg.dcm").refusal()
    assert "ct.nii.gz" in line and "DICOM" in line and not (tmp_path / "seg.dcm").exists()
