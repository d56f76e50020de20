"""A case is read for a reviewer as it was scored; corrections are saved whole, beside the originals."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from segae.data import Segment, Segmentation
from segae.errors import InputError, OutputError
from segae.io.segmentation import read_segmentation
from segae.jobs import case_review
from segae.jobs.case_review import ReviewCase, read_for_review, read_review_case, save_corrected
from segae.jobs.payload import write_masks
from segae.jobs.process import child_environment
from segae.progress import Watch
from segae.results.files import write_report
from segae.results.types import CaseReport, ModelIdentity, SegmentResult, SliceResult

ORGANS = ("spleen", "kidney_left", "gallbladder")


class Case:
    """A CT with three masks and their report, and a reviewer's folders for it."""

    def __init__(self, root: Path, sample_dir: Path) -> None:
        self.root, self.ct, self.masks = root, root / "ct.nii.gz", root / "segmentations"
        self.masks.mkdir(parents=True)
        shutil.copyfile(sample_dir / "ct.nii.gz", self.ct)
        for organ in ORGANS:
            shutil.copyfile(sample_dir / "segmentations" / f"{organ}.nii.gz", self.masks / f"{organ}.nii.gz")
        self.report, self.corrected = root / "case.json", root / "corrected" / "case.seg.nrrd"
        write_report(self._judged(), self.report)

    def _judged(self) -> CaseReport:
        segments = []
        for one in read_segmentation(self.masks).segments:
            counts = np.count_nonzero(one.voxels(), axis=(1, 2))
            start = one.box[0].start
            slices = (
                SliceResult(start + n, 0.0, 0.0, 0.0, 3.0, 9.0 * int(count), 0.5, 0.5)
                for n, count in enumerate(counts)
            )
            assert one.structure is not None
            named = (one.name, one.structure.index, one.structure.name)
            segments.append(SegmentResult(*named, int(counts.sum()), 1.0, tuple(slices), verdict="poor"))
        model = ModelIdentity("m", "0" * 64, "segae-published")
        return CaseReport("case", str(self.ct), str(self.masks), model, tuple(segments))

    def open(self, who: str) -> ReviewCase:
        folder = self.root / who
        folder.mkdir()
        arguments = (str(self.report), "bundled", str(self.corrected), str(folder))
        self.told = read_for_review(Watch(), *arguments)
        return read_review_case(folder)

    def save(self, who: str, about: str, changes: Mapping[str, Segment], removed: list[str] | None = None):
        folder, edits, path, *rest = self.words(who, about, changes)
        return save_corrected(Watch(), folder, edits, removed or [], path, *rest)

    def words(self, who: str, about: str, changes: Mapping[str, Segment]) -> list[str]:
        """What a save is called with, but for the masks that were removed; the changes are on the disk."""
        edits = self.root / f"{who} edits of {about}"
        edits.mkdir(exist_ok=True)
        write_masks(edits, Segmentation(tuple(changes.values())))
        return [str(self.root / who), str(edits), str(self.corrected), about, "bundled"]

    def saved(self) -> dict[str, np.ndarray]:
        return {one.name: one.full_mask() for one in read_segmentation(self.corrected).segments}

    def originals(self) -> dict[str, str]:
        files = [self.ct, *sorted(self.masks.iterdir()), self.report]
        return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture
def case(tmp_path: Path, sample_dir: Path) -> Case:
    return Case(tmp_path, sample_dir)


def halved(segment: Segment) -> Segment:
    """Without the slices of its upper half."""
    mask = segment.full_mask()
    indices = np.flatnonzero(mask.any(axis=(1, 2)))
    mask[indices[len(indices) // 2] :] = False
    return Segment.from_mask(segment.name, segment.structure, mask, segment.grid)


def test_a_case_is_read_with_its_report_on_the_grid_of_the_ct(case: Case) -> None:
    read = case.open("Ann")
    assert case.told == {"notes": [], "changed": []}
    assert set(read.before) == set(ORGANS) and read.now == read.before
    assert all(one.grid.size == read.ct.grid.size for one in read.before.values())
    assert read.report.case == "case" and read.report.segments[0].slices


def test_what_was_corrected_is_saved_under_the_same_names_and_nothing_else_changes(case: Case) -> None:
    read, before = case.open("Ann"), case.originals()
    after = halved(read.before["spleen"])
    told = case.save("Ann", "spleen", {"spleen": after})
    saved = case.saved()
    assert set(saved) == set(ORGANS)
    assert np.array_equal(saved["spleen"], after.full_mask())
    assert np.array_equal(saved["kidney_left"], read.before["kidney_left"].full_mask())
    assert case.originals() == before
    common, first = after.full_mask().sum(), read.before["spleen"].full_mask().sum()
    assert told["dice"] == pytest.approx(2 * common / (first + common))
    assert {share for _, share in told["slices"]} == {0.0, 1.0}
    assert [path.name for path in case.corrected.parent.iterdir()] == ["case.seg.nrrd"]


def test_the_next_reviewer_goes_on_from_what_was_saved_and_is_measured_against_what_was_scored(
    case: Case,
) -> None:
    first = case.open("Ann")
    case.save("Ann", "spleen", {"spleen": halved(first.before["spleen"])})
    second = case.open("Bo")
    assert np.array_equal(second.now["spleen"].full_mask(), case.saved()["spleen"])
    assert np.array_equal(second.before["spleen"].full_mask(), first.before["spleen"].full_mask())
    assert second.now["spleen"].structure == first.before["spleen"].structure
    told = case.save("Bo", "spleen", {"spleen": first.before["spleen"]})
    assert told["dice"] == 1.0


def test_two_people_in_one_case_keep_the_masks_of_both(case: Case) -> None:
    ann, bo = case.open("Ann"), case.open("Bo")
    case.save("Ann", "spleen", {"spleen": halved(ann.before["spleen"])})
    case.save("Bo", "kidney_left", {"kidney_left": halved(bo.before["kidney_left"])})
    saved = case.saved()
    for organ in ("spleen", "kidney_left"):
        assert np.array_equal(saved[organ], halved(ann.before[organ]).full_mask()), organ


def test_a_save_that_another_one_overtakes_begins_again(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    ann, bo = case.open("Ann"), case.open("Bo")
    write, overtaken = case_review.write_seg_nrrd, []

    def overtake(segments, grid, stream):
        if not overtaken:
            overtaken.append(True)
            case.save("Bo", "kidney_left", {"kidney_left": halved(bo.before["kidney_left"])})
        write(segments, grid, stream)

    monkeypatch.setattr(case_review, "write_seg_nrrd", overtake)
    case.save("Ann", "spleen", {"spleen": halved(ann.before["spleen"])})
    assert set(case.saved()) == set(ORGANS) and overtaken
    for organ in ("spleen", "kidney_left"):
        assert np.array_equal(case.saved()[organ], halved(ann.before[organ]).full_mask()), organ


def test_new_and_deleted_masks_are_saved_as_they_are(case: Case) -> None:
    read = case.open("Ann")
    new = replace(read.before["spleen"], name="spleen part")
    told = case.save("Ann", "gallbladder", {"spleen part": new}, ["gallbladder"])
    assert set(case.saved()) == {"spleen", "kidney_left", "spleen part"}
    assert told["dice"] == 0.0


_KILLED = """
import os, signal, sys
from pathlib import Path
from segae.jobs import case_review
from segae.progress import Watch

write = case_review.write_seg_nrrd

def killed(segments, grid, stream):
    write(segments, grid, stream)
    stream.flush()
    stream.truncate(stream.tell() // 2)
    os.kill(os.getpid(), signal.SIGKILL)

case_review.write_seg_nrrd = killed
case_review.save_corrected(Watch(), *sys.argv[1:3], [], *sys.argv[3:])
"""


def test_killed_in_the_middle_of_a_save_nothing_half_is_left_and_the_next_save_cleans_up(case: Case) -> None:
    read, before = case.open("Ann"), case.originals()
    case.save("Ann", "spleen", {"spleen": halved(read.before["spleen"])})
    saved = case.corrected.read_bytes()
    words = case.words("Ann", "kidney_left", {"kidney_left": halved(read.before["kidney_left"])})
    done = subprocess.run(
        [sys.executable, "-c", _KILLED, *words], env=child_environment(os.environ), check=False
    )
    assert done.returncode == -9
    assert case.corrected.read_bytes() == saved and case.originals() == before
    assert len(list(case.corrected.parent.iterdir())) == 2, "what was being written is hidden beside it"
    again = case.root / "again edits"
    shutil.copytree(words[1], again)
    save_corrected(Watch(), words[0], str(again), [], words[2], "kidney_left", "bundled")
    assert [path.name for path in case.corrected.parent.iterdir()] == ["case.seg.nrrd"]
    assert np.array_equal(case.saved()["kidney_left"], halved(read.before["kidney_left"]).full_mask())


def test_a_folder_that_cannot_be_written_to_is_told_in_a_sentence(case: Case) -> None:
    read = case.open("Ann")
    case.corrected.parent.write_text("a file where the folder should be")
    with pytest.raises(OutputError, match="Cannot write"):
        case.save("Ann", "spleen", {"spleen": halved(read.before["spleen"])})


_FULL = """
import resource, signal, sys
from segae.errors import OutputError
from segae.jobs.case_review import save_corrected
from segae.progress import Watch

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (500, 500))
try:
    save_corrected(Watch(), *sys.argv[1:3], [], *sys.argv[3:])
except OutputError as error:
    print(error)
"""


def test_a_full_disk_is_told_and_leaves_what_was_saved_before(case: Case) -> None:
    read = case.open("Ann")
    case.save("Ann", "spleen", {"spleen": halved(read.before["spleen"])})
    saved = case.corrected.read_bytes()
    words = case.words("Ann", "kidney_left", {"kidney_left": halved(read.before["kidney_left"])})
    command = [sys.executable, "-c", _FULL, *words]
    environment = child_environment(os.environ)
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    assert "Cannot write" in done.stdout and "free some space" in done.stdout
    assert case.corrected.read_bytes() == saved
    assert [path.name for path in case.corrected.parent.iterdir()] == ["case.seg.nrrd"]


@pytest.mark.parametrize("gone", ["ct.nii.gz", "segmentations"])
def test_files_that_were_moved_are_named(case: Case, gone: str) -> None:
    (case.root / gone).rename(case.root / "elsewhere")
    with pytest.raises(InputError, match="cannot be found") as told:
        case.open("Ann")
    assert gone in str(told.value)


def test_masks_that_are_others_than_those_scored_are_told(case: Case, sample_dir: Path) -> None:
    shutil.copyfile(sample_dir / "segmentations" / "liver.nii.gz", case.masks / "spleen.nii.gz")
    (case.masks / "gallbladder.nii.gz").unlink()
    case.open("Ann")
    assert sorted(case.told["changed"]) == ["gallbladder", "spleen"]


def test_files_that_are_newer_than_their_report_are_told(case: Case) -> None:
    inputs = {"ct": {}, "masks": {}, "names": {}}
    write_report(replace(case._judged(), options={"inputs": inputs}), case.report)
    case.open("Ann")
    (note,) = case.told["notes"]
    assert "changed after they were scored" in note and case.told["changed"] == []
