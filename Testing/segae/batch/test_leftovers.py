"""Half-written files of a killed process: those of the given files vanish, all others stay."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segae.errors import OutputError
from segae.files import remove, remove_leftovers, whole_file


def half_written(path: Path) -> Path:
    """What `whole_file` leaves when the process dies in the block."""
    before = set(path.parent.iterdir())
    writing = whole_file(path)
    writing.__enter__().write(b"half")
    (part,) = set(path.parent.iterdir()) - before
    kept = part.read_bytes()
    writing.__exit__(KeyboardInterrupt, KeyboardInterrupt(), None)
    part.write_bytes(kept)
    return part


names = st.text(st.sampled_from("ab.[]*? "), min_size=1, max_size=120).filter(lambda n: n.strip("."))


@settings(max_examples=25)
@given(names, names)
def test_only_the_half_written_versions_of_the_given_file_are_removed(
    tmp_path_factory, name: str, other: str
):
    folder = tmp_path_factory.mktemp("leftovers")
    with whole_file(folder / name) as stream:
        stream.write(b"finished")
    part = half_written(folder / name)
    others = [] if other[:100] == name[:100] else [half_written(folder / other)]
    (folder / f".{name[:100]}.part").write_bytes(b"somebody else's")
    remove_leftovers([folder / name])
    assert not part.exists()
    assert (folder / name).read_bytes() == b"finished"
    assert all(path.exists() for path in (*others, folder / f".{name[:100]}.part"))


def test_a_missing_folder_has_no_leftovers(tmp_path: Path):
    remove_leftovers([tmp_path / "missing/a.csv"])
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_removed_is_an_output_error(tmp_path: Path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=r"Cannot remove .*inside.* choose another folder"):
        remove(tmp_path / "file/inside")
