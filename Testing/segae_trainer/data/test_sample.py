"""A labelled scan, and what a sample says of itself."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from segae.labels.resolver import resolve
from segae_trainer.data.sample import LabelledScan, Sample, Samples, box_of
from segae_trainer.data.synthetic_errors import dice

LIVER, SPLEEN = (resolve(name).structure.index for name in ("liver", "spleen"))


def centre(mask: np.ndarray) -> np.ndarray:
    return np.argwhere(mask).mean(axis=0)


def test_slices_come_in_las_order(upper: LabelledScan) -> None:
    liver, spleen = upper.labels == LIVER, upper.labels == SPLEEN
    spine = upper.labels == resolve("spinal canal").structure.index
    assert centre(liver)[2] < centre(spleen)[2]  # columns run to the left
    assert centre(spine)[1] < centre(liver)[1]  # rows run to the front
    assert upper.ct.shape == upper.labels.shape == (4, 101, 122)
    assert upper.pixel_mm == pytest.approx((3, 3), abs=0.01)


def test_distrusted_structures_become_background_and_are_not_known(upper: LabelledScan) -> None:
    left = upper.without({LIVER})
    assert not (left.labels == LIVER).any()
    assert LIVER not in left.known
    assert (left.labels[upper.labels != LIVER] == upper.labels[upper.labels != LIVER]).all()


def test_a_coarser_scan_has_larger_pixels_of_the_same_body(upper: LabelledScan) -> None:
    coarse = upper.coarser(2)
    assert coarse.ct.shape == coarse.labels.shape == (4, 50, 61)
    assert coarse.pixel_mm == pytest.approx((6, 6), abs=0.01)
    assert coarse.name != upper.name
    assert coarse.ct[0, 10, 20] == pytest.approx(upper.ct[0, 20:22, 40:42].mean(), abs=1)
    assert (coarse.labels == LIVER).mean() == pytest.approx((upper.labels == LIVER).mean(), rel=0.1)
    assert centre(coarse.labels == LIVER)[1:] * 2 == pytest.approx(centre(upper.labels == LIVER)[1:], abs=2)


def test_the_dice_of_a_sample_is_that_of_the_whole_slice(upper: LabelledScan) -> None:
    mask = np.roll(upper.labels[1] == LIVER, 3, axis=1)
    sample = Sample(upper, 1, LIVER, mask, "shift", crop_box=box_of(mask))
    assert sample.dice == pytest.approx(dice(mask, upper.labels[1] == LIVER))
    assert sample.square_mm(mask) == pytest.approx(9 * mask.sum(), rel=0.01)
    assert np.array_equal(sample.ct, upper.ct[1])
    assert sample.known


def test_a_sample_without_mask_and_organ_has_no_dice(upper: LabelledScan) -> None:
    absent = next(index for index in range(2, 140) if index not in upper.known)
    sample = Sample(upper, 1, absent, np.zeros(upper.ct.shape[1:], bool), "absent")
    assert np.isnan(sample.dice)
    assert not sample.known


def test_samples_are_made_when_they_are_asked_for(upper: LabelledScan) -> None:
    made = []

    def make(k: int) -> Sample:
        made.append(k)
        return Sample(upper, k, LIVER, upper.labels[k] == LIVER, "exact")

    samples = Samples(range(4), make)
    part = samples[1:3]
    assert (len(samples), len(part), made) == (4, 2, [])
    assert part[1].slice == 2
    assert made == [2]


def test_the_box_of_a_mask_has_open_ends() -> None:
    mask = np.zeros((6, 8), bool)
    mask[2:4, 3:7] = True
    assert box_of(mask) == (2, 4, 3, 7)


def test_a_stack_shares_the_memory_of_the_scan(upper: LabelledScan) -> None:
    scan = replace(upper, ct=upper.ct.copy())
    assert scan.stack.voxels.data_ptr() == scan.ct.ctypes.data
    assert scan.stack.spacing == pytest.approx(scan.spacing)
