"""How fast scoring is on this machine's CPU. All figures come from one run; the ratios are what counts.

    python benchmarks/throughput.py [--slices 2] [--rounds 3] [--batch-slices 4]

resnet50 at 256 x 256 in the published architecture with random weights (speed does not depend on them), on a
case of 512 x 512 pixels from memory: the plain loop and the engines take turns, the median over the rounds is
printed.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import SimpleITK
import torch
from case import clinical_case
from plain_loop import plain_loop
from torch.utils.flop_counter import FlopCounterMode

from segae.batch.runner import run_batch
from segae.data import Segmentation, Volume
from segae.inputs.build import ModelInput
from segae.io.layouts import CaseFiles
from segae.models.quality_model import QualityModel
from segae.models.registry import build_network, new_spec
from segae.scoring.options import ScoringOptions
from segae.scoring.scorer import Scorer

COPIES = 10
T = TypeVar("T")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--slices", type=int, default=2, help="slices per structure")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batch-slices", type=int, default=4, help="slices per structure in the batch")
    arguments = parser.parse_args()
    options = ScoringOptions(slices=arguments.slices)
    ct, masks = clinical_case(depth=40, structures=41)
    model = random_model()
    scorers = {engine: Scorer(model, device="cpu", engine=engine) for engine in ("torch", "onnx")}
    peak = matmul_flops()
    seconds: dict[str, list[float]] = {name: [] for name in ("plain", *scorers)}
    network: dict[str, list[float]] = {name: [] for name in scorers}
    n = 0
    plain_loop(model, ct, masks, 1)
    for _ in range(arguments.rounds):
        took, n = timed(lambda: plain_loop(model, ct, masks, arguments.slices))
        seconds["plain"].append(took)
        for name, scorer in scorers.items():
            took, report = timed(lambda scorer=scorer: scorer.score_case(ct, masks, options=options))
            seconds[name].append(took)
            network[name].append(report.timings["network"])
    flops = network_flops(model)
    plain = statistics.median(seconds["plain"])
    print(f"{n} slices, {torch.get_num_threads()} threads; matrix-multiply peak {peak / 1e9:.0f} GFLOP/s")
    print(f"plain loop     {n / plain:6.2f} slices/s")
    for name in scorers:
        took, inside = statistics.median(seconds[name]), statistics.median(network[name])
        share = flops * n / inside / peak
        print(
            f"engine {name:6s}  {n / took:6.2f} slices/s, {plain / took:.2f} times the plain loop; "
            f"outside the network {1 - inside / took:.1%}; network at {share:.0%} of the peak"
        )
    ratio = batch_ratio(scorers["torch"], ct, masks, ScoringOptions(slices=arguments.batch_slices))
    print(f"batch of {COPIES} copies: {ratio:.2f} of the engine's throughput")


def random_model() -> QualityModel:
    spec = new_spec("benchmark", "segae-published", "resnet50", 512)
    return QualityModel(spec, build_network(spec), torch.randn(145, 512))


def timed(work: Callable[[], T]) -> tuple[float, T]:
    """Seconds and result of `work`."""
    started = time.perf_counter()
    result = work()
    return time.perf_counter() - started, result


def matmul_flops(n: int = 2048, repeats: int = 10) -> float:
    """Operations per second of a large float32 matrix product, the best of some."""
    a = torch.randn(n, n)
    return max(2 * n**3 / timed(lambda: a @ a)[0] for _ in range(repeats))


def network_flops(model: QualityModel) -> int:
    """Operations of the network for one slice."""
    spec = model.spec.input
    images = torch.zeros(1, spec.channels, spec.size, spec.size)
    with FlopCounterMode(display=False) as counter:
        model.predict(ModelInput(images, torch.tensor([13])))
    return counter.get_total_flops()


def batch_ratio(scorer: Scorer, ct: Volume, masks: Segmentation, options: ScoringOptions) -> float:
    """Slices per second of the batch over ten copies on disk, against scoring one from memory."""
    with tempfile.TemporaryDirectory() as folder:
        cases = [_written(Path(folder) / f"case{i}", ct, masks) for i in range(COPIES)]
        before, _ = timed(lambda: scorer.score_case(ct, masks, options=options))
        took, _ = timed(lambda: run_batch(cases, Path(folder) / "out", scorer, options))
        after, _ = timed(lambda: scorer.score_case(ct, masks, options=options))
    return COPIES * (before + after) / 2 / took


def _written(folder: Path, ct: Volume, masks: Segmentation) -> CaseFiles:
    (folder / "segmentations").mkdir(parents=True)
    _write(ct.voxels, ct, folder / "ct.nii.gz")
    for segment in masks.segments:
        name = segment.name.replace(" ", "_")
        _write(segment.full_mask().astype("uint8"), ct, folder / "segmentations" / f"{name}.nii.gz")
    return CaseFiles(folder.name, folder / "ct.nii.gz", folder / "segmentations")


def _write(voxels, ct: Volume, path: Path) -> None:
    image = SimpleITK.GetImageFromArray(voxels)
    image.SetSpacing([float(s) for s in ct.grid.spacing])
    SimpleITK.WriteImage(image, str(path), useCompression=True)


if __name__ == "__main__":
    main()
