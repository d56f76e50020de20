"""The script for Slicer without a window: same numbers, same files, scenes, exit codes."""
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

import json
import os
import runpy
import shutil
import signal
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from flat_rows import slices

from segae import score
from segae.results.files import read_report

SCRIPT = Path(__file__).resolve().parents[2] / "SegAE" / "Scripts" / "segae_batch.py"


@pytest.fixture
def headless(bed, monkeypatch) -> Iterator[list[int]]:
    """Slicer without main window. Exit codes end up in the list."""
    import slicer

    codes: list[int] = []
    monkeypatch.setattr(slicer.util, "exit", lambda code=0: codes.append(code))
    with bed.without_main_window():
        yield codes


@pytest.fixture
def run(headless, monkeypatch, model):
    """Runs the script as Slicer does, without the packages that it lacks; returns the exit code."""

    def call(*arguments: object) -> int:
        with monkeypatch.context() as patch:
            patch.setattr(sys, "argv", [str(SCRIPT), *map(str, arguments)])
            for name in ("pandas", "pyarrow", "nibabel", "rich", "typer"):
                patch.setitem(sys.modules, name, None)
            runpy.run_path(str(SCRIPT), run_name="__main__")
        assert len(headless) == 1, "Slicer is told to end exactly once"
        return headless.pop()

    return lambda *arguments: call(*arguments, "--model", model, "--device", "cpu")


@pytest.fixture
def data(tmp_path, sample_dir) -> Path:
    """One case with two masks, in TotalSegmentator's layout."""
    case = tmp_path / "data" / "s0001"
    (case / "segmentations").mkdir(parents=True)
    (case / "ct.nii.gz").symlink_to(sample_dir / "ct.nii.gz")
    for organ in ("spleen", "kidney_left"):
        (case / "segmentations" / f"{organ}.nii.gz").symlink_to(
            sample_dir / "segmentations" / f"{organ}.nii.gz"
        )
    return tmp_path / "data"


@pytest.fixture
def scene(bed, masks, tmp_path) -> Path:
    """The sample as a scene file; the open scene is empty afterwards."""
    import slicer

    for segment_id in list(masks.GetSegmentation().GetSegmentIDs()):
        if segment_id not in ("spleen", "kidney_left"):
            masks.GetSegmentation().RemoveSegment(segment_id)
    path = tmp_path / "scenes" / "patient.mrb"
    path.parent.mkdir()
    assert slicer.util.saveScene(str(path))
    slicer.mrmlScene.Clear(0)
    return path


def test_a_data_set_gives_the_scores_of_the_command_line(run, data, tmp_path, model, capsys):
    assert run(data, "--out", tmp_path / "out") == 0
    assert "1 scored, 0 done before, 0 failed" in capsys.readouterr().out
    report = read_report(tmp_path / "out" / "cases" / "s0001.csv")
    case = data / "s0001"
    direct = score(case / "ct.nii.gz", case / "segmentations", model=model, device="cpu")
    assert report.segments == direct.segments
    assert run(data, "--out", tmp_path / "out") == 0
    assert "0 scored, 1 done before" in capsys.readouterr().out


def test_a_scene_gives_the_scores_of_its_files(run, scene, tmp_path, model, sample_dir, capsys):
    assert run(scene, "--out", tmp_path / "out") == 0
    report = read_report(tmp_path / "out" / "cases" / "patient.csv")
    direct = score(
        sample_dir / "ct.nii.gz", sample_dir / "segmentation_multilabel.nii.gz", model=model, device="cpu"
    )
    expected = {
        (r.segment, r.slice): r.raw_score for r in slices(direct) if r.segment in ("spleen", "kidney_left")
    }
    assert {(r.segment, r.slice): r.raw_score for r in slices(report)} == pytest.approx(expected, abs=1e-6)
    assert run(scene.parent, "--out", tmp_path / "out") == 0
    assert "0 scored, 1 done before" in capsys.readouterr().out


def test_scores_are_written_back_into_the_scene_when_asked(run, scene, tmp_path):
    import slicer

    from SegAELib.mrml.results_table import find_results, read_results
    from SegAELib.mrml.score_tags import read_score

    before = scene.read_bytes()
    assert run(scene, "--out", tmp_path / "plain") == 0
    assert scene.read_bytes() == before
    assert run(scene, "--out", tmp_path / "out", "--write-back") == 0
    assert [path.name for path in scene.parent.iterdir()] == ["patient.mrb"], "no half-written file"
    report = read_report(tmp_path / "out" / "cases" / "patient.csv")
    slicer.util.loadScene(str(scene))
    node = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLSegmentationNode")
    assert read_results(find_results(node)).report.segments == report.segments
    assert read_score(node, "spleen") is not None


@pytest.fixture
def described_scene(bed, masks, ct, tmp_path) -> Path:
    """The sample as a .mrml file beside its data files, with a segment that nobody can name."""
    import slicer

    segmentation = masks.GetSegmentation()
    others = [i for i in segmentation.GetSegmentIDs() if i not in ("spleen", "kidney_left")]
    segmentation.GetSegment(others[0]).SetName("thing")
    for segment_id in others[1:]:
        segmentation.RemoveSegment(segment_id)
    folder = tmp_path / "scenes"
    folder.mkdir()
    assert slicer.util.saveNode(ct, str(folder / "ct.nrrd"))
    assert slicer.util.saveNode(masks, str(folder / "masks.seg.nrrd"))
    assert slicer.util.saveScene(str(folder / "patient.mrml"))
    slicer.mrmlScene.Clear(0)
    return folder / "patient.mrml"


def test_scores_of_an_earlier_run_are_written_back_when_that_is_asked_later(
    run, described_scene, tmp_path, capsys
):
    import slicer

    from SegAELib.mrml.results_table import find_results, read_results
    from SegAELib.mrml.score_tags import read_score

    scene, out = described_scene, tmp_path / "out"
    files = {path.name for path in scene.parent.iterdir()}
    assert run(scene, "--out", out) == 0
    assert run(scene, "--out", out, "--write-back") == 0
    assert "0 scored, 1 done before" in capsys.readouterr().out
    new = {path.name for path in scene.parent.iterdir()} - files
    assert {name.partition(".")[0] for name in new} == {"segmentation SegAE scores"}, "no half-written file"
    report = read_report(out / "cases" / "patient.csv")
    slicer.util.loadScene(str(scene))
    node = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLSegmentationNode")
    assert read_results(find_results(node)).report.segments == report.segments
    assert read_score(node, "spleen") is not None, "the tags are in the file of the segmentation"
    slicer.mrmlScene.Clear(0)

    written = scene.stat().st_mtime_ns
    assert run(scene, "--out", out, "--write-back") == 0
    assert "0 scored, 1 done before" in capsys.readouterr().out
    assert scene.stat().st_mtime_ns == written, "a scene that has its scores stays as it is"


def test_a_bundle_keeps_its_own_name_inside(run, scene, tmp_path):
    before = {Path(name).parts[0] for name in zipfile.ZipFile(scene).namelist()}
    assert run(scene, "--out", tmp_path / "out", "--write-back") == 0
    names = zipfile.ZipFile(scene).namelist()
    assert {Path(name).parts[0] for name in names} == before == {"patient"}
    assert "patient/patient.mrml" in names


def test_a_segmentation_without_reference_volume_is_listed_as_failed(run, bed, ct, masks, tmp_path):
    import slicer

    masks.SetNodeReferenceID(masks.GetReferenceImageGeometryReferenceRole(), None)
    path = tmp_path / "lost.mrb"
    assert slicer.util.saveScene(str(path))
    assert run(path, "--out", tmp_path / "out") == 3
    failure = json.loads((tmp_path / "out" / "failed" / "lost.json").read_text())
    assert "names no reference volume" in failure["reason"]


def test_a_damaged_scene_does_not_stop_the_others(run, scene, tmp_path, guard):
    (scene.parent / "broken.mrb").write_bytes(b"no archive")
    assert run(scene.parent, "--out", tmp_path / "out") == 3
    guard.failures.clear()  # Slicer itself reports the file
    assert (tmp_path / "out" / "cases" / "patient.csv").is_file()
    assert "cannot be loaded" in (tmp_path / "out" / "failed" / "broken.json").read_text()


def test_wrong_input_is_one_sentence_and_exit_code_2(run, tmp_path, capsys):
    assert run(tmp_path / "nothing", "--out", tmp_path / "out") == 2
    said = capsys.readouterr().err.strip()
    assert said.startswith("segae: There is no ")
    assert "\n" not in said


def test_a_wrong_option_is_exit_code_2_and_help_is_0(run, tmp_path, capsys):
    assert run("--nonsense") == 2
    assert run("--help") == 0
    assert "--write-back" in capsys.readouterr().out


def test_a_fault_of_the_program_still_ends_slicer(run, tmp_path, monkeypatch, capsys):
    import SegAELib.app.headless as headless_module

    monkeypatch.setattr(headless_module, "find_scenes", lambda _data: 1 / 0)
    assert run(tmp_path, "--out", tmp_path / "out") == 1
    assert "ZeroDivisionError" in capsys.readouterr().err


def test_ctrl_c_ends_slicer_with_a_word_on_what_is_kept(run, data, tmp_path, monkeypatch, capsys):
    import SegAELib.app.headless as headless_module

    shutil.copytree(data / "s0001", data / "s0002")

    def say(text: str) -> None:
        if "structures" in text:  # the first case is done
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(headless_module, "_say", say)
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # the application has no handler of Python's
    try:
        assert run(data, "--out", tmp_path / "out") == 130
        assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
    said = capsys.readouterr().err.strip()
    assert said.startswith('segae: stopped. 1 report is kept in "')


def test_the_options_are_those_of_segae_batch():
    """Every option of the command exists in the script, but for those of jobs on a cluster."""
    import typer.main

    from segae.cli.app import app
    from SegAELib.app.headless import parse

    command = typer.main.get_command(app)
    batch = command.commands["batch"]
    names = {p.name for p in batch.params if p.name != "help"}
    parsed = vars(parse(["DATA", "--out", "DIR"]))
    of_jobs = {"slurm", "jobs", "partition", "gres", "time_limit", "mem", "cpus"}
    assert names - parsed.keys() == of_jobs
    assert parsed.keys() - names == {"write_back"}
    defaults = {p.name: p.default for p in batch.params if p.name not in {"data", "out", "help", *of_jobs}}
    assert {name: parsed[name] for name in defaults} == defaults
