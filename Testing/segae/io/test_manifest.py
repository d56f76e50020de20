"""CSV manifests: separators, relative paths, and what is wrong with a line."""

import csv
import io
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segae.errors import InputError
from segae.io.layouts import CaseFiles, find_cases, find_layout


def manifest(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    path = folder / "manifest.csv"
    path.write_text(text, encoding=encoding)
    return path


def refused(path: Path, match: str) -> None:
    with pytest.raises(InputError, match=match) as caught:
        find_cases(path)
    assert path.name in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
def test_columns_are_separated_by_comma_semicolon_or_tab(tmp_path: Path, separator: str, encoding: str):
    rows = ["case ct masks name remark", "b b.nii b_liver.nii liver good", "a a.nii a_segs  ."]
    path = manifest(tmp_path, "\n".join(rows).replace(" ", separator), encoding)
    assert find_cases(path) == (
        CaseFiles("a", tmp_path / "a.nii", tmp_path / "a_segs"),
        CaseFiles("b", tmp_path / "b.nii", tmp_path / "b_liver.nii", "liver"),
    )


def test_case_and_spaces_of_the_column_names_do_not_matter(tmp_path: Path):
    path = manifest(tmp_path, " CT , Masks\na.nii, m.nii \n")
    assert find_cases(path) == (CaseFiles("a", tmp_path / "a.nii", tmp_path / "m.nii"),)


def test_paths_are_absolute_or_relative_to_the_manifest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "lists").mkdir()
    manifest(tmp_path / "lists", f"ct,masks\n{tmp_path}/a.nii,../m.nii\n")
    monkeypatch.chdir(tmp_path)
    (case,) = find_cases(Path("lists/manifest.csv"))
    assert case.ct == tmp_path / "a.nii"
    assert case.masks.resolve() == tmp_path / "m.nii"


def test_a_row_without_case_has_the_name_of_its_ct_or_of_the_folder_of_a_ct_called_ct(tmp_path: Path):
    path = manifest(tmp_path, "ct,masks\ns0001/ct.nii.gz,m\nother.nii.gz,m\n")
    assert [one.case for one in find_cases(path)] == ["other", "s0001"]


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("", "no column ct and masks"),
        ("masks,name\nm,liver\n", "no column ct;"),
        ("ct\na.nii\n", "no column masks"),
        ("a.nii,m.nii\nb.nii,n.nii\n", "no column ct and masks"),
        ("ct,masks\n", "holds no cases"),
        ('ct,masks\n"a.nii,m.nii\n', "no table that can be read"),
    ],
)
def test_what_is_wrong_is_said_with_the_line(tmp_path: Path, text: str, match: str):
    refused(manifest(tmp_path, text), match)


@pytest.mark.parametrize(
    ("text", "case"),
    [("ct,masks\na.nii,m.nii\n\nb.nii,\n", "b"), ("ct,masks\na.nii,m.nii\n,m\n", "line 3 of manifest.csv")],
)
def test_a_line_that_lacks_a_file_costs_no_other_and_fails_by_itself(tmp_path: Path, text: str, case: str):
    found = {one.case: one.problem for one in find_cases(manifest(tmp_path, text))}
    assert set(found) == {"a", case}
    assert not found["a"]
    assert re.match(r"Line \d of .* has no ct or no masks", found[case])


def test_two_rows_for_one_case_get_names_of_their_own(tmp_path: Path):
    found = find_layout(manifest(tmp_path, "ct,masks\na.nii,m.nii\nA.nii,n.nii\na.nii,m.nii\n"))
    assert [(one.case, one.masks.name) for one in found.cases] == [("A", "n.nii"), ("a (2)", "m.nii")]
    assert [one.code for one in found.left_out] == ["SAME_NAME", "DUPLICATE"]
    assert "a (2)" in found.left_out[0].message


def test_a_file_that_is_no_text_is_refused(sample_dir: Path):
    refused(sample_dir / "ct.nii.gz", "is no text")


words = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=8)


@settings(max_examples=50)
@given(st.lists(st.tuples(words, words, words), unique_by=lambda row: row[0], min_size=1, max_size=5))
def test_whatever_is_written_as_csv_is_read_back(tmp_path_factory, rows: list[tuple[str, str, str]]):
    folder = tmp_path_factory.mktemp("manifest")
    text = io.StringIO()
    csv.writer(text).writerows([("case", "ct", "masks"), *rows])
    found = find_cases(manifest(folder, text.getvalue()))
    assert {(one.case, one.ct, one.masks) for one in found} == {
        (case, folder / ct, folder / masks) for case, ct, masks in rows
    }
