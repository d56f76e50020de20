"""A finished set is mapped, moved, sent to other processes, and refused when it is damaged."""

from __future__ import annotations

import csv
import json
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest

from segae.errors import InputError
from segae.labels.table import LabelTable
from segae.report.style import new_figure
from segae_trainer.data.build_set import build_training_set
from segae_trainer.data.index import Index
from segae_trainer.data.set_statistics import draw_distribution
from segae_trainer.data.training_set import PAIR, TrainingSet


@pytest.fixture(scope="module")
def built(index: Index, tmp_path_factory: pytest.TempPathFactory) -> TrainingSet:
    return build_training_set(index, tmp_path_factory.mktemp("sets") / "set")


@pytest.fixture
def copied(built: TrainingSet, tmp_path: Path) -> Path:
    return Path(shutil.copytree(built.folder, tmp_path / "copy"))


def test_a_set_that_was_moved_gives_the_same_examples(built: TrainingSet, copied: Path) -> None:
    moved = TrainingSet.open(copied)
    assert moved.fingerprint == built.fingerprint
    for row in (0, len(built) // 2, len(built) - 1):
        here, there = built.sample(row), moved.sample(row)
        assert (here.kind, here.scan.name) == (there.kind, there.scan.name)
        assert here.dice == pytest.approx(there.dice, nan_ok=True)
        for name in ("ct", "mask", "truth"):
            assert np.array_equal(getattr(here, name), getattr(there, name))


def test_splits_share_the_rows_among_them(built: TrainingSet) -> None:
    rows = [built.rows(split) for split in ("train", "val", "test")]
    assert np.array_equal(np.sort(np.concatenate(rows)), np.arange(len(built)))
    assert {built.scans[scan].split for scan in built.table["scan"][rows[0]]} == {"train"}
    with pytest.raises(InputError, match="no split"):
        built.rows("validation")


def test_another_process_opens_the_folder_and_gets_no_voxels_sent(built: TrainingSet) -> None:
    built.sample(0)
    sent = pickle.dumps(built)
    assert len(sent) < 1000
    assert np.array_equal(pickle.loads(sent).sample(3).mask, built.sample(3).mask)


def test_nothing_in_a_set_can_be_overwritten_through_a_sample(copied: Path) -> None:
    opened = TrainingSet.open(copied)
    before = int(opened.sample(0).ct[0, 0])
    opened.sample(0).ct[0, 0] = before + 1
    assert int(TrainingSet.open(copied).sample(0).ct[0, 0]) == before


@pytest.mark.parametrize(
    "name", ["pairs.npy", "masks.bin", "set.json", "scans/a/ct.npy", "scans/a/labels.npy"]
)
@pytest.mark.parametrize("damage", ["cut", "gone"])
def test_a_damaged_set_is_refused_in_a_sentence(copied: Path, name: str, damage: str) -> None:
    path = copied / name
    content = path.read_bytes()
    path.unlink()
    if damage == "cut":
        path.write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match=r"build it|build the training set again"):
        TrainingSet.open(copied).sample(0)


def test_a_set_of_another_version_is_refused(copied: Path) -> None:
    content = json.loads((copied / "set.json").read_text())
    (copied / "set.json").write_text(json.dumps(content | {"format": "segae training set 99"}))
    with pytest.raises(InputError, match="of this version"):
        TrainingSet.open(copied)


def test_the_statistics_tell_number_and_dice_of_every_group(built: TrainingSet) -> None:
    with (built.folder / "statistics.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert sum(int(row["pairs"]) for row in rows) == np.isfinite(built.table["dice"]).sum()
    assert len({(r["structure"], r["split"], r["source"], r["kind"]) for r in rows}) == len(rows)
    for row in rows:
        group = [
            e.dice
            for e in map(built.sample, built.rows(row["split"]))
            if np.isfinite(e.dice)
            and (str(e.structure), e.source, e.kind) == (row["structure_index"], row["source"], row["kind"])
        ]
        assert len(group) == int(row["pairs"])
        assert float(row["mean"]) == pytest.approx(np.mean(group), abs=1e-4)
        assert float(row["median"]) == pytest.approx(np.median(group), abs=1e-4)
        assert float(row["dice_0"]) == pytest.approx(np.mean(np.array(group) == 0), abs=1e-4)


def test_the_picture_of_the_statistics_names_142_structures_without_overlap(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    figures = []

    def remembered(width: float, height: float):
        figures.append(new_figure(width, height))
        return figures[-1]

    monkeypatch.setattr("segae_trainer.data.set_statistics.new_figure", remembered)
    rows = [structure.index for structure in LabelTable.default().offered]
    table = np.zeros(10 * len(rows), PAIR)
    table["structure"], table["dice"] = np.repeat(rows, 10), np.tile(np.linspace(0, 1, 10), len(rows))
    draw_distribution(table, tmp_path / "figure.png", LabelTable.default())
    [figure] = figures
    renderer = figure.canvas.get_renderer()
    texts = [text for axes in figure.axes for text in axes.texts]
    shown = [text.get_text() for text in texts]
    assert all(structure.name.replace("_", " ") in shown for structure in LabelTable.default().offered)
    boxes = np.array([text.get_window_extent(renderer).extents for text in texts])
    page = figure.bbox.extents
    low, high = boxes[:, :2], boxes[:, 2:]
    assert (low >= page[:2]).all()
    assert (high <= page[2:]).all()
    overlap = np.minimum(high[:, None], high) - np.maximum(low[:, None], low)
    together = (overlap > 1).all(axis=2) & ~np.eye(len(boxes), dtype=bool)
    assert not together.any()
    assert (tmp_path / "figure.png").stat().st_size > 10_000
