"""Where nnU-Net keeps its files, what it needs to run, and the scans of an index as its raw data set."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from segae.errors import InputError
from segae.files import whole_file
from segae.io.ct import read_ct
from segae.io.readers import read_grid
from segae.progress import Watch
from segae_trainer.data.index import Index, Scan
from segae_trainer.data.scan_files import read_truth, write_nifti

Layout = Literal["labels", "structures"]
DATASET = "Dataset501_SegAE"
CONFIGURATION = "3d_fullres"
PLANS = "nnUNetPlans"
TRAINER = "SegAESTUNetTrainer"
PLUGIN = Path(__file__).parent / "nnunet_plugin"


@dataclass(frozen=True)
class Workspace:
    """A folder for one fine-tuning. nnU-Net calls its three parts raw, preprocessed and results."""

    root: Path

    @property
    def raw(self) -> Path:
        return self.root / "raw" / DATASET

    @property
    def preprocessed(self) -> Path:
        return self.root / "preprocessed" / DATASET

    @property
    def plans(self) -> Path:
        return self.preprocessed / f"{PLANS}.json"

    @property
    def prepared(self) -> Path:
        """Says from what plan and preprocessed scans were made; there when they are complete."""
        return self.root / "prepared.json"

    @property
    def model(self) -> Path:
        return self.root / "results" / DATASET / f"{TRAINER}__{PLANS}__{CONFIGURATION}"

    @property
    def predictions(self) -> Path:
        return self.root / "predictions"

    def checkpoint(self, source: str) -> Path:
        """Kept weights of the checkpoint called `source`."""
        return self.model / "fold_0" / f"checkpoint_{source}.pth"

    def checkpoints(self, epochs: Iterable[int]) -> list[str]:
        """Names ("epoch_0010") of the checkpoints after `epochs` that are there, in their order."""
        names = (f"epoch_{epoch:04d}" for epoch in sorted(set(epochs)))
        return [name for name in names if self.checkpoint(name).exists()]

    def prediction(self, source: str, scan: str, layout: Layout) -> Path:
        """A label map, or a folder with a file for each structure."""
        return self.predictions / source / (f"{scan}.nii.gz" if layout == "labels" else scan)

    def unpredicted(
        self, scans: Iterable[str], epochs: Iterable[int], layout: Layout
    ) -> dict[str, list[str]]:
        """Scan -> checkpoints that are there and have not predicted it; scans without any are left out."""
        sources = self.checkpoints(epochs)
        todo = {
            scan: [source for source in sources if not self.prediction(source, scan, layout).exists()]
            for scan in scans
        }
        return {scan: missing for scan, missing in todo.items() if missing}

    def variables(self, workers: int | None) -> Mapping[str, str]:
        """The environment variables that nnU-Net reads."""
        root = self.root.absolute()
        least = None if workers is None else str(max(1, workers))  # planning does not work without any
        counts = {} if least is None else {"nnUNet_n_proc_DA": least, "nnUNet_def_n_proc": least}
        return {
            "nnUNet_raw": str(root / "raw"),
            "nnUNet_preprocessed": str(root / "preprocessed"),
            "nnUNet_results": str(root / "results"),
            "nnUNet_extTrainer": str(PLUGIN.absolute()),
            **counts,
        }


ROWS = "segae_rows"  # key of dataset.json: row of the label table of each of nnU-Net's labels


def write_dataset(index: Index, workspace: Workspace, watch: Watch) -> None:
    """Write labels, `dataset.json` and the split; CTs stay where they are, or become NIfTI.

    Training and validation scans only. nnU-Net wants labels without gaps, so rows of the label table become
    1, 2, ... in their order. The reader that is named brings everything to RAS, the orientation of STU-Net's
    pretraining. What an interrupted call has written is left as it is.

    Raises `InputError` when no structure or no validation scan is there, `OutputError` when the disk is full.
    """
    scans = [*index.of("train"), *index.of("val")]
    rows = sorted({structure for scan in scans for structure in scan.structures})
    if not rows or not index.of("val") or not index.of("train"):
        raise InputError("The index has no training or no validation scan with a mask; index more scans.")
    _forget_other_numbers(rows, workspace)
    write_json(
        workspace.raw / "splits_final.json", [{s: [x.name for x in index.of(s)] for s in ("train", "val")}]
    )
    cases = {}
    for done, scan in enumerate(scans):
        watch.step("writing labels", done, len(scans))
        cases[scan.name] = {
            "images": [str(_image(scan, workspace))],
            "label": str(_label(scan, rows, workspace)),
        }
    names = {index.label_table.by_index(row).name: number for number, row in enumerate(rows, start=1)}
    content = {
        "channel_names": {"0": "CT"},
        "labels": {"background": 0, **names},
        "numTraining": len(scans),
        "file_ending": ".nii.gz",
        "overwrite_image_reader_writer": "NibabelIOWithReorient",
        "dataset": cases,
        ROWS: [0, *rows],
    }
    write_json(workspace.raw / "dataset.json", content)


def write_json(path: Path, content: Any) -> None:
    """Write JSON, numpy integers included, that appears whole or not at all."""
    with whole_file(path) as stream:
        stream.write(json.dumps(content, indent=1, default=int).encode())


def _forget_other_numbers(rows: list[int], workspace: Workspace) -> None:
    """Remove labels that an interrupted call wrote for other rows, and so with other numbers."""
    numbered = workspace.raw / "rows.json"
    if numbered.exists() and json.loads(numbered.read_text(encoding="utf-8")) != rows:
        shutil.rmtree(workspace.raw / "labelsTr", ignore_errors=True)
    write_json(numbered, rows)


def _image(scan: Scan, workspace: Workspace) -> Path:
    if scan.ct.name.endswith(".nii.gz"):
        return scan.ct.absolute()
    path = workspace.raw.absolute() / "imagesTr" / f"{scan.name}_0000.nii.gz"
    if not path.exists():
        ct = read_ct(scan.ct)
        write_nifti(path, ct.voxels, ct.grid)
    return path


def _label(scan: Scan, rows: list[int], workspace: Workspace) -> Path:
    path = workspace.raw.absolute() / "labelsTr" / f"{scan.name}.nii.gz"
    if not path.exists():
        truth, grid = read_truth(scan, read_grid(scan.ct))
        numbers = np.zeros(256, np.uint8)
        numbers[rows] = np.arange(1, len(rows) + 1)
        write_nifti(path, numbers[truth], grid)
    return path
