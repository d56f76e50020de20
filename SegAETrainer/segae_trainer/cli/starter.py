"""`segae-train starter`"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def starter(
    data: Annotated[
        Path, typer.Option(help="Folder with a folder per case: ct.nii.gz and labels_dap.nii.gz.")
    ],
    out: Annotated[Path, typer.Option(help="The model file to write (.safetensors).")],
    card: Annotated[Path, typer.Option(help="The model card to write (.md).")],
    work: Annotated[
        Path, typer.Option(help="Folder for training sets, masks and unfinished training; about 15 GB.")
    ],
    cohort: Annotated[
        Path | None,
        typer.Option(help="CSV: case,patient,use,leave_out,coarse,complete. Default: the bundled one."),
    ] = None,
    labels: Annotated[
        Path | None, typer.Option(help="CSV of structures beyond the 145 rows, as for `index`.")
    ] = None,
    stage: Annotated[
        list[str] | None,
        typer.Option(help="Only this stage (test-set, fold-PATIENT, final, baselines, export)."),
    ] = None,
    small_steps: Annotated[
        int | None,
        typer.Option(min=1, help="Steps on images of half the size, instead of the usual number."),
    ] = None,
    full_steps: Annotated[
        int | None, typer.Option(min=1, help="Steps on whole images after those, likewise.")
    ] = None,
    fold_share: Annotated[
        float,
        typer.Option(min=0.001, max=1, help="Part of these steps for a training that keeps a patient back."),
    ] = 0.5,
    segmenter_step: Annotated[
        list[int] | None, typer.Option(help="Step whose masks of the small networks are used.")
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
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, mps.")] = "auto",
    threads: Annotated[
        int, typer.Option(min=1, help="Threads of the training, processes of the rendering.")
    ] = 2,
) -> None:
    """Run all steps for a cohort: masks, training sets, folds that keep a patient back, final model and card.

    Run it again after an interruption: it goes on where it was.
    """
    from dataclasses import replace

    import torch
    from rich.console import Console

    from segae.cli.output import progress_bar
    from segae.progress import Watch
    from segae_trainer.cli.folds import FoldPlan, run_stages
    from segae_trainer.data.cohort import DEFAULT, read_cohort
    from segae_trainer.data.draw_samples import Sampling
    from segae_trainer.data.index import read_label_table
    from segae_trainer.pseudo_labels.small_unet import SegmenterPlan
    from segae_trainer.train.recipes import resolve_recipe
    from segae_trainer.train.settings import Machine

    torch.set_num_threads(threads)
    steps = None if small_steps is None and full_steps is None else (small_steps or 6400, full_steps or 3200)
    segmenter = SegmenterPlan(bfloat16=bfloat16)
    if segmenter_step:
        segmenter = replace(segmenter, kept=tuple(sorted(segmenter_step)))
    plan = FoldPlan(
        cohort=read_cohort(cohort or DEFAULT, read_label_table(labels)),
        data=data,
        work=work,
        recipe=resolve_recipe("segae", steps=steps),
        fold_share=fold_share,
        seed=seed,
        segmenter=segmenter,
        machine=Machine(device=device, workers=threads, precision="auto" if bfloat16 else "32-true"),
    )
    if repeats is not None:
        plan = replace(plan, sampling=Sampling(repeats=repeats, fine_repeats=repeats, coarse_repeats=repeats))
    with progress_bar(Console(stderr=True)) as show:
        run_stages(plan, stage or [], out, card, say=typer.echo, watch=Watch(show))
