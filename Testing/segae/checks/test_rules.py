"""What masks alone give away."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage


def _codes(findings) -> set[tuple[str, str | None]]:
    return {(finding.code, finding.segments[0]) for finding in findings}


def _distance_mm(mask: np.ndarray) -> np.ndarray:
    return np.asarray(ndimage.distance_transform_edt(~mask, sampling=3.0))


def _about(findings, code: str):
    (found,) = (finding for finding in findings if finding.code == code)
    return found


def test_of_true_masks_the_rules_say_only_what_is_true(rules_of, masks):
    """The sample's pancreas is small and lies in two halves, 29 mm apart."""
    findings = rules_of(masks)
    assert _codes(findings) == {("PIECES", "pancreas"), ("VOLUME", "pancreas")}
    assert "1 island, 49% of its volume and up to 29 mm away" in findings[0].message


def test_every_finding_is_one_sentence_that_names_its_mask(rules_of, masks):
    swapped = {**masks, "kidney left": masks["kidney right"], "kidney right": masks["kidney left"]}
    for finding in rules_of(swapped):
        assert finding.segments
        assert all(f'"{name}"' in finding.message for name in finding.segments)
        assert finding.message.endswith(".")
        assert finding.severity in ("info", "warning")


def test_a_distant_island_is_told_with_its_distance(rules_of, masks):
    spleen = masks["spleen"].copy()
    spleen[14:16, 80:82, 100:102] = True
    finding = _about(rules_of({"spleen": spleen}), "ISLANDS")
    apart = _distance_mm(masks["spleen"])[spleen & ~masks["spleen"]].min()
    assert f"up to {apart:.0f} mm away" in finding.message
    assert finding.severity == "warning"


def test_specks_close_by_are_not_worth_a_word(rules_of, masks):
    liver = masks["liver"].copy()
    away = _distance_mm(liver)
    speck = tuple(np.argwhere((away > 9) & (away < 12))[0])
    liver[speck] = True
    assert rules_of({"liver": liver}) == []


def test_pieces_that_the_scan_parts_are_none(rules_of, masks):
    """Both lungs' bases as one mask: each reaches the last slice."""
    both = masks["lung lower lobe left"] | masks["lung lower lobe right"]
    assert rules_of({"lung lower lobe left": both}) == []


def test_holes_are_told_with_their_volume(rules_of, masks):
    inner = ndimage.binary_erosion(masks["spleen"], np.ones((3, 3, 3)), iterations=3)
    k, j, i = np.argwhere(inner)[0]
    hollow = masks["spleen"].copy()
    hollow[k - 2 : k + 3, j - 2 : j + 3, i - 2 : i + 3] = False  # 125 voxels of 27 mm3
    finding = _about(rules_of({"spleen": hollow}), "HOLES")
    assert f"holes of 3.4 ml together, {125 / hollow.sum():.1%} of its volume" in finding.message


def test_overlap_is_told_of_both_masks_in_millilitres(rules_of, masks):
    kidney = masks["kidney right"]
    part = kidney.copy()
    part[: len(part) // 2] = False
    liver = masks["liver"] | part
    common, share = float((liver & kidney).sum()) * 0.027, part.sum() / kidney.sum()
    finding = _about(rules_of({"kidney right": kidney, "liver": liver}), "OVERLAP")
    assert (
        f'"kidney right" and "liver" share {common:.1f} ml, {share:.0%} of "kidney right"' in finding.message
    )
    assert finding.severity == "warning"


@pytest.mark.parametrize("outer", ["abdominal tissue", "skin"])
def test_tissue_may_hold_organs(rules_of, masks, outer):
    assert rules_of({"spleen": masks["spleen"], outer: ndimage.binary_fill_holes(masks["spleen"])}) == []


def test_a_volume_that_no_adult_has_is_told(rules_of, masks):
    tiny = masks["liver"].copy()
    tiny[12:] = False
    tiny[:4] = False
    assert "unusually small" in _about(rules_of({"liver": tiny}), "VOLUME").message
    assert "unusually large" in _about(rules_of({"adrenal gland left": masks["spleen"]}), "VOLUME").message


def test_a_mask_cut_by_the_scan_cannot_be_too_small(rules_of, masks):
    part = masks["liver"].copy()
    part[4:] = False
    assert ("VOLUME", "liver") not in _codes(rules_of({"liver": part}))


def test_a_side_much_smaller_than_the_other_is_told(rules_of, masks):
    left, right = masks["adrenal gland left"].copy(), masks["adrenal gland right"]
    left[16:] = False
    findings = rules_of({"adrenal gland left": left, "adrenal gland right": right})
    ratio = right.sum() / left.sum()
    assert f"{ratio:.1f} times as much" in _about(findings, "ASYMMETRY").message
    assert {segment for code, segment in _codes(findings) if code == "ASYMMETRY"} == {"adrenal gland left"}


def test_swapped_sides_are_told_once(rules_of, masks):
    findings = rules_of({"kidney left": masks["kidney right"], "kidney right": masks["kidney left"]})
    assert _codes(findings) == {("WRONG_SIDE", "kidney left")}


def test_a_lone_mask_beyond_the_spine_is_on_the_wrong_side(rules_of, masks):
    spine = masks["spinal canal"]
    findings = rules_of({"kidney left": masks["kidney right"], "spinal canal": spine})
    assert _codes(findings) == {("WRONG_SIDE", "kidney left")}
    assert rules_of({"kidney left": masks["kidney left"], "spinal canal": spine}) == []


def test_without_a_spine_nobody_knows_the_side_of_a_lone_mask(rules_of, masks):
    assert rules_of({"kidney left": masks["kidney right"]}) == []


def test_a_kidney_lies_beside_the_spine(rules_of, masks):
    findings = rules_of({"kidney left": masks["vertebrae L1"], "spinal canal": masks["spinal canal"]})
    assert ("KIDNEY_PLACE", "kidney left") in _codes(findings)


def test_the_heart_lies_above_the_liver(rules_of, masks):
    """The gallbladder lies in the liver's lower half."""
    below = rules_of({"heart": masks["gallbladder"], "liver": masks["liver"]})
    assert ("HEIGHT", "heart") in _codes(below)
    above = rules_of({"heart": masks["lung lower lobe left"], "liver": masks["gallbladder"]})
    assert ("HEIGHT", "heart") not in _codes(above)


def _spine(masks, names: list[str], spacing: int = 5) -> dict[str, np.ndarray]:
    """Slabs of T12 from head to foot, one per name, `spacing` slices apart."""
    slab = masks["vertebrae T12"][20]
    spine = {}
    for n, name in enumerate(names):
        mask = np.zeros_like(masks["vertebrae T12"])
        mask[27 - spacing * n : 29 - spacing * n] = slab
        spine[f"vertebrae {name}"] = mask
    return spine


def test_vertebrae_in_order_are_fine(rules_of, masks):
    assert _levels(rules_of(_spine(masks, ["T10", "T11", "T12", "L1", "L2"]))) == set()


def test_vertebrae_out_of_order_are_told(rules_of, masks):
    findings = rules_of(_spine(masks, ["T10", "T12", "T11", "L1", "L2"]))
    assert ("LEVEL_ORDER", "vertebrae T12") in _levels(findings)


def test_a_number_left_out_without_room_is_told(rules_of, masks):
    findings = rules_of(_spine(masks, ["T9", "T10", "T12", "L1", "L2"]))
    assert _levels(findings) == {("LEVEL_GAP", "vertebrae T12")}


def test_room_for_a_level_that_has_no_mask_is_told(rules_of, masks):
    spine = _spine(masks, ["T9", "T10", "T11", "T12", "L1", "L2"], 4)
    del spine["vertebrae T11"]
    renamed = {("vertebrae T11" if name == "vertebrae T10" else name): m for name, m in spine.items()}
    renamed["vertebrae T10"] = renamed.pop("vertebrae T9")
    assert _levels(rules_of(renamed)) == {("LEVEL_GAP", "vertebrae T12")}


def test_one_vertebra_under_two_names_is_told(rules_of, masks):
    spine = _spine(masks, ["T10", "T11", "T12", "L1", "L2"])
    spine["vertebrae L3"] = spine["vertebrae L2"]
    assert ("LEVEL_TWICE", "vertebrae L3") in _levels(rules_of(spine))


def test_ribs_counted_differently_on_both_sides_are_told(rules_of, masks):
    ribs = {"costa 12 left": masks["costa 12 left"], "costa 12 right": masks["costa 12 right"]}
    assert _levels(rules_of(ribs)) == set()
    lower = np.roll(ribs["costa 12 right"], -8, axis=0)
    assert _levels(rules_of({**ribs, "costa 12 right": lower})) == {("RIB_PAIR", "costa 12 left")}


def _levels(findings) -> set[tuple[str, str | None]]:
    return {(code, name) for code, name in _codes(findings) if code.startswith(("LEVEL", "RIB"))}
