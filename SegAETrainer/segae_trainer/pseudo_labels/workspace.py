"""Where nnU-Net keeps its files, and the environment that a process needs in which it runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

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
