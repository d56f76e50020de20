"""Predict one scan by many checkpoints through nnU-Net, reading and resampling the scan once."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from segae.data import Volume
from segae.geometry.grid import Grid
from segae.geometry.orientation import axis_codes, to_orientation
from segae.io.ct import read_ct
from segae.labels.table import LabelTable
from segae_trainer.data.scan_files import write_nifti
from segae_trainer.pseudo_labels.stunet import read_state_dict
from segae_trainer.pseudo_labels.workspace import ROWS, Workspace

_READ_IN = "RAS"  # what nnU-Net's reader of the training data reorients to


class Predictor:
    """nnU-Net's predictor with the plan and the data set description of a workspace."""

    def __init__(self, workspace: Workspace, device: torch.device, label_table: LabelTable) -> None:
        from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor

        self._workspace, self._label_table = workspace, label_table
        self._inner: Any = nnUNetPredictor(
            use_mirroring=False,
            perform_everything_on_device=device.type == "cuda",
            device=device,
            allow_tqdm=False,
        )
        first = min(workspace.model.glob("fold_0/checkpoint_epoch_*.pth")).name
        self._inner.initialize_from_trained_model_folder(str(workspace.model), (0,), first)
        self._rows = np.array(self._inner.dataset_json[ROWS], np.uint8)

    def predict(self, ct_path: Path, targets: Mapping[str, Path]) -> Iterator[Path]:
        """Write what each checkpoint ("epoch_0010") predicts for a CT to its target; yields the targets.

        Targets are label maps (`.nii.gz`) with rows of the label table, or else folders of binary files.
        """
        ct = read_ct(ct_path)
        image, grid = network_orientation(ct)
        plans, configuration = self._inner.plans_manager, self._inner.configuration_manager
        data, _, properties = configuration.preprocessor_class(verbose=False).run_case_npy(
            image,
            None,
            {"spacing": [float(mm) for mm in grid.spacing[::-1]]},
            plans,
            configuration,
            self._inner.dataset_json,
        )
        for source, target in targets.items():
            self._inner.list_of_parameters = [read_state_dict(self._workspace.checkpoint(source))]
            logits = self._inner.predict_logits_from_preprocessed_data(torch.from_numpy(data))
            labels = self._rows[self._labels(logits, properties)]
            stored, _ = to_orientation(labels, grid, axis_codes(ct.grid))
            write_prediction(target, stored, ct.grid, self._label_table)
            yield target

    def _labels(self, logits: Tensor, properties: dict[str, Any]) -> np.ndarray:
        """nnU-Net's labels on the grid of the scan in RAS, [k, j, i]: its preprocessing undone."""
        plans, configuration = self._inner.plans_manager, self._inner.configuration_manager
        spacing = [properties["spacing"][axis] for axis in plans.transpose_forward]
        shape = properties["shape_after_cropping_and_before_resampling"]

        def resample(one: Tensor) -> Tensor:
            return torch.as_tensor(
                configuration.resampling_fn_probabilities(one, shape, configuration.spacing, spacing)
            )

        labels = np.zeros(properties["shape_before_cropping"], np.uint8)
        box = tuple(slice(low, high) for low, high in properties["bbox_used_for_cropping"])
        labels[box] = resampled_argmax(logits, resample)
        return labels.transpose(plans.transpose_backward)


def network_orientation(ct: Volume) -> tuple[np.ndarray, Grid]:
    """Image (1, nk, nj, ni; float32) in the axis order of nnU-Net's training data, and its grid."""
    voxels, grid = to_orientation(ct.voxels, ct.grid, _READ_IN)
    return np.ascontiguousarray(voxels, np.float32)[None], grid


def resampled_argmax(logits: Tensor, resample: Callable[[Tensor], Tensor]) -> np.ndarray:
    """Class (uint8; D, H, W) with the largest logit after resampling; `logits` (C, D, H, W) with C < 256.

    `resample` takes and gives (1, D, H, W). Classes are resampled one by one: all 142 of a whole body at once
    would need some 90 GB.
    """
    highest = resample(logits[:1])[0]
    labels = torch.zeros(highest.shape, dtype=torch.uint8)
    for number in range(1, len(logits)):
        candidate = resample(logits[number : number + 1])[0]
        better = candidate > highest
        labels[better] = number
        highest = torch.where(better, candidate, highest)
    return labels.numpy()


def write_prediction(target: Path, labels: np.ndarray, grid: Grid, label_table: LabelTable) -> None:
    """Rows of the label table as a label map (`.nii.gz`), or as a folder with a file for each."""
    if target.name.endswith(".nii.gz"):
        write_nifti(target, labels, grid)
    else:
        _write_structures(target, labels, grid, label_table)


def _write_structures(folder: Path, labels: np.ndarray, grid: Grid, label_table: LabelTable) -> None:
    """A binary file for each row of the label table in `labels`; the folder appears whole or not at all."""
    part = folder.with_name(f".{folder.name}.{uuid.uuid4().hex}.part")
    try:
        part.mkdir(parents=True)
        for row in np.unique(labels[labels > 0]):
            name = label_table.by_index(int(row)).name.replace(" ", "_")
            write_nifti(part / f"{name}.nii.gz", (labels == row).astype(np.uint8), grid)
        part.replace(folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)  # gone already when all went well
