"""`segae-train starter`"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer


def starter(
    data: Annotated[
        Path, typer.Option(help="Folder with a folder per case: ct.nii.gz and labels_dap.nii.gz.")
    ],
    out: Annotated[Path, typer.Option(help="The model file to write (.safetensors).")],
    card: Annotated[Path, typer.Option(help="The model card to write (.md).")],
    work: Annotated[Path, typer.Option(help="Folder for pools, masks and unfinished training; about 15 GB.")],
    cohort: Annotated[
        Path | None,
        typer.Option(help="CSV: case,patient,use,leave_out,coarse,complete. Default: the bundled one."),
    ] = None,
    stage: Annotated[
        list[str] | None, typer.Option(help="Only this stage (pools, fold-PATIENT, final, export).")
    ] = None,
    small_steps: Annotated[
        int | None,
        typer.Option(min=1, help="Steps on pictures of half the size, instead of the usual number."),
    ] = None,
    full_steps: Annotated[
        int | None, typer.Option(min=1, help="Steps on whole pictures after those, likewise.")
    ] = None,
    fold_share: Annotated[
        float | None,
        typer.Option(
            min=0.01, max=1, help="Part of these steps for a training that keeps a patient back, likewise."
        ),
    ] = None,
    segmenter_step: Annotated[
        list[int] | None, typer.Option(help="Step at which the small networks' masks are taken.")
    ] = None,
    repeats: Annotated[
        int | None, typer.Option(min=1, help="Versions of each slice, instead of the usual numbers.")
    ] = None,
    bfloat16: Annotated[
        bool,
        typer.Option(
            "--bfloat16/--float32",
            help="Precision of the training: bfloat16 is faster where the processor has instructions for it, "
            "else slower.",
        ),
    ] = True,
    seed: Annotated[int, typer.Option(min=0)] = 2026,
    threads: Annotated[
        int, typer.Option(min=1, help="Threads of the training, processes of the rendering.")
    ] = 2,
) -> None:
    """Train the model that ships with SegAE, test it on patients it has not seen, and write it with its card.

    Run it again after an interruption: it goes on where it was.
    """
    from dataclasses import replace

    import torch
    from rich.console import Console

    from segae.cli.output import progress_bar
    from segae.progress import Watch
    from segae_trainer.pseudo_labels.small_unet import SegmenterPlan
    from segae_trainer.starter.cohort import DEFAULT, read_cohort
    from segae_trainer.starter.plan import Plan
    from segae_trainer.starter.recipe import run_stages
    from segae_trainer.starter.training import Recipe

    torch.set_num_threads(threads)
    plan = Plan(
        cohort=read_cohort(cohort or DEFAULT),
        data=data,
        work=work,
        recipe=Recipe(seed=seed, bfloat16=bfloat16, **_given(small_steps=small_steps, full_steps=full_steps)),
        segmenter=SegmenterPlan(
            bfloat16=bfloat16, **_given(kept=tuple(sorted(segmenter_step)) if segmenter_step else None)
        ),
        workers=threads,
    )
    plan = replace(
        plan,
        **_given(fold_share=fold_share, fine_repeats=repeats, repeats=repeats, coarse_repeats=repeats),
    )
    with progress_bar(Console(stderr=True)) as show:
        run_stages(plan, stage or [], out, card, say=typer.echo, watch=Watch(show))


def _given(**options: Any) -> dict[str, Any]:
    """Those that the user has set; of the others the recipe knows the usual values."""
    return {name: value for name, value in options.items() if value is not None}
