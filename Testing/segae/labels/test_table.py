"""The shipped label table, whose rows, sides, names and codes fit each other, and structures of one's own."""

from __future__ import annotations

import csv
import io
import json
import pickle
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segae.errors import InputError
from segae.labels.resolver import resolve
from segae.labels.structure import Structure, UnknownName
from segae.labels.table import FIRST_OWN, OWN_SYSTEM, LabelTable

DEFAULT = LabelTable.default()


def test_the_table_has_145_rows_in_the_order_of_their_index() -> None:
    assert [structure.index for structure in DEFAULT.structures] == list(range(145))
    assert len({structure.name for structure in DEFAULT.structures}) == 145


def test_a_row_holds_everything_that_is_known_of_the_structure() -> None:
    kidney = DEFAULT.by_index(15)
    assert (kidney.name, kidney.laterality, str(kidney)) == ("kidney left", "left", "kidney left")
    assert kidney.totalsegmentator_v1 == kidney.totalsegmentator_v2 == "kidney_left"
    assert kidney.snomed == ("64033007", "7771000")


def test_the_side_of_a_row_is_the_one_in_its_names() -> None:
    for structure in DEFAULT.structures[2:]:
        names = (structure.name, structure.totalsegmentator_v1, structure.totalsegmentator_v2)
        for name in filter(None, names):
            side = [word for word in name.replace("_", " ").split() if word in ("left", "right")]
            assert side == ([structure.laterality] if structure.laterality else []), name


@pytest.mark.parametrize("field", ["totalsegmentator_v1", "totalsegmentator_v2", "snomed"])
def test_names_and_codes_are_unique(field: str) -> None:
    values = [getattr(structure, field) for structure in DEFAULT.structures]
    known = [value for value in values if value and value != ("", "")]
    assert len(known) == len(set(known)) > 80


def test_142_structures_are_offered_without_background_and_remainders() -> None:
    offered = DEFAULT.offered
    assert len(offered) == 142
    assert not {"Background", "Left to annotate", "heart tissue"} & {structure.name for structure in offered}


def test_every_offered_structure_is_in_one_body_system() -> None:
    members = [structure for system in DEFAULT.body_systems.values() for structure in system]
    assert sorted(members, key=lambda structure: structure.index) == list(DEFAULT.offered)
    systems = {
        structure.name: system for system, members in DEFAULT.body_systems.items() for structure in members
    }
    assert systems["liver"] == "Digestive"
    assert systems["kidney left"] == systems["bladder"] == "Urinary"
    assert systems["vertebrae T7"] == systems["sacrum"] == "Spine"
    assert systems["costa 7 left"] == systems["sternum"] == "Ribs & thorax"
    assert systems["pulmonary artery"] == "Heart & vessels"


@pytest.mark.parametrize("index", [-1, 145, 10**9])
def test_an_index_outside_the_table_is_refused(index: int) -> None:
    with pytest.raises(UnknownName, match="no row of the label table"):
        DEFAULT.by_index(index)


def write(tmp_path: Path, text: str, encoding: str = "utf-8") -> Path:
    path = tmp_path / "labels.csv"
    path.write_bytes(text.encode(encoding))
    return path


def test_structures_of_ones_own_follow_the_145_rows(tmp_path: Path) -> None:
    table = LabelTable.read(write(tmp_path, (
        "index,name,laterality,synonyms,codes\n"
        "150,lymph node axillary left,left,left axilla node|LN axillary left,59441001 7771000\n"
        ",mesorectum,,,\n"
    )))  # fmt: skip
    node, mesorectum = table.own
    assert (node.index, node.laterality, node.snomed) == (150, "left", ("59441001", "7771000"))
    assert (mesorectum.index, mesorectum.snomed) == (151, ("", ""))
    assert table.by_index(150) == node and table.by_name("mesorectum") == mesorectum
    assert table.structures[:145] == DEFAULT.structures and table.n_rows == 152
    assert table.offered[-2:] == (node, mesorectum) == table.body_systems[OWN_SYSTEM]
    for name in ("Lymph_Node_axillary_left", "left axilla node", "node axilla left", ("59441001", "7771000")):
        assert resolve(name, table=table).structure == node, name
    assert resolve(151, table=table).structure == mesorectum
    with pytest.raises(UnknownName):
        resolve("mesorectum")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_any_usual_csv_is_read(tmp_path: Path, delimiter: str, encoding: str) -> None:
    lines = [["Name", "Synonyms"], ["mesorectum", "perirectal fat|Mesorektum"], ["nerve, optic", ""]]
    rows = [delimiter.join(f'"{cell}"' for cell in line) for line in lines]
    table = LabelTable.read(write(tmp_path, "\r\n".join(rows), encoding))
    assert [(row.index, row.name) for row in table.own] == [(145, "mesorectum"), (146, "nerve, optic")]
    assert resolve("mesorektum", table=table).structure.index == 145


def test_a_row_of_the_145_gets_the_synonyms_of_the_table(tmp_path: Path) -> None:
    table = LabelTable.read(write(tmp_path, "name,index,synonyms\nliver,13,hepatos\nspleen,,lien magnus\n"))
    assert table.own == ()
    assert resolve("hepatos", table=table).structure.totalsegmentator_v2 == "liver"
    assert resolve("lien magnus", table=table).structure.index == 26


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "names no structures"),
        ("a,b\n1,2\n", "names no structures"),
        ("name\n", "names no structures"),
        ("name,index\nfoo,13\n", 'Line 2 .* gives the index 13 to "foo", but it is that of "liver"'),
        ("name,index\nfoo,145\nbar,145\n", 'Line 3 .* but it is that of "foo"; use one from 146 on'),
        ("name,index\nliver,150\n", 'gives the index 150 to "liver", which is row 13 already'),
        ("name,index\nfoo,x\n", 'has the index "x"; write a whole number from 145 on'),
        ("name,index\nLeft Kidney,\n", 'calls a structure "Left Kidney", which means "kidney left"'),
        ("name,synonyms\nfoo,hepar\n", 'calls a structure "hepar", which means "liver"'),
        ("name,index\nfoo,\nFOO,146\n", 'which is row 145 already'),
        ("name,laterality\nfoo,middle\n", 'has the laterality "middle"; write left, right or nothing'),
        ("name,codes\nfoo,1 2 3\n", 'has the codes "1 2 3"'),
        ("name,index\n ,150\n", "has no name; fill it in or delete the line"),
    ],
)  # fmt: skip
def test_a_table_that_cannot_be_used_says_in_which_line_and_why(
    tmp_path: Path, text: str, sentence: str
) -> None:
    with pytest.raises(InputError, match=sentence) as refusal:
        LabelTable.read(write(tmp_path, text))
    assert str(refusal.value).endswith(".") and "labels.csv" in str(refusal.value)


def test_a_table_that_is_missing_or_no_text_says_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        LabelTable.read(tmp_path / "none.csv")
    with pytest.raises(InputError, match="no text"):
        LabelTable.read(write(tmp_path, "PK\x03\x04 a workbook"))


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16", "utf-8-sig"])
def test_a_table_may_have_any_encoding(tmp_path: Path, encoding: str) -> None:
    table = LabelTable.read(write(tmp_path, "name\nLungengefäß\n", encoding))
    assert table.own[0].name == "Lungengefäß"


def test_a_table_comes_back_from_the_values_that_a_checkpoint_holds(tmp_path: Path) -> None:
    own = "name,laterality,synonyms,codes\nnode left,left,ln left|l node,59441001 7771000\nliver,,hepatos,\n"
    table = LabelTable.read(write(tmp_path, own))
    again = LabelTable.from_json(json.loads(json.dumps(table.to_json())))
    assert again.structures == table.structures
    assert LabelTable.from_json(DEFAULT.to_json()) is DEFAULT


CELLS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)


@given(st.lists(st.lists(CELLS, min_size=5, max_size=5), max_size=4), st.sampled_from(",;\t"))
def test_any_table_is_read_or_refused_in_a_sentence(rows: list[list[str]], delimiter: str) -> None:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter)
    writer.writerows([["name", "index", "laterality", "synonyms", "codes"], *rows])
    with TemporaryDirectory() as folder:
        path = write(Path(folder), text.getvalue())
        try:
            table = LabelTable.read(path)
        except InputError as refusal:
            assert str(refusal).endswith(".") and "\n" not in str(refusal).replace(str(path), "")
        else:
            assert [row.index for row in table.structures] == sorted({row.index for row in table.structures})
            assert table.structures[FIRST_OWN:] == table.own


def test_another_process_gets_the_same_table_whatever_was_asked_of_it_before(tmp_path):
    table = LabelTable.read(write(tmp_path, "name,index,synonyms\nparotid left,150,ear gland left\n"))
    assert table.body_systems and table.spellings_by_text
    again = pickle.loads(pickle.dumps(table))
    assert again.structures == table.structures and again.by_index(150).synonyms == ("ear gland left",)
    assert pickle.loads(pickle.dumps(DEFAULT)) is DEFAULT


def test_tables_contradict_each_other_where_an_index_means_two_structures():
    one, other = (DEFAULT.extended([Structure(150, name)]) for name in ("mesorectum", "lymph node"))
    assert one.contradiction(other) == (one.by_index(150), other.by_index(150))
    assert one.contradiction(one) is one.contradiction(DEFAULT) is DEFAULT.contradiction(one) is None


def test_synonyms_do_not_make_another_structure(tmp_path):
    table = LabelTable.read(write(tmp_path, "name,synonyms\nvertebrae T5,fifth\n"))
    level, plain_level = table.by_name("vertebrae T5"), DEFAULT.by_name("vertebrae T5")
    assert level is not None and plain_level is not None
    assert level == plain_level and level.synonyms and not plain_level.synonyms
    assert level in DEFAULT.level_series[0]  # so that checks without a table find it in its order
