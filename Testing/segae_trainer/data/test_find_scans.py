"""From folders to a written index, and what is said of bad input."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import SimpleITK

from segae.data import Volume
from segae.errors import Cancelled, InputError
from segae.io.ct import read_ct
from segae.labels import by_index
from segae.progress import CancelToken, Step, Watch
from segae_trainer.data import find_scans
from segae_trainer.data.find_scans import build_index
from segae_trainer.data.index import count_scans, read_index, write_index

Put = Callable[[Path, str], Path]
IDS = ("aaaaaaaaaa_11111", "aaaaaaaaaa_22222", "bbbbbbbbbb_33333")


@pytest.fixture
def atlas(put: Put, ct_file: Path, atlas_mask: Path, tmp_path: Path) -> tuple[Path, Path]:
    """Three scans of two patients."""
    for name in IDS:
        put(ct_file, f"ct/AutoPET_{name}.nii.gz")
        put(atlas_mask, f"masks/AutoPET_{name}.nii.gz")
    return tmp_path / "ct", tmp_path / "masks"


def test_scans_of_a_patient_share_a_split_and_know_their_structures(atlas: tuple[Path, Path]) -> None:
    steps: list[Step] = []
    index = build_index(*atlas, watch=Watch(steps.append))
    assert [scan.name for scan in index.scans] == [f"AutoPET_{name}" for name in IDS]
    assert index.scans[0].split == index.scans[1].split != index.scans[2].split
    assert {"liver", "spleen"} <= {str(by_index(i)) for i in index.scans[0].structures}
    assert steps[-1] == Step("checking", 3, 3)
    assert set(count_scans(index).values()) == {3}


def test_an_index_is_read_back_as_written_also_after_its_folder_was_moved(
    atlas: tuple[Path, Path], tmp_path: Path
) -> None:
    index = build_index(*atlas, seed=7)
    path, table = write_index(index, tmp_path / "index.json")
    assert read_index(path) == index
    with table.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(row["name"], row["split"]) for row in rows] == [(s.name, s.split) for s in index.scans]
    moved = tmp_path / "moved"
    moved.mkdir()
    for name in ("ct", "masks", "index.json"):
        shutil.move(tmp_path / name, moved)
    assert all(scan.ct.is_file() for scan in read_index(moved / "index.json").scans)


def test_two_processes_find_what_one_does(atlas: tuple[Path, Path]) -> None:
    assert build_index(*atlas, workers=2) == build_index(*atlas)


def test_grids_that_differ_leave_the_scan_out_with_a_sentence(
    atlas: tuple[Path, Path], shifted_mask: Path
) -> None:
    shutil.copy(shifted_mask, atlas[1] / f"AutoPET_{IDS[1]}.nii.gz")
    index = build_index(*atlas)
    assert [scan.name for scan in index.scans] == [f"AutoPET_{IDS[0]}", f"AutoPET_{IDS[2]}"]
    [finding] = [finding for finding in index.findings if finding.code == "GRID_DIFFERS"]
    assert "30.0 mm away" in finding.message


def test_a_label_map_in_place_of_the_ct_is_no_ct(atlas: tuple[Path, Path], atlas_mask: Path) -> None:
    shutil.copy(atlas_mask, atlas[0] / f"AutoPET_{IDS[0]}.nii.gz")
    index = build_index(*atlas)
    assert "HU_NOT_CT" in [finding.code for finding in index.findings]
    assert len(index.scans) == 2


def test_a_damaged_file_leaves_its_scan_out(atlas: tuple[Path, Path]) -> None:
    damaged = atlas[0] / f"AutoPET_{IDS[1]}.nii.gz"
    damaged.write_bytes(damaged.read_bytes()[:5000])
    index = build_index(*atlas)
    assert len(index.scans) == 2
    assert "UNREADABLE" in [finding.code for finding in index.findings]


def test_structures_in_no_scan_are_told_once(put_case: Callable[..., Path], tmp_path: Path) -> None:
    for name in ("s0000", "s0001"):
        put_case(name)
    [finding] = [f for f in build_index(tmp_path).findings if f.code == "CLASS_MISSING"]
    assert finding.message.startswith("None of the 2 scans")
    assert "has voxels of brain, so" in finding.message


def test_a_demanded_structure_in_no_scan_is_refused(atlas: tuple[Path, Path]) -> None:
    with pytest.raises(InputError, match=r"None of the 3 scans .* has voxels of bladder, so"):
        build_index(*atlas, structures=["liver", "urinary_bladder"])


def test_demanded_structures_are_all_that_is_kept(atlas: tuple[Path, Path]) -> None:
    index = build_index(*atlas, structures=["liver", "Spleen"])
    assert {str(by_index(i)) for scan in index.scans for i in scan.structures} == {"liver", "spleen"}


def test_one_patient_only_is_refused(atlas: tuple[Path, Path]) -> None:
    (atlas[0] / f"AutoPET_{IDS[2]}.nii.gz").unlink()
    with pytest.raises(InputError, match="one patient"):
        build_index(*atlas)


def test_no_usable_scan_at_all_is_refused_with_the_first_reason(
    put: Put, ct_file: Path, shifted_mask: Path, tmp_path: Path
) -> None:
    put(ct_file, "ct/AutoPET_aaaaaaaaaa_11111.nii.gz")
    put(shifted_mask, "masks/AutoPET_aaaaaaaaaa_11111.nii.gz")
    with pytest.raises(InputError, match=r"No scan under .* can be used; the first reason: .* grid"):
        build_index(tmp_path / "ct", tmp_path / "masks")


def test_folders_that_are_not_there_or_hold_nothing_known_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="There is no folder"):
        build_index(tmp_path / "nowhere")
    with pytest.raises(InputError, match="holds neither"):
        build_index(tmp_path)


def test_checking_stops_on_request(atlas: tuple[Path, Path]) -> None:
    token = CancelToken()
    watch = Watch(lambda step: token.cancel() if step.done == 1 else None, token)
    with pytest.raises(Cancelled):
        build_index(*atlas, watch=watch)


@pytest.mark.parametrize(
    "text", ["", "[]", '{"format": "another"}', '{"format": "segae index 1", "scans": [1]}']
)
def test_other_files_are_no_index(tmp_path: Path, text: str) -> None:
    path = tmp_path / "index.json"
    path.write_text(text)
    with pytest.raises(InputError, match="is no index"):
        read_index(path)
    with pytest.raises(InputError, match="There is no index"):
        read_index(tmp_path / "missing.json")


def test_the_file_is_plain_json_with_its_findings(atlas: tuple[Path, Path], tmp_path: Path) -> None:
    path, _ = write_index(build_index(*atlas), tmp_path / "index.json")
    content = json.loads(path.read_text())
    assert content["scans"][0]["ct"] == f"ct/AutoPET_{IDS[0]}.nii.gz"
    assert [finding["code"] for finding in content["findings"]].count("CLASS_MISSING") == 1


def test_a_fault_in_one_scan_does_not_end_the_index(
    atlas: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(path: Path) -> Volume:
        if IDS[0] in str(path):
            raise PermissionError(13, "Permission denied", str(path))
        if IDS[1] in str(path):
            raise ZeroDivisionError("a fault")
        return read_ct(path)

    for name in ("dddddddddd_44444",):
        shutil.copy(atlas[0] / f"AutoPET_{IDS[2]}.nii.gz", atlas[0] / f"AutoPET_{name}.nii.gz")
        shutil.copy(atlas[1] / f"AutoPET_{IDS[2]}.nii.gz", atlas[1] / f"AutoPET_{name}.nii.gz")
    monkeypatch.setattr(find_scans, "read_ct", broken)
    index = build_index(*atlas)
    assert len(index.scans) == 2
    told = [finding.message for finding in index.findings if finding.code == "UNREADABLE"]
    assert "Permission denied" in told[0] and IDS[0] in told[0]
    assert "Fault inside SegAE" in told[1] and IDS[1] in told[1]


def test_values_that_the_atlas_does_not_know_are_told_once(
    atlas: tuple[Path, Path], put: Put, tmp_path: Path
) -> None:
    for name in IDS:
        path = atlas[1] / f"AutoPET_{name}.nii.gz"
        image = SimpleITK.ReadImage(str(path))
        voxels = SimpleITK.GetArrayFromImage(image)
        voxels[0, 0, 0] = 200
        changed = SimpleITK.GetImageFromArray(voxels)
        changed.CopyInformation(image)
        SimpleITK.WriteImage(changed, str(path))
    (finding,) = [one for one in build_index(*atlas).findings if "200" in one.message]
    assert (finding.code, finding.segments) == ("UNKNOWN_NAME", ("label 200",))
    assert finding.message.endswith("so it is in 3 scans.")


def test_a_data_set_of_nnunet_is_indexed_with_the_names_of_its_dataset_json(
    put: Put, ct_file: Path, atlas_mask: Path, tmp_path: Path
) -> None:
    for name in ("a", "b"):
        put(ct_file, f"set/imagesTr/{name}_0000.nii.gz")
        put(atlas_mask, f"set/labelsTr/{name}.nii.gz")
    with pytest.raises(InputError, match="nothing says what they stand for"):
        build_index(tmp_path / "set")
    (tmp_path / "set/dataset.json").write_text(json.dumps({"labels": {"background": 0, "liver": 13}}))
    index = build_index(tmp_path / "set")
    assert [[str(by_index(i)) for i in scan.structures] for scan in index.scans] == [["liver"], ["liver"]]
