from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import SimpleITK

from segae.errors import InputError
from segae.labels.resolver import resolve
from segae_trainer.data.cohort import Member, read_cohort
from segae_trainer.data.sample import LabelledScan
from segae_trainer.data.scan_files import read_labelled_scan


def read(member: Member, data: Path) -> LabelledScan:
    return read_labelled_scan(member.scan(data, "train"))[0]


def test_no_fold_trains_on_the_patient_it_is_tested_on():
    cohort = read_cohort()
    for patient in cohort.fold_patients:
        assert patient not in {member.patient for member in cohort.training(patient)}
        assert patient in {member.patient for member in cohort.training()}
    assert not {member.patient for member in cohort.test} & {member.patient for member in cohort.training()}


def test_structures_are_left_out_on_reading(data):
    stomach = resolve("stomach").structure.index
    assert (read(Member("upper", "B", "folds"), data).labels == stomach).any()
    assert not (read(Member("upper", "B", "folds", ("stomach",)), data).labels == stomach).any()


def test_what_a_complete_case_has_no_mask_of_is_known_to_be_absent(data):
    stomach, bladder, fat = (resolve(name).structure.index for name in ("stomach", "bladder", "fat"))
    case = read(Member("upper", "B", "folds", ("stomach",), complete=True), data)
    assert bladder in case.absent
    assert stomach not in case.absent  # its mask is not trusted, but it is there
    assert fat not in case.absent  # TotalSegmentator does not look for it
    assert not case.absent & set(np.unique(case.labels).tolist())
    assert not read(Member("upper", "B", "folds"), data).absent


@pytest.mark.parametrize(
    "text, said",
    [
        ("case,patient,use,leave_out,coarse,complete\na,A,folds,,,\nb,B,fold,,,\n", '"fold"'),
        ("case,patient,use,leave_out,coarse,complete\na,A,folds,,,\nb,A,folds,,,\n", "two patients"),
        ("case,patient\na,A\n", "use"),
        ("case,patient,use,leave_out,coarse\na,A,folds,,\nb,B,folds,,\n", "complete"),
    ],
)
def test_a_cohort_that_cannot_be_used_is_refused(tmp_path, text, said):
    path = tmp_path / "cohort.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=said):
        read_cohort(path)


def test_a_missing_cohort_is_said(tmp_path):
    with pytest.raises(InputError, match=r"none\.csv"):
        read_cohort(tmp_path / "none.csv")


def test_second_segmentations_are_tested_on_and_not_trained_on(data):
    member = Member("upper", "B", "folds")
    assert {label.source for label in member.scan(data, "test").pseudo_labels} == {"moved"}
    assert not member.scan(data, "train").pseudo_labels


def test_wrong_masks_lie_beside(data):
    heart = resolve("heart").structure.index
    assert Member("apart", "C", "test").wrong_masks(data) == {heart: data / "apart" / "bad_heart.nii.gz"}


def test_a_missing_label_map_is_told(data, tmp_path):
    (tmp_path / "case").mkdir()
    shutil.copy(data / "upper" / "ct.nii.gz", tmp_path / "case")
    with pytest.raises(InputError, match=r"labels_dap\.nii\.gz"):
        Member("case", "B", "folds").scan(tmp_path, "train")


def test_labels_outside_of_the_table_are_refused(data, tmp_path):
    (tmp_path / "case").mkdir()
    image = SimpleITK.ReadImage(str(data / "upper" / "labels_dap.nii.gz"))
    SimpleITK.WriteImage(image + 150, str(tmp_path / "case" / "labels_dap.nii.gz"))
    with pytest.raises(InputError, match="holds the label 150, which is no row"):
        Member("case", "B", "folds").scan(tmp_path, "train")
