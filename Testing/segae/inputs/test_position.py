"""Where in the body a crop lies, described the same way whatever the file's axis order."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np
import pytest
import torch

from segae.data import Segment, Segmentation, Volume
from segae.geometry.orientation import to_orientation
from segae.inputs.crops import Crops
from segae.inputs.position import (
    OFFSETS_MM,
    PLACE_FEATURES,
    POSITION_FEATURES,
    body_outline,
    position_features,
)
from segae.inputs.prepare import prepare
from segae.inputs.spec import CropRule, InputSpec
from segae.inputs.stack import CTStack

CODES = ["".join(code) for axes in permutations(("RL", "AP", "SI")) for code in product(*axes)]
SPEC = InputSpec(
    size=32, crop=CropRule("context", scale=1.35, millimetres=70.0), neighbours_mm=(-6.0, 6.0),
    position_features=True,
)  # fmt: skip


def phantom() -> torch.Tensor:
    """Four slices of 200 x 200 pixels: air, body from row 40 to 160 and column 20 to 180, and in slice 2
    a lung in its left half."""
    voxels = torch.full((4, 200, 200), -1000, dtype=torch.int16)
    voxels[1:, 40:160, 20:180] = 40
    voxels[2, 50:150, 100:170] = -800
    return voxels


def test_the_body_is_where_the_tissue_is():
    body = body_outline(phantom(), (5.0, 1.0, 1.0))
    first_row, last_row, first_column, last_column = body.box[1].tolist()
    # 3 % of the body may lie beyond each end, and outlines are read at every fourth pixel.
    assert first_row == pytest.approx(40, abs=8)
    assert last_row == pytest.approx(160, abs=8)
    assert first_column == pytest.approx(20, abs=8)
    assert last_column == pytest.approx(180, abs=8)
    assert body.box[0].tolist() == [0, 196, 0, 196]  # no body: all over
    assert body.profile[1, 0] == pytest.approx(-1)  # no lung
    assert body.profile[2, 0] == pytest.approx((70 * 100 / (120 * 160) - 0.2) / 0.2, abs=0.2)
    assert body.profile.abs().max() <= 2


def features(crops: Crops, share: float, k: int, voxels: torch.Tensor, slice_mm: float = 5.0):
    spacing = (slice_mm, 1.0, 1.0)
    pixels = torch.tensor([round(share * float(crops.length.prod()))])
    return position_features(crops, pixels, torch.tensor([k]), body_outline(voxels, spacing), spacing)[0]


def crop(row: float, column: float, length: float = 60.0) -> Crops:
    return Crops(torch.tensor([[row - length / 2, column - length / 2]]), torch.full((1, 2), length), False)


def test_the_place_is_relative_to_the_body():
    middle = features(crop(100, 100), 0.25, 1, phantom())
    left = features(crop(100, 180), 0.25, 1, phantom())
    front = features(crop(160, 100), 0.25, 1, phantom())
    assert len(middle) == POSITION_FEATURES
    assert middle[2:4].abs().max() < 0.1
    assert left[3] == pytest.approx(1, abs=0.15)
    assert left[2].abs() < 0.1
    assert front[2] == pytest.approx(1, abs=0.15)
    assert features(crop(100, 900), 0.25, 1, phantom())[3] == 1.5


def test_crop_size_and_filling_are_logarithms():
    one, wide = (features(crop(100, 100, length), 0.25, 1, phantom()) for length in (60.0, 120.0))
    assert wide[0] - one[0] == pytest.approx(np.log(2))
    assert wide[1] == pytest.approx(one[1])
    assert one[0] == pytest.approx(np.log(60 / 150))
    assert one[1] == pytest.approx(np.log(0.252) / 3 + 1, abs=1e-3)


def test_the_profile_tells_of_the_slices_above_and_below():
    voxels = torch.cat([phantom()[1:2]] * 10 + [phantom()[2:3]] * 10)
    body = body_outline(voxels, (30.0, 1.0, 1.0))
    found = features(crop(100, 100), 0.25, 9, voxels, 30.0)[PLACE_FEATURES:].reshape(len(OFFSETS_MM), 3)
    expected = body.profile[[7, 8, 9, 10, 11]]
    assert torch.equal(found, expected)
    assert found[2, 0] != found[3, 0]
    end = features(crop(100, 100), 0.25, 19, voxels, 30.0)[PLACE_FEATURES:].reshape(len(OFFSETS_MM), 3)
    assert torch.equal(end[2:], body.profile[[19, 19, 19]])  # beyond the scan its last slice counts


@pytest.fixture(scope="module")
def case(sample_ct: Volume, few_organs: Segmentation) -> tuple[Volume, Segment]:
    (kidney,) = (s for s in few_organs.segments if s.name == "kidney_left")
    return sample_ct, kidney


@pytest.fixture(scope="module")
def reference(case: tuple[Volume, Segment]) -> dict[float, np.ndarray]:
    return _seen(case[0], case[1], "LAS")


def _seen(volume: Volume, segment: Segment, code: str) -> dict[float, np.ndarray]:
    """Position features and pixels of each slice, by its height, from a file in axis order `code`."""
    voxels, grid = to_orientation(volume.voxels, volume.grid, code)
    mask = to_orientation(segment.full_mask(), volume.grid, code)[0]
    stored = Segment.from_mask(segment.name, segment.structure, mask, grid)
    stack = CTStack.of(Volume(np.ascontiguousarray(voxels), grid), SPEC)
    found = {}
    for part in prepare(stack, stored, SPEC, search=True):
        assert part.input.position is not None
        pixels = part.input.images[:, :, ::4, ::4].flatten(1)
        for place, z in enumerate(part.centres[:, 2]):
            shown = (part.input.position[place], pixels[place], torch.tensor([part.searched_mm[place]]))
            found[round(float(z), 3)] = torch.cat(shown).numpy()
    return found


@pytest.mark.parametrize("code", CODES)
def test_every_axis_order_gives_the_same(code: str, case, reference: dict[float, np.ndarray]):
    found = _seen(case[0], case[1], code)
    assert found.keys() == reference.keys()
    for z, values in found.items():
        assert values == pytest.approx(reference[z], abs=1e-3)


def test_the_slices_of_an_organ_differ(reference: dict[float, np.ndarray]):
    numbers = np.stack([values[:POSITION_FEATURES] for values in reference.values()])
    assert len(np.unique(numbers.round(4), axis=0)) > len(numbers) / 2
    assert (numbers[:, 3] > 0.2).all()  # the left kidney lies on the left
