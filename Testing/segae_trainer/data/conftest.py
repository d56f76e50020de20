"""The bundled CT and its masks, brought into the layouts that people have."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from segae.data import Volume
from segae.files import resource
from segae.geometry.grid import Grid
from segae.geometry.orientation import orient_array, orient_grid
from segae.io.ct import read_ct
from segae.labels import resolve
from segae_trainer.data.index import Index, Scan
from segae_trainer.data.scan_files import read_truth, write_nifti
from segae_trainer.pseudo_labels import add_predictions

LIVER, SPLEEN, KIDNEY = ROWS = tuple(
    resolve(name).structure.index for name in ("liver", "spleen", "kidney left")
)

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


@pytest.fixture(scope="session")
def truth(sample_dir: Path, sample_ct: Volume) -> np.ndarray:
    """True rows of three structures [k, j, i] in LAS order."""
    labels, grid = read_truth(Scan("s", "p", sample_dir / "ct.nii.gz", sample_dir / "segmentations"))
    return orient_array(np.where(np.isin(labels, ROWS), labels, 0).astype(np.uint8), grid, "LAS")


@pytest.fixture(scope="session")
def masks(truth: np.ndarray) -> dict[str, np.ndarray]:
    """Rows by segmenter in LAS order. "far" is off by three pixels, misses the liver in slices 10 to 14, and
    invents a kidney in slice 28; "near" is off by one pixel and knows no kidney."""
    far, near = np.roll(truth, -3, axis=1), np.roll(truth, 1, axis=1)
    far[10:15][far[10:15] == LIVER] = 0
    far[28, 2:12, 2:12] = KIDNEY
    near[near == KIDNEY] = 0
    return {"far": far, "near": near}


@pytest.fixture(scope="session")
def index(
    tmp_path_factory: pytest.TempPathFactory,
    sample_ct: Volume,
    truth: np.ndarray,
    masks: dict[str, np.ndarray],
) -> Index:
    """ "a" to train and "b" to validate on; label maps of "far" for both, a file per structure of "near" for
    "a"."""
    folder, scans = tmp_path_factory.mktemp("scans"), []
    las = orient_grid(sample_ct.grid, "LAS")
    for name, split, order in (("a", "train", "RAS"), ("b", "val", "LAS")):
        grid = orient_grid(sample_ct.grid, order)

        def put(place: str, voxels: np.ndarray, order: str = order, grid=grid) -> Path:
            write_nifti(folder / place, orient_array(voxels, las, order), grid)
            return folder / place

        ct = put(f"{name}/ct.nii.gz", orient_array(sample_ct.voxels, sample_ct.grid, "LAS"))
        label = put(f"{name}/label.nii.gz", truth)
        scans.append(Scan(name, f"patient {name}", ct, label, tuple(sorted(ROWS)), (), split))
        put(f"far/{name}.nii.gz", masks["far"])
        if name == "a":
            for row, file in ((LIVER, "liver"), (SPLEEN, "spleen")):
                put(f"near/a/{file}.nii.gz", (masks["near"] == row).astype(np.uint8))
    found = add_predictions(Index(tuple(scans), (), 1), folder / "far", names=Path("dap"))
    return replace(add_predictions(found, folder / "near", names=Path("dap")), findings=())


@pytest.fixture
def files_of() -> Callable[[Path], dict[str, bytes]]:
    """Every file below a folder with its content."""
    return lambda folder: {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
