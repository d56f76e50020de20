"""`segae-train experiment active-learning | semi-supervised | cost`"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from segae.progress import Watch
    from segae_trainer.experiments.setting import Options

app = typer.Typer(
    name="experiment",
    no_args_is_help=True,
    help="Repeat the paper's experiments on scans with true masks: does the score save annotation, does it "
    "choose better pseudo labels, what does it cost? Run a command again after an interruption: it goes on.",
)


class Network(str, Enum):
    """The segmenters, as the help shows them."""

    small_unet = "small-unet"
    swin_unetr = "swin-unetr"


_WHO, _SEGMENTER, _SCORER = "Patients and masks", "Segmenter", "Scorer"

Data = Annotated[
    Path, typer.Argument(metavar="DATA", help="Folder that `segae-train index` reads, or an index (.json).")
]
Out = Annotated[Path, typer.Option(help="Folder for the steps, CSV files and experiments.html.")]
Labelled = Annotated[int, typer.Option(min=1, help="Patients labelled from the start.", rich_help_panel=_WHO)]
Tested = Annotated[int, typer.Option(min=1, help="Patients who are only tested on.", rich_help_panel=_WHO)]
Structures = Annotated[
    list[str] | None,
    typer.Option("--structure", help="Only this one; may be repeated. Default: all.", rich_help_panel=_WHO),
]
Labels = Annotated[
    Path | None,
    typer.Option(help="CSV of structures beyond the 145, as of `segae-train index`.", rich_help_panel=_WHO),
]
Partly = Annotated[
    list[str] | None,
    typer.Option(
        "--partly-drawn",
        help="A structure that is drawn in a part of the scan only, and tested there; may be repeated.",
        rich_help_panel=_WHO,
    ),
]
Tolerance = Annotated[float, typer.Option(help="Of the surface Dice, in mm.", rich_help_panel=_WHO)]
Seeds = Annotated[
    list[int] | None,
    typer.Option("--seed", min=0, help="A run for each; may be repeated. [1 2 3]", rich_help_panel=_WHO),
]
Passes = Annotated[int, typer.Option(min=2, help="Of MC dropout.")]
Segmenter = Annotated[
    Network,
    typer.Option(help="A small U-Net for CPUs, or MONAI's SwinUNETR.", rich_help_panel=_SEGMENTER),
]
Steps = Annotated[int, typer.Option(min=1, help="Of each training.", rich_help_panel=_SEGMENTER)]
Batch = Annotated[int, typer.Option(min=1, rich_help_panel=_SEGMENTER)]
Roi = Annotated[int, typer.Option(min=64, help="SwinUNETR: voxels of a cube.", rich_help_panel=_SEGMENTER)]
Spacing = Annotated[float, typer.Option(help="SwinUNETR: mm of a voxel.", rich_help_panel=_SEGMENTER)]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, mps.")]
ScorerModel = Annotated[
    str,
    typer.Option(
        help="inside: trained on the masks annotated so far; or a .safetensors file or bundled name.",
        rich_help_panel=_SCORER,
    ),
]
ScorerSteps = Annotated[
    tuple[int, int], typer.Option(help="Of its training, two phases.", rich_help_panel=_SCORER)
]
ScorerSize = Annotated[int, typer.Option(min=16, help="Pixels that it sees.", rich_help_panel=_SCORER)]
ScorerBackbone = Annotated[str, typer.Option(help="small, base or wide.", rich_help_panel=_SCORER)]
PublishedEpochs = Annotated[
    int, typer.Option(min=1, help="Of the strategy published.", rich_help_panel=_SCORER)
]
PublishedSize = Annotated[int, typer.Option(min=16, help="Pixels that it sees.", rich_help_panel=_SCORER)]
PublishedBackbone = Annotated[str, typer.Option(help="resnet18 to resnet152.", rich_help_panel=_SCORER)]


def _options(
    labelled: int, tested: int, structure: list[str] | None, labels: Path | None,
    partly_drawn: list[str] | None, tolerance: float, seed: list[int] | None, passes: int,
    segmenter: Network, steps: int, batch: int, roi: int, spacing: float, device: str,
    scorer_steps: tuple[int, int] = (1200, 600), **scorer: Any,
) -> Options:  # fmt: skip
    from segae_trainer.experiments.scorers import ScorerSettings
    from segae_trainer.experiments.segmenters import SegmenterSettings
    from segae_trainer.experiments.setting import Options

    networks = SegmenterSettings(
        network=segmenter.value, steps=steps, batch=batch, roi=roi, spacing_mm=spacing, device=device
    )
    return Options(
        labelled, tested, tuple(structure or ()), tuple(partly_drawn or ()), tolerance, labels,
        tuple(seed or (1, 2, 3)), passes, networks,
        ScorerSettings(device=device, steps=scorer_steps, **scorer),
    )  # fmt: skip


@contextmanager
def _shown(out: Path) -> Iterator[Watch]:
    """Checks `out`, shows progress, and says at the end where the page is."""
    from rich.console import Console

    from segae.cli.output import check_folder, progress_bar
    from segae.progress import Watch
    from segae_trainer.cli.summary import print_sentence
    from segae_trainer.experiments.page.write import write_page

    check_folder(out)
    with progress_bar(Console(stderr=True)) as show:
        yield Watch(show)
    page, sentences = write_page(out)
    console = Console()
    for sentence in sentences:
        print_sentence(console, sentence)
    print_sentence(console, f"Written: {page}")


@app.command("cost")
def cost(
    data: Data,
    out: Out,
    cases: Annotated[int, typer.Option(min=1, help="Scans whose masks are judged.")] = 5,
    members: Annotated[int, typer.Option(min=2, help="Networks of the ensemble.")] = 5,
    labelled: Labelled = 5,
    tested: Tested = 1,
    structure: Structures = None,
    labels: Labels = None,
    seed: Annotated[int, typer.Option(min=0)] = 1,
    passes: Passes = 10,
    segmenter: Segmenter = Network.small_unet,
    steps: Steps = 300,
    batch: Batch = 8,
    roi: Roi = 96,
    spacing: Spacing = 1.5,
    device: Device = "auto",
    scorer: Annotated[
        str,
        typer.Option(help="A .safetensors file or a bundled name.", rich_help_panel=_SCORER),
    ] = "bundled",
) -> None:
    """Time, memory and disk of judging the same masks by MC dropout, entropy, a deep ensemble, the published
    network and SegAE, each in a process of its own."""
    from segae_trainer.experiments.cost import CostOptions, measure_cost

    options = _options(
        labelled, tested, structure, labels, None, 3.0, [seed], passes, segmenter, steps, batch, roi, spacing,
        device, segae=scorer,
    )  # fmt: skip
    with _shown(out) as watch:
        measure_cost(data, out, options, CostOptions(cases, members), watch)


class Unit(str, Enum):
    """What is annotated at once, as the help shows it."""

    patient = "patient"
    mask = "mask"


@app.command("active-learning")
def active_learning(
    data: Data,
    out: Out,
    strategy: Annotated[
        list[str] | None,
        typer.Option(
            help="random, inconsistency, entropy, mc-dropout, mask-features, published, segae; may be "
            "repeated. Default: all."
        ),
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds after the start.")] = 3,
    budget: Annotated[int, typer.Option(min=1, help="Patients or masks annotated in a round.")] = 5,
    unit: Annotated[Unit, typer.Option(help="Annotate whole patients, or single masks.")] = Unit.patient,
    labelled: Labelled = 5,
    tested: Tested = 20,
    structure: Structures = None,
    labels: Labels = None,
    partly_drawn: Partly = None,
    tolerance: Tolerance = 3.0,
    seed: Seeds = None,
    passes: Passes = 10,
    segmenter: Segmenter = Network.small_unet,
    steps: Steps = 1000,
    batch: Batch = 8,
    roi: Roi = 96,
    spacing: Spacing = 1.5,
    device: Device = "auto",
    scorer: ScorerModel = "inside",
    scorer_steps: ScorerSteps = (1200, 600),
    scorer_size: ScorerSize = 64,
    scorer_backbone: ScorerBackbone = "small",
    published_epochs: PublishedEpochs = 30,
    published_size: PublishedSize = 128,
    published_backbone: PublishedBackbone = "resnet18",
) -> None:
    """Does ranking by predicted Dice save annotation? Each round annotates what a strategy ranks lowest."""
    from segae_trainer.experiments.active_learning import ActiveOptions, learn_actively
    from segae_trainer.experiments.judges import JUDGES

    options = _options(
        labelled, tested, structure, labels, partly_drawn, tolerance, seed, passes, segmenter, steps, batch,
        roi, spacing, device, segae=scorer, scorer_steps=scorer_steps, size=scorer_size,
        backbone=scorer_backbone,
        published_epochs=published_epochs, published_size=published_size,
        published_backbone=published_backbone,
    )  # fmt: skip
    active = ActiveOptions(tuple(strategy or JUDGES), rounds, budget, unit.value)
    with _shown(out) as watch:
        learn_actively(data, out, options, active, watch)


@app.command("semi-supervised")
def semi_supervised(
    data: Data,
    out: Out,
    filter_: Annotated[
        list[str] | None,
        typer.Option(
            "--filter",
            help="'labelled only', all, random, mc-dropout, entropy, segae, segae-threshold, segae-weights; "
            "may be repeated. Default: all of them.",
        ),
    ] = None,
    unlabelled: Annotated[
        int | None, typer.Option(min=1, help="Patients whose masks are predicted. Default: all.")
    ] = None,
    share: Annotated[float, typer.Option(help="Of the predicted masks that a filter keeps.")] = 0.5,
    threshold: Annotated[float, typer.Option(help="Predicted Dice that segae-threshold asks for.")] = 0.8,
    labelled: Labelled = 10,
    tested: Tested = 20,
    structure: Structures = None,
    labels: Labels = None,
    partly_drawn: Partly = None,
    tolerance: Tolerance = 3.0,
    seed: Seeds = None,
    passes: Passes = 10,
    segmenter: Segmenter = Network.small_unet,
    steps: Steps = 1000,
    batch: Batch = 8,
    roi: Roi = 96,
    spacing: Spacing = 1.5,
    device: Device = "auto",
    scorer: ScorerModel = "inside",
    scorer_steps: ScorerSteps = (1200, 600),
    scorer_size: ScorerSize = 64,
    scorer_backbone: ScorerBackbone = "small",
) -> None:
    """Does predicted Dice choose better pseudo labels? A second segmenter learns from what a filter keeps."""
    from segae_trainer.experiments.semi_supervised import SemiOptions, learn_semi_supervised

    options = _options(
        labelled, tested, structure, labels, partly_drawn, tolerance, seed, passes, segmenter, steps, batch,
        roi, spacing, device, segae=scorer, scorer_steps=scorer_steps, size=scorer_size,
        backbone=scorer_backbone,
    )  # fmt: skip
    semi = SemiOptions(tuple(filter_ or ()), unlabelled, share, threshold)
    with _shown(out) as watch:
        learn_semi_supervised(data, out, options, semi, watch)
