"""`segae model`: list, describe and import checkpoints."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="List, describe and import models.", no_args_is_help=True)


@app.command("list")
def list_models() -> None:
    """The models that ship with SegAE."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    from segae.models.checkpoint import read_spec
    from segae.models.registry import DEFAULT_MODEL, bundled_models

    table = Table("name", "network", "orientation", "note", box=box.SIMPLE_HEAD)
    for path in bundled_models():
        spec = read_spec(path)
        note = "default" if path.stem == DEFAULT_MODEL else ""
        network = f"{spec.architecture}, {spec.backbone}, {spec.input.size} x {spec.input.size}"
        table.add_row(path.stem, network, spec.input.orientation, note)
    Console().print(table)


@app.command("info")
def info(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="Bundled model by name, or a .safetensors file.")
    ],
) -> None:
    """Everything that a checkpoint says about itself."""
    from dataclasses import asdict

    from rich.console import Console

    from segae.models.checkpoint import file_sha256, read_spec
    from segae.models.registry import find_model

    path = find_model(model)
    described = {"file": str(path), "sha256": file_sha256(path), **asdict(read_spec(path))}
    Console(soft_wrap=True).print_json(data=described)


@app.command("import")
def import_model(
    weights: Annotated[
        Path,
        typer.Argument(metavar="WEIGHTS", help="Published weights, for example best_resnet50_model.pth."),
    ],
    embeddings: Annotated[Path, typer.Option(help="The published label_embedding.pkl.")],
    out: Annotated[Path, typer.Option(help="The .safetensors file to write.")],
    orientation: Annotated[
        str, typer.Option(help='Axis order the weights were trained on, or "file" to score arrays as stored.')
    ] = "LAS",
) -> None:
    """Bring published PyTorch weights into SegAE's form; nothing in the files is executed."""
    from rich.console import Console

    from segae.models.checkpoint import check_ending, save_checkpoint
    from segae.models.published_import import import_published

    check_ending(out)
    checkpoint = import_published(weights, embeddings, orientation=orientation)
    save_checkpoint(checkpoint, out)
    Console().print(
        f"{out}: {checkpoint.spec.backbone}, orientation {orientation}",
        soft_wrap=True,
        highlight=False,
        markup=False,
    )
