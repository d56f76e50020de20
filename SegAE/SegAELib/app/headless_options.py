"""The command line of the headless script: that of `segae batch`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

_DESCRIPTION = (
    "Scores a data set or scenes without a window. Results: a CSV file per case under OUT/cases, and the "
    "reason for each case that could not be scored under OUT/failed; run again to do only what is missing."
)


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Raises SystemExit after --help or for options that are wrong, as argparse does."""
    parser = argparse.ArgumentParser("segae_batch", description=_DESCRIPTION)
    add = parser.add_argument
    add(
        "data",
        type=Path,
        metavar="DATA",
        help="data set in TotalSegmentator's layout, CSV manifest (ct, masks, name), folder of CTs with "
        "--masks, a scene (.mrb, .mrml), or a folder of scenes",
    )
    add("--out", type=Path, required=True, help="folder for the results")
    add("--masks", type=Path, help="folder of multi-label masks (DAP Atlas), matched by name")
    add("--names", type=Path, help="JSON or CSV file with the names of a multi-label file's values")
    add("--model", default="bundled", help="bundled model by name, or a .safetensors file")
    add("--slices", type=int, help="score this many evenly spread slices per structure instead of all")
    add("--resample", action="store_true", help="bring masks on another grid to the CT's")
    add("--published-map", action="store_true", help=argparse.SUPPRESS)
    add("--device", default="auto", help="auto, cpu, cuda, cuda:1, mps")
    add("--engine", default="torch", help="torch, or onnx for onnxruntime on the CPU")
    add("--batch-size", type=int, default=32, help="slices per network call")
    add("--num-parts", type=int, default=1, help="split the cases into this many parts (array jobs)")
    add("--part-id", type=int, default=0, help="which part this job does, from 0")
    add("--write-back", action="store_true", help="save the scores in the scene files")
    return parser.parse_args(arguments)
