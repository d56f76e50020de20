"""Every form of a fault is found, not one: clipped ends, voids of any value, parts at the scan's end, a scan
the wrong way round, an organ that swallows another, one foreign mask among good ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import pytest

from segae.checks.preflight import check_rules, run_preflight
from segae.data import Segment, Segmentation, Volume
from segae.finding import Finding
from segae.geometry.grid import Grid
from segae.labels.resolver import resolve

Rules = Callable[[Mapping[str, np.ndarray]], list[Finding]]


@pytest.fixture(scope="module")
def masked(sample_segmentation: Segmentation) -> Segmentation:
    names = ("liver", "spleen", "stomach", "kidney_left", "kidney_right", "gallbladder", "pancreas", "colon")
    return Segmentation(tuple(s for s in sample_segmentation.segments if s.name in names), "masks")


def found(ct: Volume, masks: Segmentation, *codes: str) -> list[Finding]:
    return [one for one in run_preflight(ct, masks).findings if one.code in codes]


def with_voxels(ct: Volume, voxels: np.ndarray) -> Volume:
    return replace(ct, voxels=voxels.astype(ct.voxels.dtype))


# ---- clipped values


@pytest.mark.parametrize(
    ("low", "high", "code", "severity"),
    [
        (-160, 240, "HU_CLIPPED", "warning"), (-500, 3000, "HU_CLIPPED", "warning"),
        (-3000, 300, "HU_CLIPPED", "warning"), (-200, 3000, "HU_CLIPPED", "warning"),
        (-3000, 700, "HU_LIMITED", "info"), (-1000, 3000, "", ""), (-3000, 3000, "", ""),
    ],
)  # fmt: skip
def test_a_range_clipped_at_either_end_is_told(
    sample_ct: Volume, masked: Segmentation, low: int, high: int, code: str, severity: str
) -> None:
    clipped = with_voxels(sample_ct, np.clip(sample_ct.voxels, low, high))
    told = [(one.code, one.severity) for one in found(clipped, masked, "HU_CLIPPED", "HU_LIMITED")]
    assert told == ([(code, severity)] if code else [])


# ---- voids


def voided(ct: Volume, value: int, share: float = 0.5) -> Volume:
    """The left part of the picture (high i is the patient's right) was not scanned."""
    voxels = ct.voxels.astype(np.int32)
    voxels[..., : int(share * voxels.shape[2])] = value
    return Volume(voxels.astype(np.int16), ct.grid, ct.source)


@pytest.mark.parametrize("value", [-3024, -1024, -1000, 0, 40, 3071])
def test_a_mask_mostly_in_a_void_is_told_whatever_its_value(
    sample_ct: Volume, masked: Segmentation, value: int
) -> None:
    ct = voided(sample_ct, value)
    of = {one.segments[0] for one in found(ct, masked, "OUTSIDE_FOV")}
    lost = {s.name for s in masked.segments if s.box[2].stop < ct.grid.shape[2] // 2}
    whole = {s.name for s in masked.segments if s.box[2].start >= ct.grid.shape[2] // 2}
    assert lost and lost <= of
    assert whole and not whole & of


def test_the_sample_has_no_void_and_no_clipped_range(sample_ct: Volume, masked: Segmentation) -> None:
    assert found(sample_ct, masked, "OUTSIDE_FOV", "HU_CLIPPED", "HU_LIMITED") == []


def test_air_in_an_organ_is_no_void(sample_ct: Volume, masked: Segmentation) -> None:
    stomach = next(s for s in masked.segments if s.name == "stomach")
    voxels = sample_ct.voxels.copy()
    voxels[:, :, :10] = -1024
    inside = voxels[stomach.box.slices]
    inside[stomach.voxels() & (np.arange(inside.shape[1])[:, None] > inside.shape[1] // 2)] = -1024
    assert found(with_voxels(sample_ct, voxels), masked, "OUTSIDE_FOV") == []


# ---- parts, organs that swallow others


def codes_about(findings: list[Finding], name: str) -> set[str]:
    return {one.code for one in findings if name in one.segments}


@pytest.mark.parametrize("end", [0, -1])
def test_a_part_far_away_at_the_scan_s_end_is_told(
    rules_of: Rules, masks: Mapping[str, np.ndarray], end: int
) -> None:
    spleen = masks["spleen"].copy()
    middle = np.argwhere(masks["liver"]).mean(axis=0).astype(int)
    spleen[slice(0, 3) if end == 0 else slice(-3, None), middle[1] - 4 : middle[1] + 4, -12:-4] = True
    told = codes_about(rules_of({"spleen": spleen}), "spleen")
    assert told & {"PIECES", "ISLANDS"}
    assert not codes_about(rules_of({"spleen": masks["spleen"]}), "spleen") & {"PIECES", "ISLANDS"}


def test_a_mask_that_holds_another_whole_one_has_swallowed_it(
    rules_of: Rules, masks: Mapping[str, np.ndarray]
) -> None:
    both = {"liver": masks["liver"] | masks["gallbladder"], "gallbladder": masks["gallbladder"]}
    (finding,) = [one for one in rules_of(both) if one.code in ("SWALLOWED", "OVERLAP")]
    assert (finding.code, finding.segments) == ("SWALLOWED", ("liver", "gallbladder"))
    two_kidneys = {**masks, "kidney left": masks["kidney left"] | masks["kidney right"]}
    told = codes_about(rules_of(two_kidneys), "kidney left")
    assert {"SWALLOWED", "PIECES"} <= told
    alone = {"kidney left": two_kidneys["kidney left"]}  # its neighbour has no mask any more
    assert "PIECES" in codes_about(rules_of(alone), "kidney left")


# ---- the wrong way round


@pytest.mark.parametrize(("axis", "code"), [(0, "UPSIDE_DOWN"), (1, "BACK_TO_FRONT")])
def test_a_scan_the_wrong_way_round_is_told_once(
    sample_ct: Volume, masked: Segmentation, axis: int, code: str
) -> None:
    def turned(segments: Segmentation) -> Segmentation:
        flipped = (
            Segment.from_mask(s.name, s.structure, np.flip(s.full_mask(), axis), s.grid)
            for s in segments.segments
        )
        return Segmentation(tuple(flipped), "masks")

    wrong = {"UPSIDE_DOWN", "BACK_TO_FRONT"}
    assert [one.code for one in check_rules(turned(masked), sample_ct) if one.code in wrong] == [code]
    assert not {one.code for one in check_rules(masked, sample_ct)} & wrong


def test_one_organ_in_the_wrong_place_does_not_turn_the_scan(
    rules_of: Rules, masks: Mapping[str, np.ndarray]
) -> None:
    moved = {**masks, "spleen": np.flip(masks["spleen"], 0)}
    assert not {one.code for one in rules_of(moved)} & {"UPSIDE_DOWN", "BACK_TO_FRONT"}


# ---- one foreign mask


def test_a_mask_on_another_grid_costs_no_other(sample_ct: Volume, masked: Segmentation) -> None:
    affine = sample_ct.grid.affine.copy()
    affine[:3, 3] += 37.3
    mask = np.ones((20, 20, 20), bool)
    foreign = Segment.from_mask("aorta", resolve("aorta").structure, mask, Grid((20, 20, 20), affine))
    result = run_preflight(sample_ct, Segmentation((*masked.segments, foreign), "masks"))
    assert result.errors == ()
    (finding,) = [one for one in result.findings if one.code == "GRID_DIFFERS"]
    assert (finding.severity, finding.segments) == ("warning", ("aorta",))
    assert [s.name for s in result.segmentation.segments] == [s.name for s in masked.segments]


def test_a_name_that_was_understood_is_told(sample_ct: Volume, masked: Segmentation) -> None:
    first = masked.segments[0]
    odd = replace(first, name="s0001_liver", confidence=0.7, reason="table name, without 's0001'")
    (finding,) = found(sample_ct, Segmentation((odd, *masked.segments[1:])), "NAME_UNDERSTOOD")
    assert finding.segments == ("s0001_liver",)
    assert "without 's0001'" in finding.message
