"""What the panel asks of `segae-train`, as its arguments."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

# name in the panel: its arguments; "" leaves it to the recipe
NETWORKS: dict[str, tuple[str, ...]] = {
    "": (),
    "resnet18": ("--backbone", "resnet18"),
    "resnet34": ("--backbone", "resnet34"),
    "resnet50": ("--backbone", "resnet50"),
    "resnet101": ("--backbone", "resnet101"),
    "segae-dense": ("--architecture", "segae-dense"),
}


@dataclass(frozen=True)
class TrainingChoice:
    """What is chosen in the panel. `network`: a key of `NETWORKS`; `epochs` 0: as many as the recipe has."""

    recipe: str
    network: str
    epochs: int
    device: str


def index_arguments(ct: Path, masks: Path | None, out: Path) -> list[str]:
    """Match and check CTs and masks, split by patient."""
    folders = ["--ct", str(ct), *(["--masks", str(masks)] if masks is not None else [])]
    return ["index", *folders, "--out", str(out)]


def training_set_arguments(index: Path, out: Path, rule: str) -> list[str]:
    """Write what an epoch reads; goes on where it was."""
    return ["training-set", str(index), str(out), "--rule", rule]


def train_arguments(training_set: Path, run: Path, choice: TrainingChoice) -> list[str]:
    """Train; the same arguments go on with a training that was interrupted."""
    epochs = ["--epochs", str(choice.epochs)] if choice.epochs else []
    return [
        "train", str(training_set), str(run), "--recipe", choice.recipe, *NETWORKS[choice.network], *epochs,
        "--device", choice.device,
    ]  # fmt: skip


def evaluate_arguments(training_set: Path, model: Path, out: Path, split: str, device: str) -> list[str]:
    """Figures, tables and pages of a model on scans that it was not trained on."""
    return [
        "evaluate", str(training_set), "--model", str(model), "--out", str(out), "--split", split,
        "--device", device,
    ]  # fmt: skip
