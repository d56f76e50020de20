"""`segae-train demo-model`"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def demo_model(
    data: Annotated[
        Path, typer.Option(help="Folder with a folder per case: ct.nii.gz and labels_dap.nii.gz.")
    ],
    out: Annotated[Path, typer.Option(help="The model file to write (.safetensors).")],
    card: Annotated[Path, typer.Option(help="The model card to write (.md).")],
    work: Annotated[Path, typer.Option(help="Folder for pools and unfinished training; several GB.")],
    cohort: Annotated[
        Path | None, typer.Option(help="CSV: case,patient,use,leave_out,coarse. Default: the bundled one.")
    ] = None,
    stage: Annotated[
        list[str] | None, typer.Option(help="Only this stage (pools, fold-PATIENT, final, export).")
    ] = None,
    small_steps: Annotated[int, typer.Option(min=1, help="Steps on pictures of half the size.")] = 1005,
    full_steps: Annotated[int, typer.Option(min=1, help="Steps on whole pictures, after those.")] = 260,
    rate_steps: Annotated[
        int, typer.Option(min=1, help="Steps over which the first rate would fall to 0.")
    ] = 1300,
    fold_share: Annotated[
        float,
        typer.Option(min=0.01, max=1, help="Part of these steps for a training that keeps a patient back."),
    ] = 6 / 13,
    repeats: Annotated[int, typer.Option(min=1, help="Versions of each slice in a pool.")] = 6,
    seed: Annotated[int, typer.Option(min=0)] = 2026,
    threads: Annotated[
        int, typer.Option(min=1, help="Threads of the training, processes of the rendering.")
    ] = 2,
) -> None:
    """Train the demonstration model, test it on patients it has not seen, and write it with its card.

    Run it again after an interruption: it goes on where it was.
    """
    import torch
    from rich.console import Console

    from segae.cli.progress import progress_bar
    from segae.progress import Watch
    from segae_trainer.demo.pool import Rendering
    from segae_trainer.demo.recipe import COHORT, Plan, run_stages
    from segae_trainer.demo.training import Recipe
    from segae_trainer.starter.cohort import read_cohort

    torch.set_num_threads(threads)
    plan = Plan(
        cohort=read_cohort(cohort or COHORT),
        data=data,
        work=work,
        recipe=Recipe(small_steps, full_steps, rate_steps, seed=seed),
        fold_share=fold_share,
        rendering=Rendering(repeats=repeats),
        workers=threads,
    )
    with progress_bar(Console(stderr=True)) as show:
        run_stages(plan, stage or [], out, card, say=typer.echo, watch=Watch(show))
