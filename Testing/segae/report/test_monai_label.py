"""The strategy in the real MONAI Label, with its datastore of a local folder."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from flat_rows import FlatRow, report_from_rows
from monailabel.datastore.local import LocalDatastore
from monailabel.interfaces.datastore import DefaultLabelTag
from monailabel.interfaces.tasks.strategy import Strategy

from segae.errors import InputError
from segae.report.monai_label import RESERVED, WorstFirst
from segae.report.selection import Caps, select, write_selection
from segae.results.types import CaseReport, SegmentResult

REQUEST = {"strategy": "segae"}
DICE = {"a": 0.4, "b": 0.1, "c": 0.3, "fine": 0.97}


def report_of(case: str, dice: float, ct: Path) -> CaseReport:
    rows = [FlatRow("liver", 13, "liver", 4, 1.0, 2.0, 3.0, 900.0, dice)]
    extents = [SegmentResult("liver", 13, "liver", 600, 2.7)]
    return report_from_rows(rows, extents, case=case, ct=str(ct))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """CTs in folders of their cases."""
    for case in DICE:
        (tmp_path / "data" / case).mkdir(parents=True)
        (tmp_path / "data" / case / "ct.nii.gz").write_bytes(b"CT of " + case.encode())
    return tmp_path / "data"


@pytest.fixture
def selection(tmp_path: Path, data: Path) -> Path:
    """b, c, a: the fine case is not chosen."""
    reports = [report_of(case, dice, data / case / "ct.nii.gz") for case, dice in DICE.items()]
    return write_selection(select(reports, Caps.of(9, 9)), tmp_path / "scores")[1]


@pytest.fixture
def studies(tmp_path: Path, data: Path) -> LocalDatastore:
    """A study folder as the documentation makes it, of links to all CTs, with one more image."""
    folder = tmp_path / "studies"
    folder.mkdir()
    for case in DICE:
        (folder / f"{case}_0000.nii.gz").symlink_to(data / case / "ct.nii.gz")
    (folder / "other.nii.gz").write_bytes(b"CT")
    return LocalDatastore(str(folder))


def label(studies: LocalDatastore, image: str, tag: str, tmp_path: Path) -> None:
    file = tmp_path / "label.nii.gz"
    file.write_bytes(b"label")
    studies.save_label(image, str(file), tag, {})


def hand_out(studies: LocalDatastore, image: str, ts: int) -> None:
    """What the server notes after it handed an image out."""
    studies.update_image_info(image, {"strategy": {"segae": {"ts": ts}}})


def next_image(strategy: Strategy, studies: LocalDatastore) -> str | None:
    answer = strategy(REQUEST, studies)
    return None if answer is None else answer["id"]


def test_images_come_worst_first_until_all_that_were_chosen_have_a_label(
    selection: Path, studies: LocalDatastore, tmp_path: Path
):
    strategy = WorstFirst(selection)
    order = []
    while (image := next_image(strategy, studies)) is not None:
        order.append(image)
        label(studies, image, DefaultLabelTag.FINAL, tmp_path)
    assert order == ["b_0000", "c_0000", "a_0000"]


def test_a_label_that_a_model_made_is_none_yet(selection: Path, studies: LocalDatastore, tmp_path: Path):
    label(studies, "b_0000", DefaultLabelTag.ORIGINAL, tmp_path)
    assert next_image(WorstFirst(selection), studies) == "b_0000"


def test_the_answer_says_what_is_to_be_looked_at_and_can_be_sent(selection: Path, studies: LocalDatastore):
    answer = WorstFirst(selection)(REQUEST, studies)
    assert json.loads(json.dumps(answer)) == answer
    assert answer is not None
    assert answer["segae"]["case"] == "b"
    (mask,) = answer["segae"]["masks"]
    assert (mask["rank"], mask["segment"], mask["slice"], mask["verdict"]) == (1, "liver", 4, "poor")
    assert str(selection.parent.parent) not in json.dumps(answer)  # no paths of the server


def test_two_annotators_get_different_images_and_what_was_passed_over_comes_again_last(
    selection: Path, studies: LocalDatastore
):
    strategy, now = WorstFirst(selection), int(time.time())
    handed = []
    for n in range(4):
        image = next_image(strategy, studies)
        assert image is not None
        handed.append(image)
        hand_out(studies, image, now - 100 + n)
    assert handed == ["b_0000", "c_0000", "a_0000", "b_0000"]
    for image in handed:
        hand_out(studies, image, now - 2 * RESERVED)
    assert next_image(strategy, studies) == "b_0000"


@pytest.mark.parametrize("ending", ["", "_0000"])
def test_copies_are_known_by_the_name_of_the_case(selection: Path, tmp_path: Path, ending: str):
    folder = tmp_path / "copies"
    folder.mkdir()
    for case in DICE:
        (folder / f"{case}{ending}.nii.gz").write_bytes(b"copy")
    assert next_image(WorstFirst(selection), LocalDatastore(str(folder))) == f"b{ending}"


def test_a_new_selection_counts_at_once_and_the_folder_is_enough(
    selection: Path, studies: LocalDatastore, data: Path
):
    strategy = WorstFirst(selection.parent)
    assert next_image(strategy, studies) == "b_0000"
    write_selection(select([report_of("a", 0.2, data / "a/ct.nii.gz")], Caps.of(9)), selection.parent)
    assert next_image(strategy, studies) == "a_0000"


def test_a_server_of_other_images_and_a_file_that_is_no_selection_are_refused(
    selection: Path, tmp_path: Path
):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/x.nii.gz").write_bytes(b"CT")
    with pytest.raises(InputError, match="None of the 1 images of the server is in"):
        WorstFirst(selection)(REQUEST, LocalDatastore(str(tmp_path / "elsewhere")))
    with pytest.raises(InputError, match=r'There is no "missing\.json"; `segae select` writes it\.'):
        WorstFirst("missing.json")
    (tmp_path / "x.json").write_text('{"format": "another 1", "cases": []}')
    with pytest.raises(InputError, match="is no selection, or a damaged one"):
        WorstFirst(tmp_path / "x.json")


def test_the_server_shows_what_the_strategy_does(selection: Path):
    assert WorstFirst(selection).info() == {"description": "Masks that look wrong, the worst first (SegAE)"}
