from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from segae_trainer.data.cohort import Member
from segae_trainer.data.index import Index
from segae_trainer.data.sample import LabelledScan
from segae_trainer.data.scan_files import read_labelled_scan, read_layers
from segae_trainer.pseudo_labels import small_unet as network_masks
from segae_trainer.pseudo_labels.small_unet import (
    SegmenterPlan,
    add_small_unet,
    by_others,
    cross_fitted,
    shown_structures,
    source_name,
)

PLAN = SegmenterPlan(kept=(5, 9))


class Taught:
    """Stands for a network: what it was taught, by case."""

    def __init__(self, slices: dict[str, set[int]]) -> None:
        self.slices = slices


def train(
    scans: Sequence[tuple[LabelledScan, Sequence[int]]], plan: SegmenterPlan, watch: object = None
) -> Iterator[tuple[int, Taught]]:
    for step in plan.kept:
        yield step, Taught({scan.name: set(slices) for scan, slices in scans})


def label(network: Taught, scan: LabelledScan, slices: Sequence[int]) -> np.ndarray:
    """Marks slices; refuses those that the network was taught."""
    assert not set(slices) & network.slices.get(scan.name, set())
    marked = np.zeros((len(slices), *scan.labels.shape[1:]), np.uint8)
    marked[:, 0, 0] = 7
    return marked


@pytest.fixture(autouse=True)
def standin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network_masks, "train_segmenter", train)
    monkeypatch.setattr(network_masks, "segment", label)


@pytest.fixture(params=[3.0, 25.0], ids=["thinner than two slabs", "several slabs"])
def scans(
    upper: LabelledScan, lower: LabelledScan, request: pytest.FixtureRequest
) -> tuple[LabelledScan, ...]:
    return tuple(replace(one, spacing=(request.param, *one.pixel_mm)) for one in (upper, lower))


def test_every_slice_is_marked_by_a_network_that_was_not_taught_it(scans: tuple[LabelledScan, ...]):
    found = {(name, step): labels for name, step, labels in cross_fitted(scans, PLAN)}
    assert found.keys() == {(scan.name, step) for scan in scans for step in PLAN.kept}
    for labels in found.values():
        assert (labels[:, 0, 0] == 7).all()


def test_every_structure_is_taught_to_the_networks_of_both_halves(upper: LabelledScan):
    scan = replace(upper, spacing=(3.0, *upper.pixel_mm), labels=np.repeat(upper.labels, 4, axis=0))
    halves = network_masks._halves(scan)
    taught = [set(np.unique(scan.labels[half])) for half in halves]
    shown = shown_structures(scan)
    assert taught[0] & shown == taught[1] & shown == shown


def test_a_case_of_one_slice_is_left_unmarked_by_its_own_network(upper: LabelledScan):
    thin = replace(upper, ct=upper.ct[:1], labels=upper.labels[:1])
    found = list(cross_fitted((thin,), PLAN))
    assert all(not labels.any() for _, _, labels in found)


def test_the_patient_kept_back_is_marked_by_a_network_of_the_others(scans: tuple[LabelledScan, ...]):
    found = list(by_others(scans[:1], scans[1:], PLAN))
    assert [(name, step) for name, step, _ in found] == [("lower", 5), ("lower", 9)]
    assert all((labels[:, 0, 0] == 7).all() for _, _, labels in found)


def test_masks_become_pseudo_labels_of_an_index_and_are_not_made_twice(data: Path, tmp_path: Path):
    index = Index((Member("upper", "B", "folds").scan(data, "train"),), (), 0)
    found = add_small_unet(index, tmp_path, PLAN)
    scan, grid = read_labelled_scan(found.scans[0])
    assert {one.source for one in found.scans[0].pseudo_labels} == {source_name(5), source_name(9)}
    assert {one.structure for one in found.scans[0].pseudo_labels} == set(scan.known)
    for layer in read_layers(found.scans[0], grid):
        assert layer.slice(0)[0, 0] == (7 if 7 in scan.known else 0)
        assert layer.voxels[:, 0, 0].tolist() == [7] * len(scan.ct)
    written = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.nii.gz")}
    assert add_small_unet(index, tmp_path, PLAN) == found
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.nii.gz")} == written
