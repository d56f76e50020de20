"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from segae.results.review_order import Order

Model = Annotated[str, typer.Option(help="Bundled model by name, or a .safetensors file.")]
Slices = Annotated[
    int | None,
    typer.Option(help="Score this many evenly spread slices per structure instead of all (published: 10)."),
]
Names = Annotated[
    Path | None,
    typer.Option(
        help="What the values of a multi-label file stand for: a file (JSON, CSV, colour table), or a "
        "scheme: dap, totalsegmentator_v1, totalsegmentator_v2, vista3d, amos, btcv, flare22, moose."
    ),
]
Resample = Annotated[
    bool, typer.Option("--resample", help="Bring masks on another grid to the CT's by nearest neighbour.")
]
CTGrid = Annotated[
    bool,
    typer.Option(
        "--ct-grid",
        help="Take the CT's grid for masks of its size and spacing whose header lost their place.",
    ),
]
Series = Annotated[
    str | None,
    typer.Option(help="SeriesInstanceUID of the CT, where a DICOM folder holds several series of CT."),
]
PublishedMap = Annotated[
    bool,
    typer.Option(
        "--published-map", help="Repeat the slips of the published TotalSegmentator map.", hidden=True
    ),
]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, mps.")]
Engine = Annotated[str, typer.Option(help="torch, or onnx for onnxruntime on the CPU (extra fast).")]
BatchSize = Annotated[int, typer.Option(min=1, help="Slices per network call.")]
Threshold = Annotated[float, typer.Option(min=0.0, max=1.0, help="A mask predicted below this Dice is poor.")]
OrderOption = Annotated[
    Order,
    typer.Option(
        "--order",
        help="What comes first: review (largest expected wrong volume) or dice (lowest predicted Dice).",
    ),
]
