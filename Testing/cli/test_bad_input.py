"""Everything that can be wrong with a file ends in exit code 2 and one line that names it and helps.

Nothing is left behind: not a folder, not half a file.
"""

from __future__ import annotations

import errno
import json
import os
import resource
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import SimpleITK
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from segae.models.spec import METADATA_KEY
from segae.results.files import read_report

Change = Callable[[Path, Callable[[np.ndarray], np.ndarray]], None]


def cut(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


@pytest.fixture
def refused(score_case, case: Path, tmp_path: Path):
    """The line that `segae score --out` ends with, after checking that nothing was written."""

    def run(*arguments: object, **files: Path) -> str:
        before = sorted(tmp_path.rglob("*"))
        line = score_case("--out", tmp_path / "out", *arguments, **files).refusal()
        assert sorted(tmp_path.rglob("*")) == before
        return line

    return run


def test_a_ct_that_is_not_there(refused, tmp_path: Path):
    line = refused(ct=tmp_path / "missing.nii.gz")
    assert f'There is no file "{tmp_path}/missing.nii.gz"; check the path.' in line


def test_masks_that_are_not_there(refused, tmp_path: Path):
    assert f'There is no file "{tmp_path}/missing"; check the path.' in refused(masks=tmp_path / "missing")


def test_a_folder_without_masks(refused, tmp_path: Path):
    (tmp_path / "empty").mkdir()
    assert f'"{tmp_path}/empty" holds no mask files' in refused(masks=tmp_path / "empty")


def test_the_folder_of_a_case_instead_of_its_masks(refused, case: Path):
    assert f'give "{case}/segmentations"' in refused(masks=case)


def test_a_ct_cut_short(refused, case: Path):
    cut(case / "ct.nii.gz")
    line = refused()
    assert f'"{case}/ct.nii.gz" is cut short or damaged (its packed voxels end too early); copy it' in line


def test_a_mask_cut_short(refused, mask_of: Path):
    cut(mask_of)
    line = refused()
    assert str(mask_of) in line
    assert "cut short" in line
    assert "copy it again" in line


@pytest.mark.parametrize("name", ["volume.png", "volume", "ct"])
def test_a_name_that_is_no_image_s(refused, case: Path, name: str):
    """ "ct" lies beside ct.nii.gz, which must not be read in its place."""
    (case / name).write_bytes(b"neither an image nor any other known file\n" * 50)
    line = refused(ct=case / name)
    assert f'"{case}/{name}" is no image by its name' in line
    assert ".nii.gz" in line


@pytest.mark.parametrize("name", ["volume.nrrd", "volume.mha", "volume.nii"])
def test_a_wrong_extension(refused, case: Path, name: str):
    (case / name).write_bytes(b"neither an image nor any other known file\n" * 50)
    line = refused(ct=case / name)
    assert f'"{case}/{name}" is a text file and no image' in line


def test_a_nifti_file_called_nrrd(refused, case: Path):
    (case / "ct.nii.gz").rename(case / "ct.nrrd")
    assert "is NIfTI, not NRRD as its name says; rename it to end in .nii" in refused(ct=case / "ct.nrrd")


def test_a_mask_of_another_size(refused, mask_of: Path):
    image = SimpleITK.ReadImage(str(mask_of))
    SimpleITK.WriteImage(image[:, :, :20], str(mask_of))
    line = refused()
    assert f'"{mask_of}" does not lie on the grid of the CT' in line
    assert "size 122x101x20 instead of 122x101x30 voxels" in line
    assert "--resample" in line


def test_a_mask_of_another_patients_geometry(refused, mask_of: Path):
    image = SimpleITK.ReadImage(str(mask_of))
    image.SetOrigin((12.0, -300.0, 41.0))
    image.SetSpacing((1.5, 1.5, 1.5))
    SimpleITK.WriteImage(image, str(mask_of))
    line = refused()
    assert f'"{mask_of}" does not lie on the grid of the CT' in line
    assert "spacing 1.5 x 1.5 x 1.5 instead of 3 x 3 x 3 mm" in line
    assert "give the CT that the masks were drawn on" in line


def test_an_all_zero_mask(refused, case: Path, mask_of: Path, rewrite: Change):
    rewrite(mask_of, np.zeros_like)
    assert f'Every mask in "{case}/segmentations" is empty; give masks with voxels.' in refused()


def test_a_float_mask_with_a_half(refused, mask_of: Path, rewrite: Change):
    rewrite(mask_of, lambda voxels: voxels.astype(np.float32) * 0.5)
    line = refused()
    assert f'"{mask_of}" holds 0.5 and is no mask; cut it off at a threshold' in line


def test_labels_that_nothing_names(refused, case: Path, mask_of: Path, rewrite: Change):
    labels = case / "labels.nii.gz"
    shutil.copyfile(mask_of, labels)
    rewrite(labels, lambda voxels: voxels.astype(np.int16) * 777)
    line = refused(masks=labels)
    assert f'"{labels}" holds the values 777, and nothing says what they stand for' in line
    assert "--names" in line and "totalsegmentator_v2" in line


def test_file_names_that_are_not_in_the_table(refused, case: Path, mask_of: Path):
    mask_of.rename(mask_of.with_name("xyzzy.nii.gz"))
    line = refused()
    assert f'No file name in "{case}/segmentations" is a known structure' in line
    assert "xyzzy" in line


def test_an_organ_that_may_mean_two(refused, mask_of: Path):
    line = refused("--name", "kidney", masks=mask_of)
    assert str(mask_of) in line
    assert "'kidney left' or 'kidney right'" in line


def test_a_name_for_a_folder(refused, case: Path):
    assert f'"{case}/segmentations" is a folder' in refused("--name", "liver")


@pytest.mark.parametrize(
    ("content", "todo"),
    [
        (b"", "is empty (0 bytes)"),
        (b"this is no DICOM file", "give the folder with the slices"),
        (b"\0" * 128 + b"DICM" + b"\xff" * 64, "give the folder with the slices"),
    ],
)
def test_an_unreadable_dicom_folder(refused, tmp_path: Path, content: bytes, todo: str):
    folder = tmp_path / "dicom"
    folder.mkdir()
    for number in range(3):
        (folder / f"{number}.dcm").write_bytes(content)
    line = refused(ct=folder)
    assert f'"{folder}" holds no readable DICOM images; ' in line
    assert todo in line


def test_masks_given_as_ct(refused, sample_dir: Path):
    labels = sample_dir / "segmentation_multilabel.nii.gz"
    line = refused(ct=labels)
    assert f'"{labels}" looks like a label map' in line


def test_a_ct_with_nan(refused, case: Path, rewrite: Change):
    def spoil(voxels: np.ndarray) -> np.ndarray:
        spoilt = voxels.astype(np.float32)
        spoilt[0, 0, 0] = np.nan
        return spoilt

    rewrite(case / "ct.nii.gz", spoil)
    assert "holds NaN or infinite values in 1 of " in (said := refused()) and "replace them" in said


def test_names_that_cannot_be_read(refused, sample_dir: Path, tmp_path: Path):
    (tmp_path / "names.json").write_text("{broken")
    labels = sample_dir / "segmentation_multilabel.nii.gz"
    line = refused("--names", tmp_path / "names.json", masks=labels)
    assert f'"{tmp_path}/names.json" holds no label names' in line


# ---- options


@pytest.mark.parametrize(
    ("option", "value", "match"),
    [
        ("--slices", "0", "0 slices cannot be scored; give 1 or more"),
        ("--device", "abacus", 'There is no device "abacus"; choose auto, cpu'),
        ("--engine", "steam", 'There is no engine "steam"; choose one of torch, onnx'),
        ("--model", "nonesuch", 'There is no model "nonesuch"'),
    ],
)
def test_an_option_without_sense(refused, option: str, value: str, match: str):
    assert match in refused(option, value)


# ---- checkpoints


def resaved(model: Path, target: Path, **changes: object) -> Path:
    """The checkpoint with other words about itself: its `format`, or fields of its description."""
    with safe_open(model, framework="pt") as file:
        metadata = dict(file.metadata())
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (not a dict)
    described = json.loads(metadata[METADATA_KEY])
    described["format"] = changes.pop("format", described["format"])
    described["spec"] |= changes
    metadata[METADATA_KEY] = json.dumps(described)
    save_file(tensors, target, metadata=metadata)
    return target


def test_an_unknown_checkpoint_version(refused, model: Path, tmp_path: Path):
    path = resaved(model, tmp_path / "future.safetensors", format=99)
    line = refused("--model", path)
    assert "future.safetensors" in line
    assert "format 99" in line
    assert "update SegAE" in line


def test_a_checkpoint_of_an_unknown_architecture(refused, model: Path, tmp_path: Path):
    line = refused("--model", resaved(model, tmp_path / "m.safetensors", architecture="segae-unheard-of"))
    assert '"segae-unheard-of"' in line
    assert "update SegAE or choose another model" in line


@pytest.mark.parametrize("backbone", ["resnet50", "resnet1001"])
def test_a_checkpoint_of_another_backbone(refused, model: Path, tmp_path: Path, backbone: str):
    line = refused("--model", resaved(model, tmp_path / "m.safetensors", backbone=backbone))
    assert backbone in line


def test_weights_without_a_description(refused, tmp_path: Path):
    save_file({"weight": torch.zeros(2)}, tmp_path / "plain.safetensors")
    line = refused("--model", tmp_path / "plain.safetensors")
    assert "plain.safetensors" in line
    assert "segae model import" in line


def test_a_checkpoint_cut_short(refused, model: Path, tmp_path: Path):
    shutil.copyfile(model, tmp_path / "short.safetensors")
    cut(tmp_path / "short.safetensors")
    line = refused("--model", tmp_path / "short.safetensors")
    assert "short.safetensors" in line
    assert "get it again" in line


def test_published_weights_that_were_not_imported(refused, tmp_path: Path):
    (tmp_path / "best.pth").write_bytes(b"whatever")
    assert "segae model import" in refused("--model", tmp_path / "best.pth")


# ---- results


@pytest.mark.parametrize("out", ["taken", "taken/deeper/still"])
def test_a_file_where_the_results_should_go_is_found_before_the_work(score_case, tmp_path: Path, out: str):
    (tmp_path / "taken").write_text("mine")
    line = score_case("--out", tmp_path / out, ct=tmp_path / "not even looked at").refusal()
    assert f'"{tmp_path}/taken" is a file; choose another folder.' in line
    assert (tmp_path / "taken").read_text() == "mine"


def test_a_folder_without_write_permission_is_found_before_the_work(
    score_case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("os.access", lambda path, mode: Path(path) != tmp_path)  # root may write anywhere
    line = score_case("--out", tmp_path / "out").refusal()
    assert f'no permission to write in "{tmp_path}"; choose another folder.' in line


def test_a_result_that_cannot_be_written_ends_with_two_and_one_line(score_case, tmp_path: Path):
    (tmp_path / "out/report.json").mkdir(parents=True)
    ended = score_case("--out", tmp_path / "out")
    (line,) = ended.err.splitlines()
    assert ended.code == 2
    assert f"Cannot write {tmp_path}/out/report.json" in line
    assert "choose another folder" in line
    assert not list(tmp_path.rglob("*.part"))


def test_a_full_disk_leaves_whole_files_only(score_case, tmp_path: Path, room: int = 20_000):
    """No file may grow beyond `room` bytes, as on a disk with room for the tables, not for the pictures."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, before[1]))
    try:
        ended = score_case("--out", tmp_path / "out")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    (line,) = ended.err.splitlines()
    assert ended.code == 2
    assert f"Cannot write {tmp_path}/out/worst_slices.png" in line
    assert "free some space or choose another folder" in line
    written = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert written == ["report.csv", "report.json", "structures.csv"]
    assert read_report(tmp_path / "out/report.csv") == read_report(tmp_path / "out/report.json")


def test_a_disk_without_any_room_gets_no_file_at_all(
    score_case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("os.fsync", full)
    ended = score_case("--out", tmp_path / "out")
    (line,) = ended.err.splitlines()
    assert ended.code == 2
    assert f"Cannot write {tmp_path}/out/report.csv (No space left on device); free some space" in line
    assert list((tmp_path / "out").iterdir()) == []
