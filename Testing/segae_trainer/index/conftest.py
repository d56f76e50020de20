"""The bundled CT and its masks, brought into the layouts that people have."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from segae.files import resource
from segae.geometry.grid import Grid
from segae.io.ct import read_ct
from segae_trainer.data.index import Scan
from segae_trainer.data.scan_masks import read_truth, write_nifti

SAMPLE = Path(str(resource("SampleData", "totalsegmentator_s0001")))


@pytest.fixture(scope="session")
def ct_file() -> Path:
    return SAMPLE / "ct.nii.gz"


@pytest.fixture(scope="session")
def atlas_mask(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample's masks as a label map of table rows, as the DAP Atlas stores them."""
    path = tmp_path_factory.mktemp("atlas") / "labels.nii.gz"
    labels, grid = read_truth(Scan("s", "p", SAMPLE / "ct.nii.gz", SAMPLE / "segmentations"))
    write_nifti(path, labels, grid)
    return path


@pytest.fixture
def shifted_mask(tmp_path: Path, atlas_mask: Path, ct_file: Path) -> Path:
    """The same label map 30 mm to the left of the CT."""
    labels, _ = read_truth(Scan("s", "p", ct_file, atlas_mask))
    grid = read_ct(ct_file).grid
    affine = grid.affine.copy()
    affine[0, 3] -= 30
    path = tmp_path / "shifted.nii.gz"
    write_nifti(path, labels, Grid(grid.size, affine))
    return path


@pytest.fixture
def put(tmp_path: Path) -> Callable[[Path, str], Path]:
    """Copies a file to a place below the test's folder."""

    def copy(source: Path, place: str) -> Path:
        target = tmp_path / place
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)
        return target

    return copy


@pytest.fixture
def put_case(tmp_path: Path) -> Callable[..., Path]:
    """Writes a TotalSegmentator case with a few of the sample's structures."""

    def write(name: str, structures: tuple[str, ...] = ("liver", "spleen", "brain")) -> Path:
        folder = tmp_path / name
        (folder / "segmentations").mkdir(parents=True)
        shutil.copy(SAMPLE / "ct.nii.gz", folder)
        for structure in structures:
            shutil.copy(SAMPLE / "segmentations" / f"{structure}.nii.gz", folder / "segmentations")
        return folder

    return write


@pytest.fixture
def put_dicom(tmp_path: Path, ct_file: Path) -> Callable[[str, str], Path]:
    """Writes the sample CT as a DICOM series of a given modality."""

    def write(place: str, modality: str) -> Path:
        import SimpleITK

        folder = tmp_path / place
        folder.mkdir(parents=True)
        image = SimpleITK.Cast(SimpleITK.ReadImage(str(ct_file)), SimpleITK.sitkInt16)
        writer = SimpleITK.ImageFileWriter()
        writer.KeepOriginalImageUIDOn()
        for k in range(image.GetDepth()):
            plane = image[:, :, k]
            position = "\\".join(str(x) for x in image.TransformIndexToPhysicalPoint((0, 0, k)))
            direction = np.reshape(image.GetDirection(), (3, 3))
            tags = {
                "0008|0016": "1.2.840.10008.5.1.4.1.1.2",
                "0008|0018": f"1.2.3.{k + 1}",
                "0008|0060": modality,
                "0020|000d": "1.2.9",
                "0020|000e": f"1.2.{len(place)}",
                "0020|0013": str(k + 1),
                "0020|0032": position,
                "0020|0037": "\\".join(str(x) for x in [*direction[:, 0], *direction[:, 1]]),
            }
            for key, value in tags.items():
                plane.SetMetaData(key, value)
            writer.SetFileName(str(folder / f"{k:03}.dcm"))
            writer.Execute(plane)
        return folder

    return write
