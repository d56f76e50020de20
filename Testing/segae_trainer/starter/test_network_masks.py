from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from segae_trainer.pseudo_labels import small_unet as network_masks
from segae_trainer.pseudo_labels.small_unet import (
    SegmenterPlan,
    by_others,
    cross_fitted,
    read_masks,
    write_masks,
)
from segae_trainer.starter.cases import Case
from segae_trainer.starter.rendering import Scene, scene_of

PLAN = SegmenterPlan(kept=(5, 9))


class Taught:
    """Stands for a network: what it was taught, by case."""

    def __init__(self, slices: dict[str, set[int]]) -> None:
        self.slices = slices


def train(
    scenes: Sequence[tuple[Scene, Sequence[int]]], plan: SegmenterPlan, watch: object = None
) -> Iterator[tuple[int, Taught]]:
    for step in plan.kept:
        yield step, Taught({scene.case.name: set(slices) for scene, slices in scenes})


def label(network: Taught, scene: Scene, slices: Sequence[int]) -> np.ndarray:
    """Marks slices; refuses those that the network was taught."""
    assert not set(slices) & network.slices.get(scene.case.name, set())
    marked = np.zeros((len(slices), *scene.case.labels.shape[1:]), np.uint8)
    marked[:, 0, 0] = 7
    return marked


@pytest.fixture(autouse=True)
def standin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network_masks, "train_segmenter", train)
    monkeypatch.setattr(network_masks, "segment", label)


@pytest.fixture(params=[3.0, 25.0], ids=["thinner than two slabs", "several slabs"])
def scenes(case: Case, lower: Case, request: pytest.FixtureRequest) -> tuple[Scene, ...]:
    return tuple(scene_of(replace(one, slice_mm=request.param)) for one in (case, lower))


def test_every_slice_is_marked_by_a_network_that_was_not_taught_it(scenes: tuple[Scene, ...]):
    found = {(name, step): labels for name, step, labels in cross_fitted(scenes, PLAN)}
    assert found.keys() == {(scene.case.name, step) for scene in scenes for step in PLAN.kept}
    for labels in found.values():
        assert (labels[:, 0, 0] == 7).all()


def test_every_structure_is_taught_to_the_networks_of_both_halves(case: Case):
    scene = scene_of(replace(case, slice_mm=3.0, labels=np.repeat(case.labels, 4, axis=0)))
    halves = network_masks._halves(scene)
    taught = [set(np.unique(scene.case.labels[half])) for half in halves]
    assert taught[0] & scene.rows == taught[1] & scene.rows == scene.rows


def test_a_case_of_one_slice_is_left_unmarked_by_its_own_network(case: Case):
    thin = scene_of(replace(case, ct=case.ct[:1], labels=case.labels[:1]))
    found = list(cross_fitted((thin,), PLAN))
    assert all(not labels.any() for _, _, labels in found)


def test_the_patient_kept_back_is_marked_by_a_network_of_the_others(scenes: tuple[Scene, ...]):
    found = list(by_others(scenes[:1], scenes[1:], PLAN))
    assert [(name, step) for name, step, _ in found] == [("lower", 5), ("lower", 9)]
    assert all((labels[:, 0, 0] == 7).all() for _, _, labels in found)


def test_masks_are_read_as_they_were_written(tmp_path: Path):
    labels = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    write_masks(iter([("a", 5, labels), ("b", 5, labels + 1), ("a", 9, labels + 2)]), tmp_path)
    found = read_masks(tmp_path / "a.npz")
    assert list(found) == [5, 9]
    assert (found[9] == labels + 2).all()
    assert (read_masks(tmp_path / "b.npz")[5] == labels + 1).all()
