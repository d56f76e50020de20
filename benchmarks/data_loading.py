"""How much of a training step is spent in the network, and how much waiting for slices.

    python benchmarks/data_loading.py [--backbone base] [--size 128] [--batch 32] [--steps 12] [--cached]

Trains the recipe `segae` on a training set of the bundled sample with synthetic errors, on the CPU, rendered
on the fly or from a cached data set (`--cached`). Printed
are the share of the steps' time spent in the network (forward, backward, optimiser) rather than in waiting
for the next batch, and how fast the steps are beside steps on one batch that lies in memory: the rendering
processes and the network share the processors, which the first figure does not show.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import SimpleITK
import torch
from torch import Tensor

from segae.files import resource
from segae.io.segmentation import read_segmentation
from segae.models.registry import build_network, new_spec
from segae_trainer.data.build_set import build_training_set
from segae_trainer.data.draw_samples import Sampling
from segae_trainer.data.index import Index, Scan
from segae_trainer.data.rendering import fill_cache
from segae_trainer.data.training_set import TrainingSet
from segae_trainer.train.batches import Batches, MixedDraws, Steps, batch_loader, choose_workers
from segae_trainer.train.losses import TrainingModule
from segae_trainer.train.recipes import Phase, Schedule, resolve_recipe
from segae_trainer.train.views import Batch, Renderer

TEXT_DIM = 384
WARM_UP = 2  # steps: the first ones start processes and fill caches


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--backbone", default="base")
    parser.add_argument("--size", type=int, default=128, help="pixels of the network's input")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--cached", action="store_true", help="render once, before the steps")
    parser.add_argument("--workers", type=int, help="default: as in training")
    arguments = parser.parse_args()
    workers = choose_workers(arguments.workers)
    recipe = resolve_recipe("segae", backbone=arguments.backbone, input_size=arguments.size)
    spec = new_spec("benchmark", recipe.architecture, recipe.backbone, TEXT_DIM, input=recipe.input)
    with tempfile.TemporaryDirectory() as folder:
        training_set = sample_set(Path(folder))
        draws = MixedDraws(training_set, recipe, seed=0)
        schedule = Schedule(recipe, (Phase(10_000, arguments.batch),), 10_000, False)
        renderer = Renderer(recipe, spec.input)
        if arguments.cached:
            began = time.perf_counter()
            cache = fill_cache(
                training_set, draws.rows, spec.input, Path(folder) / "rendered", workers=max(1, workers)
            )
            renderer = renderer.with_cache(cache)
            print(f"rendered {len(draws.rows) / (time.perf_counter() - began):.1f} samples/s")
        loader = batch_loader(
            Batches(training_set, renderer), Steps(draws, schedule, 0, 0), workers, pin=False
        )
        learner = Learner(TrainingModule(build_network(spec), torch.randn(145, TEXT_DIM), recipe))
        batches = iter(loader)
        steps = [learner.timed(batches) for _ in range(WARM_UP + arguments.steps)][WARM_UP:]
        batch = next(batches)
        del batches, loader  # ends the rendering processes
        alone = [learner.timed(iter([batch]))[1] for _ in range(max(3, arguments.steps // 2))]
    waited, computed = (sum(times) for times in zip(*steps, strict=True))
    n, step = arguments.batch, statistics.median(sum(times) for times in steps)
    size, threads, memory = recipe.input.size, torch.get_num_threads(), statistics.median(alone)
    print(f"{recipe.backbone}, {size} x {size}, batch {n}, {len(training_set)} pairs")
    print(f"{workers} rendering processes, {threads} threads in the network")
    print(f"step                 {step:.3f} s (median), {n / step:.1f} slices/s")
    print(f"in the network       {computed / (waited + computed):.1%} of the time")
    print(f"waiting for slices   {waited / (waited + computed):.1%}")
    print(f"a batch in memory    {memory:.3f} s; the steps reach {memory / step:.1%} of its speed")


class Learner:
    """A network in training."""

    def __init__(self, module: TrainingModule) -> None:
        self.module = module.train()
        self.optimiser = torch.optim.AdamW(module.parameters(), lr=1e-3)

    def timed(self, batches: Iterator[Batch]) -> tuple[float, float]:
        """One step: seconds of waiting for its batch, and in the network."""
        began = time.perf_counter()
        batch = next(batches)
        there = time.perf_counter()
        loss: Tensor = self.module(batch).total
        loss.backward()
        self.optimiser.step()
        self.optimiser.zero_grad()
        return there - began, time.perf_counter() - there


def sample_set(folder: Path) -> TrainingSet:
    """All slices of the bundled sample, each organ with two synthetic errors."""
    sample = resource("SampleData", "totalsegmentator_s0001")
    ct = SimpleITK.ReadImage(str(sample / "ct.nii.gz"))
    labels = np.zeros(ct.GetSize()[::-1], np.uint8)
    for segment in read_segmentation(sample / "segmentations").segments:
        if segment.structure is not None and not segment.is_empty:
            labels[segment.box.slices][segment.voxels()] = segment.structure.index
    image = SimpleITK.GetImageFromArray(labels)
    image.CopyInformation(ct)
    SimpleITK.WriteImage(image, str(folder / "labels.nii.gz"))
    structures = tuple(int(row) for row in np.unique(labels) if row)
    scan = Scan("sample", "sample", sample / "ct.nii.gz", folder / "labels.nii.gz", structures, (), "train")
    return build_training_set(Index((scan,), (), 0), folder / "set", Sampling(repeats=2))


if __name__ == "__main__":
    main()
