"""Names of label values in every form in which programs and data sets write them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from segae.errors import InputError
from segae.io.name_files import FORMS, NameForm, read_names

Read = Mapping[str, tuple[int, ...]]


def names(folder: Path, text: str, mask: str = "case.nii.gz", encoding: str = "utf-8") -> Read:
    path = folder / "names"  # the content tells the form, not the ending
    path.write_bytes(text.encode(encoding))
    return {label.name: label.values for label in read_names(path, folder / mask)}


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.title[:20])
def test_the_example_of_each_form_is_read(tmp_path: Path, form: NameForm) -> None:
    assert names(tmp_path, form.example) == {"liver": (1,), "spleen": (2,)}


@pytest.mark.parametrize(
    "text",
    [
        "# Color table file names.ctbl\n0 Background 0 0 0 0\n1 left_kidney 221 130 101 255\n",
        "#No. Label Name:   R   G   B   A\n\n1  left kidney  70 130 180 0\n",
        '# ITK-SnAP Label Description File\n    0  0 0 0  0  0  0    "Clear Label"\n'
        '    1  255 0 0  1  1  1    "left kidney"\n',
        "LabelValue,Name,Color_R,Color_G,Color_B,Color_A,Terminology\n1,left kidney,221,130,101,255,x\n",
        "index\tname\tabbreviation\tcolor\tmapping\n1\tleft kidney\tLK\t#ff53bb\t1\n",
        'Label;Name\n"1,0";"left kidney"\n',
        "Label, Name\n0,Background\n1,left kidney\n",
        "model,label_name,label_id\norgans,left kidney,1.0\n",
        "1,left kidney,255,0,0\n",
        "1: left kidney\n",
        "1 left kidney\n",
    ],
)
def test_colour_tables_and_tables_of_other_programs_are_read(tmp_path: Path, text: str) -> None:
    for encoding in ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "latin-1"):
        assert names(tmp_path, text, encoding=encoding) == {"left kidney": (1,)}


def test_a_name_may_end_in_a_number_before_its_colour(tmp_path: Path) -> None:
    assert names(tmp_path, "7 rib left 7 20 30 40 255\n") == {"rib left 7": (7,)}


@pytest.mark.parametrize(
    "content",
    [
        {"1": "liver"}, {"liver": 1}, {"liver": "1.0"}, {"1.0": "liver"}, {"liver": 1.0},
        {"labels": {"background": 0, "liver": 1}, "numTraining": 3},
        {"labels": {"0": "background", "1": "liver"}},
        {"labels": ["background", "liver"]},
        ["background", "liver"],
        [{"value": 1, "name": "liver"}], [{"label": 1, "class": "liver"}], [[1, "liver"]],
        {"segmentAttributes": [[{"labelID": 1, "SegmentLabel": "liver"}]]},
        {"segments": [{"labelValue": 1, "name": "liver"}]},
        {"1": {"name": "liver", "color": [1, 2, 3]}},
        {"liver": {"value": 1}},
        {"network_data_format": {"outputs": {"pred": {"channel_def": {"0": "background", "1": "liver"}}}}},
        {"clin_ct_organs": {"1": "liver"}},
    ],
)  # fmt: skip
def test_nested_and_listed_json_is_read(tmp_path: Path, content: Any) -> None:
    assert names(tmp_path, json.dumps(content)) == {"liver": (1,)}


def test_regions_of_nnunet_hold_several_values(tmp_path: Path) -> None:
    content = {"labels": {"background": 0, "liver": [1, 2], "cancer": 2}, "regions_class_order": [1, 2]}
    assert names(tmp_path, json.dumps(content)) == {"liver": (1, 2), "cancer": (2,)}


def test_of_several_tables_the_mask_s_name_chooses_one(tmp_path: Path) -> None:
    text = json.dumps({"clin_ct_organs": {"1": "liver"}, "clin_ct_ribs": {"1": "rib left 1"}})
    assert names(tmp_path, text, mask="CT_organs_007.nii.gz") == {"liver": (1,)}
    with pytest.raises(InputError, match=r"several tables.*clin_ct_organs, clin_ct_ribs"):
        names(tmp_path, text)


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ('["liver", "spleen"]', "begin a list of plain names with background"),
        ('{"1": "liver", "1": "spleen"}', "a key stands in it twice"),
        ('{"1": "liver", "2": 7}', "'2' and 7"),
        ("value,name\n1,liver\n1,spleen\n", 'names 1 both "liver" and "spleen"'),
        ("a,b\nc,d\n", "holds no label names"),
        ("", "holds no label names"),
    ],
)
def test_what_names_nothing_or_contradicts_itself_is_refused(tmp_path: Path, text: str, match: str) -> None:
    with pytest.raises(InputError, match=match):
        names(tmp_path, text)
