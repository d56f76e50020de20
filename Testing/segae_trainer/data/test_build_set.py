"""A build that is stopped, killed, or runs out of disk goes on; bad input is refused in a sentence."""

from __future__ import annotations

import errno
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from segae.errors import Cancelled, InputError, OutputError
from segae.geometry.grid import Grid
from segae.labels import resolve
from segae.progress import CancelToken, Watch
from segae_trainer.data.build_set import build_training_set
from segae_trainer.data.draw_samples import PUBLISHED, Sampling
from segae_trainer.data.index import Index, PseudoLabel, Scan, write_index
from segae_trainer.data.scan_files import write_nifti
from segae_trainer.data.training_set import TrainingSet

FilesOf = Callable[[Path], dict[str, bytes]]
LIVER, LUNG = (resolve(name).structure.index for name in ("liver", "lung lower lobe left"))
PREDICTED, WHOLE = Sampling(repeats=0), Sampling()

# Builds in a process that kills itself as soon as the scan or the step that it is told is done.
KILLED = """
import os, signal, sys
from segae.progress import Watch
from segae_trainer.data.index import read_index
from segae_trainer.data.build_set import build_training_set

def kill(step):
    if [step.stage, str(step.done)] == sys.argv[3:]:
        os.kill(os.getpid(), signal.SIGKILL)

build_training_set(read_index(sys.argv[1]), sys.argv[2], watch=Watch(kill))
"""


@pytest.fixture(scope="module")
def whole(index: Index, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A set that was built in one go."""
    return build_training_set(index, tmp_path_factory.mktemp("sets") / "set").folder


def stop_at(stage: str, done: int) -> Watch:
    """Stops the work at its next step after this one."""
    token = CancelToken()
    return Watch(lambda step: token.cancel() if (step.stage, step.done) == (stage, done) else None, token)


@contextmanager
def room_for(n_bytes: int) -> Iterator[None]:
    """No file may grow beyond so many bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("moment", [("scans", 1), ("putting together", 1), ("putting together", 2)])
def test_a_killed_build_goes_on_and_gives_the_same_files(
    index: Index, whole: Path, tmp_path: Path, files_of: FilesOf, moment: tuple[str, int]
) -> None:
    listed, _ = write_index(index, tmp_path / "index.json")
    folder = tmp_path / "set"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", KILLED, str(listed), str(folder), *map(str, moment)]
    assert subprocess.run(command, env=environment).returncode == -signal.SIGKILL
    with pytest.raises(InputError, match="not finished"):
        TrainingSet.open(folder)
    (folder / "scans" / "a" / f".ct.npy.{'0' * 32}.part").write_bytes(b"half a file")
    written = (folder / "scans" / "a" / "ct.npy").stat().st_mtime_ns
    build_training_set(index, folder)
    assert files_of(folder) == files_of(whole)
    assert (folder / "scans" / "a" / "ct.npy").stat().st_mtime_ns == written


def test_a_stopped_build_keeps_what_is_done(
    index: Index, whole: Path, tmp_path: Path, files_of: FilesOf
) -> None:
    with pytest.raises(Cancelled):
        build_training_set(index, tmp_path / "set", watch=stop_at("scans", 0))
    assert [path.parent.name for path in tmp_path.rglob("parts.json")] == ["a"]
    build_training_set(index, tmp_path / "set")
    assert files_of(tmp_path / "set") == files_of(whole)


def test_two_processes_give_the_files_of_one(
    index: Index, whole: Path, tmp_path: Path, files_of: FilesOf
) -> None:
    build_training_set(index, tmp_path / "set", workers=2)
    assert files_of(tmp_path / "set") == files_of(whole)


def test_a_finished_set_is_opened_and_not_built_again(index: Index, whole: Path, files_of: FilesOf) -> None:
    before = {path: path.stat().st_mtime_ns for path in whole.rglob("*")}
    assert len(build_training_set(index, whole)) == len(TrainingSet.open(whole))
    assert {path: path.stat().st_mtime_ns for path in whole.rglob("*")} == before


@pytest.mark.parametrize("room", [10_000, 400_000])
def test_a_full_disk_is_told_in_a_sentence_and_what_is_done_is_kept(
    index: Index, whole: Path, tmp_path: Path, files_of: FilesOf, room: int
) -> None:
    with room_for(room), pytest.raises(OutputError, match=r"Cannot write .+; free some space"):
        build_training_set(index, tmp_path / "set")
    assert not list(tmp_path.rglob("*.part"))
    with pytest.raises(InputError, match="not finished"):
        TrainingSet.open(tmp_path / "set")
    build_training_set(index, tmp_path / "set")
    assert files_of(tmp_path / "set") == files_of(whole)


LAST_FILES = (
    "made_from.json", "pairs.npy", "masks.bin", "statistics.csv", "dice_by_structure.png", "set.json",
)  # fmt: skip


@pytest.mark.parametrize("name", LAST_FILES)
def test_a_disk_that_is_full_when_all_scans_are_done_costs_none_of_them(
    index: Index, whole: Path, tmp_path: Path, files_of: FilesOf, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = iter(LAST_FILES)

    def full(_descriptor: int) -> None:
        if next(written) == name:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(Cancelled):
        build_training_set(index, tmp_path / "set", watch=stop_at("putting together", 0))
    done = files_of(tmp_path / "set")
    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", full)
        with pytest.raises(OutputError, match=rf"{re.escape(name)} \(No space left.+free some space"):
            build_training_set(index, tmp_path / "set")
    assert not list(tmp_path.rglob("*.part"))
    assert done.items() <= files_of(tmp_path / "set").items()
    build_training_set(index, tmp_path / "set")
    assert files_of(tmp_path / "set") == files_of(whole)


def test_other_options_another_index_and_foreign_folders_are_refused(
    index: Index, whole: Path, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="begun with another sampling"):
        build_training_set(index, whole, PUBLISHED)
    fewer = replace(index, scans=tuple(replace(s, pseudo_labels=s.pseudo_labels[:1]) for s in index.scans))
    with pytest.raises(InputError, match="begun from another index"):
        build_training_set(fewer, whole)
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(InputError, match="holds other files"):
        build_training_set(index, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def changed(index: Index, **values: object) -> Index:
    """The index with other values in its first scan."""
    return replace(index, scans=(replace(index.scans[0], **values), *index.scans[1:]))


def test_a_scan_without_mask_or_ct_is_told_by_its_path(index: Index, tmp_path: Path) -> None:
    for name in ("ct", "masks"):
        missing = tmp_path / f"no_{name}.nii.gz"
        with pytest.raises(InputError, match=missing.name):
            build_training_set(changed(index, **{name: missing}), tmp_path / name)


@pytest.mark.parametrize("which", ["masks", "pseudo label"])
def test_grids_that_differ_are_told_by_the_path_and_in_millimetres(
    index: Index, tmp_path: Path, truth: np.ndarray, sample_ct, which: str
) -> None:
    affine = sample_ct.grid.affine.copy()
    affine[2, 3] += 12
    path = tmp_path / "shifted.nii.gz"
    write_nifti(path, np.ascontiguousarray(truth), Grid(sample_ct.grid.size, affine))
    label = PseudoLabel(LIVER, "other", path, LIVER)
    values = {"masks": path} if which == "masks" else {"pseudo_labels": (label,)}
    with pytest.raises(InputError, match=r"shifted\.nii\.gz.+12\.0 mm away"):
        build_training_set(changed(index, **values), tmp_path / "set")


def test_pseudo_labels_of_a_class_that_no_scan_shows_are_left_out_and_told(
    index: Index, tmp_path: Path
) -> None:
    label = replace(index.scans[0].pseudo_labels[0], structure=LUNG)
    labels = (*index.scans[0].pseudo_labels, label)
    training_set = build_training_set(changed(index, pseudo_labels=labels), tmp_path / "set")
    assert LUNG not in training_set.table["structure"]
    assert any("lung lower lobe left: pseudo labels left out" in text for text in training_set.findings)


def test_pseudo_labels_of_a_class_that_was_not_annotated_in_a_scan_are_no_errors_of_the_mask(
    index: Index, tmp_path: Path, sample_dir: Path
) -> None:
    first = index.scans[0]
    folder = tmp_path / "only_spleen"
    folder.mkdir()
    shutil.copy(sample_dir / "segmentations" / "spleen.nii.gz", folder)
    training_set = build_training_set(
        changed(index, masks=folder, ct=sample_dir / "ct.nii.gz"), tmp_path / "set", PREDICTED
    )
    shown = training_set.table["structure"][training_set.rows(first.split)]
    assert LIVER not in shown
    assert len(shown)
    assert any("in 1 scan that has no true mask file" in text for text in training_set.findings)


def test_an_index_without_anything_to_learn_from_is_refused_before_a_file_is_written(
    index: Index, tmp_path: Path
) -> None:
    bare = replace(index, scans=tuple(replace(scan, pseudo_labels=()) for scan in index.scans))
    twice = replace(index, scans=(index.scans[0], index.scans[0]))
    unsplit = changed(index, split="")
    for wrong, sampling, text in (
        (bare, PREDICTED, "pseudo labels"),
        (replace(index, scans=()), WHOLE, "holds no scan"),
        (twice, WHOLE, "2 scans of the index are called"),
        (unsplit, WHOLE, "in no split"),
    ):
        with pytest.raises(InputError, match=text):
            build_training_set(wrong, tmp_path / "set", sampling)
    assert not (tmp_path / "set").exists()


def test_slices_that_all_fall_short_of_the_rule_are_told(index: Index, tmp_path: Path) -> None:
    scans = tuple(replace(s, pseudo_labels=s.pseudo_labels[:1], structures=(LUNG,)) for s in index.scans)
    with pytest.raises(InputError, match="Not one slice can be used"):
        build_training_set(replace(index, scans=scans), tmp_path / "set", PUBLISHED)


def test_wrong_options_are_refused() -> None:
    with pytest.raises(InputError, match="no sampling"):
        Sampling("half")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="must not be negative"):
        Sampling(repeats=-1)


def test_what_is_missing_for_a_training_is_told(index: Index, tmp_path: Path) -> None:
    scans: tuple[Scan, ...] = tuple(
        replace(s, pseudo_labels=() if s.name == "b" else s.pseudo_labels) for s in index.scans
    )
    training_set = build_training_set(replace(index, scans=scans), tmp_path / "set", PREDICTED)
    text = " ".join(training_set.findings)
    assert "b: no pseudo labels" in text
    assert 'No pair is in "test"' in text
