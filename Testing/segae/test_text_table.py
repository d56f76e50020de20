"""Tables in every encoding and with every separator that programs and people use."""

from __future__ import annotations

from pathlib import Path

import pytest

from segae.errors import InputError
from segae.text_table import read_table, read_text

ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "latin-1", "cp1252"]


def written(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    path = folder / "table.csv"
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_encoding_and_separator_are_recognised(tmp_path: Path, encoding: str, separator: str) -> None:
    lines = ["Image ID,split,Größe", "s1,train,1", "s2, test ,2"]
    table = read_table(written(tmp_path, "\r\n".join(lines).replace(",", separator), encoding))
    assert table.columns == ("image_id", "split", "größe")
    assert table.rows == (
        (2, {"image_id": "s1", "split": "train", "größe": "1"}),
        (3, {"image_id": "s2", "split": "test", "größe": "2"}),
    )
    assert table.separator == separator


def test_quotes_keep_separators_and_line_breaks_within_a_cell(tmp_path: Path) -> None:
    table = read_table(written(tmp_path, 'name;note\n"a;b";"one\ntwo, three, four"\nc;d\n'))
    assert [dict(cells) for _, cells in table.rows] == [
        {"name": "a;b", "note": "one\ntwo, three, four"},
        {"name": "c", "note": "d"},
    ]


def test_decimal_commas_do_not_divide_columns(tmp_path: Path) -> None:
    assert read_table(written(tmp_path, "name;ml\nliver;1,5\nspleen;0,2\n")).columns == ("name", "ml")


def test_the_separator_that_excel_declares_is_used(tmp_path: Path) -> None:
    table = read_table(written(tmp_path, "sep=;\r\nname;value\r\nliver;1\r\n"))
    assert table.rows == ((3, {"name": "liver", "value": "1"}),)


@pytest.mark.parametrize("data", [b"PK\x03\x04....", b"\xd0\xcf\x11\xe0....", b"\x00\x01\x02\x03", b"a\x07b"])
def test_what_is_no_text_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "table.xlsx"
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"table\.xlsx.* no text"):
        read_text(path)


def test_a_missing_file_and_open_quotes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_text(tmp_path / "none.csv")
    with pytest.raises(InputError, match="no table"):
        read_table(written(tmp_path, 'a,b\n"open,1\n'))
