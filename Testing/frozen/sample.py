"""The bundled sample as files: cases with some of its masks, and parts of its slices."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import SimpleITK

from segae.io.segmentation import read_segmentation

FOLDER = Path(__file__).resolve().parents[2] / "SegAE" / "Resources" / "SampleData" / "totalsegmentator_s0001"
CT, MASKS = FOLDER / "ct.nii.gz", FOLDER / "segmentations"

# --- calls into the product ------------------------------------------------------------------------------


def label_map() -> np.ndarray:
    """All masks as rows of the label table, in the file's axis order (K, H, W); later masks go on top."""
    labels = np.zeros(ct_image().GetSize()[::-1], np.uint8)
    for segment in read_segmentation(MASKS).segments:
        if segment.structure is not None and not segment.is_empty:
            labels[segment.box.slices][segment.voxels()] = segment.structure.index
    return labels


# ---------------------------------------------------------------------------------------------------------


def lay_out(folder: Path, masks: Mapping[str, str]) -> Path:
    """A case as in TotalSegmentator's data sets, of links to the sample; `masks`: name -> the sample's name
    of the mask that goes by it."""
    (folder / "segmentations").mkdir(parents=True)
    (folder / "ct.nii.gz").symlink_to(CT)
    for name, source in masks.items():
        (folder / "segmentations" / f"{name}.nii.gz").symlink_to(MASKS / f"{source}.nii.gz")
    return folder


def ct_image() -> SimpleITK.Image:
    return SimpleITK.ReadImage(str(CT))


def write_slices(voxels: np.ndarray, first: int, count: int, path: Path) -> Path:
    """Some axial slices of an array on the CT's grid."""
    image = SimpleITK.GetImageFromArray(voxels)
    image.CopyInformation(ct_image())
    SimpleITK.WriteImage(image[:, :, first : first + count], str(path))
    return path


def ct_array() -> np.ndarray:
    """The CT (K, H, W)."""
    return SimpleITK.GetArrayFromImage(ct_image())
