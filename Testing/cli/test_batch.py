"""`segae batch` and `segae merge` as a user runs them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest


@pytest.fixture
def data(tmp_path: Path, case: Path) -> Path:
    """Two cases, `a` and `b`."""
    (tmp_path / "data").mkdir()
    shutil.copytree(case, tmp_path / "data/a")
    case.rename(tmp_path / "data/b")
    return tmp_path / "data"


@pytest.fixture
def batch(segae, model: Path, tmp_path: Path):
    def run(data: Path, *arguments: object):
        out = ("--out", tmp_path / "out", "--model", model, "--device", "cpu")
        return segae("batch", data, *out, *arguments)

    return run


def files_in(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_a_batch_says_what_it_does_and_where_the_results_are(batch, data: Path, tmp_path: Path):
    ended = batch(data)
    lines = ended.err.splitlines()
    assert ended.code == 0
    assert lines[0] == "2 cases to score"
    assert lines[1].startswith("a: 1 structure, 3 slices, mean ")
    assert lines[2].startswith("b: 1 structure, 3 slices, mean ")
    assert lines[-1] == (
        f"2 scored, 0 done before, 0 failed; results are in {tmp_path}/out. "
        f"`segae merge {tmp_path}/out` makes the tables."
    )
    assert files_in(tmp_path / "out") == ["cases/a.parquet", "cases/b.parquet"]
    again = batch(data)
    assert again.err.splitlines()[0] == "0 cases to score, 2 done before"
    assert "0 scored, 2 done before, 0 failed" in again.err


def test_a_broken_case_is_listed_with_its_reason_and_the_exit_code_is_3(batch, data: Path, tmp_path: Path):
    (data / "a/ct.nii.gz").write_bytes(b"")
    ended = batch(data)
    assert ended.code == 3
    assert f'"{data}/a/ct.nii.gz"' in " ".join(ended.err.split())
    assert "Traceback" not in ended.err
    assert "1 scored, 0 done before, 1 failed" in ended.err
    assert files_in(tmp_path / "out") == ["cases/b.parquet", "failed/a.json"]


def test_parts_divide_the_cases(batch, data: Path, tmp_path: Path):
    batch(data, "--num-parts", 2, "--part-id", 1)
    assert files_in(tmp_path / "out") == ["cases/b.parquet"]
    batch(data, "--num-parts", 2, "--part-id", 0)
    assert files_in(tmp_path / "out") == ["cases/a.parquet", "cases/b.parquet"]


def test_ct_and_mask_folders_and_manifests_are_data_sets(batch, data: Path, tmp_path: Path):
    for folder in ("cts", "masks"):
        (tmp_path / folder).mkdir()
    shutil.copyfile(data / "a/ct.nii.gz", tmp_path / "cts/x_0000.nii.gz")
    shutil.copyfile(data / "a/segmentations/vertebrae_T11.nii.gz", tmp_path / "masks/x.nii.gz")
    (tmp_path / "names.json").write_text('{"1": "vertebrae_T11"}')
    assert (
        batch(tmp_path / "cts", "--masks", tmp_path / "masks", "--names", tmp_path / "names.json").code == 0
    )
    (tmp_path / "list.csv").write_text("case;ct;masks;name\ny;cts/x_0000.nii.gz;masks/x.nii.gz;T11\n")
    assert batch(tmp_path / "list.csv").code == 0
    assert files_in(tmp_path / "out") == ["cases/x.parquet", "cases/y.parquet"]


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (None, 'There is no "'),
        ("ct\na.nii\n", "has no column masks"),
        ("ct,masks\n", "holds no cases"),
    ],
)
def test_a_data_set_that_cannot_be_used_is_refused_in_one_line(
    batch, tmp_path: Path, content: str | None, match: str
):
    if content is not None:
        (tmp_path / "list.csv").write_text(content)
    line = batch(tmp_path / "list.csv").refusal()
    assert match in line
    assert f"{tmp_path}/list.csv" in line
    assert not (tmp_path / "out").exists()


def test_a_part_that_does_not_exist_is_refused(batch, data: Path):
    assert "Part 2 of 2 does not exist" in batch(data, "--num-parts", 2, "--part-id", 2).refusal()


def test_a_file_where_the_results_should_go_is_refused_before_the_work(batch, data: Path, tmp_path: Path):
    (tmp_path / "out").touch()
    assert f'"{tmp_path}/out" is a file; choose another folder.' in batch(data).refusal()


def test_results_that_cannot_be_written_end_with_two_and_one_line_more(batch, data: Path, tmp_path: Path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/cases").touch()
    ended = batch(data)
    assert ended.code == 2
    first, last = ended.err.splitlines()
    assert first == "2 cases to score"
    assert last.startswith(f"segae: Cannot write {tmp_path}/out/cases/a.parquet")


def test_merge_lists_the_tables(segae, batch, data: Path, tmp_path: Path):
    (data / "a/ct.nii.gz").write_bytes(b"")
    batch(data)
    ended = segae("merge", tmp_path / "out")
    assert ended.code == 0
    names = (
        "scores.parquet scores_wide.csv ranking_slice.csv ranking_structure.csv ranking_case.csv failed.csv"
    )
    assert ended.out.split() == [f"{tmp_path}/out/{name}" for name in names.split()]
    assert all(Path(line).is_file() for line in ended.out.split())


def test_brackets_in_a_path_are_printed_as_they_are(segae, batch, data: Path, tmp_path: Path):
    odd = tmp_path / "[bold]odd"
    data.rename(odd)
    batch(odd, "--out", odd / "out")
    assert f"{odd}/out/scores.parquet" in segae("merge", odd / "out").out


def test_merging_what_is_no_batch_is_refused(segae, tmp_path: Path):
    line = segae("merge", tmp_path).refusal()
    assert f'"{tmp_path}" holds no results of a batch; give the folder given to --out.' in line
    assert list(tmp_path.iterdir()) == []
