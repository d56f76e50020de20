from __future__ import annotations

import numpy as np
import pytest

from segae.errors import InputError
from segae.labels.resolver import resolve
from segae_trainer.starter.cohort import Member, read_cohort


def test_no_fold_trains_on_the_patient_it_is_tested_on():
    cohort = read_cohort()
    for patient in cohort.fold_patients:
        assert patient not in {member.patient for member in cohort.training(patient)}
        assert patient in {member.patient for member in cohort.training()}
    assert not {member.patient for member in cohort.test} & {member.patient for member in cohort.training()}


def test_structures_are_left_out_on_reading(data):
    stomach = resolve("stomach").structure.index
    assert (Member("upper", "B", "folds").read(data).labels == stomach).any()
    assert not (Member("upper", "B", "folds", ("stomach",)).read(data).labels == stomach).any()


def test_what_a_complete_case_has_no_mask_of_is_known_to_be_absent(data):
    stomach, bladder, fat = (resolve(name).structure.index for name in ("stomach", "bladder", "fat"))
    case = Member("upper", "B", "folds", ("stomach",), complete=True).read(data)
    assert bladder in case.absent
    assert stomach not in case.absent  # its mask is not trusted, but it is there
    assert fat not in case.absent  # TotalSegmentator does not look for it
    assert not case.absent & set(np.unique(case.labels).tolist())
    assert not Member("upper", "B", "folds").read(data).absent


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
