"""Masks of small networks on slices that these networks have not seen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from segae.progress import Watch
from segae.whole_file import whole_file
from segae_trainer.starter.rendering import Scene
from segae_trainer.starter.segmenter import SegmenterPlan, segment, train_segmenter

SLAB_MM = 12.0  # thin enough that most organs are in both halves, so that a network knows them


def cross_fitted(
    scenes: Sequence[Scene], plan: SegmenterPlan, watch: Watch | None = None
) -> Iterator[tuple[str, int, np.ndarray]]:
    """Each half of every scan (every other slab of `SLAB_MM`, less in a thin scan) by a network trained on
    the other halves: (case, step, label map (K, H, W) uint8) for every case and kept step."""
    halves = [_halves(scene) for scene in scenes]
    maps = {
        (scene.case.name, step): np.zeros_like(scene.case.labels) for scene in scenes for step in plan.kept
    }
    for half in (0, 1):
        taught = [(scene, split[half]) for scene, split in zip(scenes, halves, strict=True) if split[half]]
        if not taught:  # a single slice: there is no other half
            continue
        for step, network in train_segmenter(taught, replace(plan, seed=plan.seed + half), watch):
            for scene, split in zip(scenes, halves, strict=True):
                if len(split[1 - half]):
                    maps[scene.case.name, step][split[1 - half]] = segment(network, scene, split[1 - half])
    for (name, step), labels in maps.items():
        yield name, step, labels


def by_others(
    taught: Sequence[Scene], tested: Sequence[Scene], plan: SegmenterPlan, watch: Watch | None = None
) -> Iterator[tuple[str, int, np.ndarray]]:
    """The scans `tested` by a network trained on the scans `taught`; as `cross_fitted`."""
    everything = [(scene, _labelled(scene)) for scene in taught]
    for step, network in train_segmenter(everything, plan, watch):
        for scene in tested:
            yield scene.case.name, step, segment(network, scene, range(len(scene.case.ct)))


def write_masks(masks: Iterator[tuple[str, int, np.ndarray]], folder: Path) -> None:
    """One compressed file for each case, step by step; a file is there when it is whole."""
    found: dict[str, dict[str, np.ndarray]] = {}
    for name, step, labels in masks:
        found.setdefault(name, {})[str(step)] = labels
    for name, by_step in found.items():
        with whole_file(folder / f"{name}.npz") as stream:
            np.savez_compressed(stream, allow_pickle=False, **by_step)


def read_masks(path: Path) -> Mapping[int, np.ndarray]:
    """Label maps by training step."""
    with np.load(path) as arrays:
        return {int(step): arrays[step] for step in arrays.files}


def _labelled(scene: Scene) -> list[int]:
    return np.flatnonzero(scene.case.labels.any(axis=(1, 2))).tolist()


def _halves(scene: Scene) -> tuple[list[int], list[int]]:
    slices = _labelled(scene)
    reach = (slices[-1] + 1 - slices[0]) * scene.case.slice_mm
    slab = max(min(SLAB_MM, reach / 2), scene.case.slice_mm)
    first = [k for k in slices if int(k * scene.case.slice_mm // slab) % 2 == 0]
    return first, sorted(set(slices) - set(first))
