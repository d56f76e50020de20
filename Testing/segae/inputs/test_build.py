"""The same sample gives the same tensors through scoring and through the variants that training uses."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from segae.data import Segment, Segmentation, Volume
from segae.geometry.grid import Grid
from segae.geometry.orientation import to_orientation
from segae.inputs.build import ModelInput, mask_channel, model_input, model_input_of_slices, normalise
from segae.inputs.crops import Crops, crops_around, mask_boxes
from segae.inputs.prepare import prepare
from segae.inputs.spec import PUBLISHED_CROP, CropRule, InputSpec
from segae.inputs.stack import CTStack
from segae.labels.table import by_index

LIVER = 13
DENSE = InputSpec(
    size=32, crop=CropRule("context", scale=1.1, millimetres=20.0), neighbours_mm=(-6.0, 6.0),
    context_view=4.0, position_features=True,
)  # fmt: skip
PUBLISHED = InputSpec(size=32)
SPECS = pytest.mark.parametrize("spec", [DENSE, PUBLISHED], ids=["dense", "published"])


@pytest.fixture(scope="module")
def spleen(few_organs: Segmentation) -> Segment:
    return next(s for s in few_organs.segments if s.name == "spleen")


def scored(stack: CTStack, segment: Segment, spec: InputSpec) -> tuple[ModelInput, list[int], Crops]:
    """All slices with mask as scoring prepares them, and where they lie in the stack."""
    parts = list(prepare(stack, segment, spec))
    crops = Crops.concatenate([part.crops for part in parts])
    return ModelInput.concatenate([p.input for p in parts]), [k for p in parts for k in p.oriented], crops


def same(one: ModelInput, other: ModelInput, tolerance: float = 1e-5) -> None:
    assert (one.images - other.images).abs().max() <= tolerance
    assert torch.equal(one.structures, other.structures)
    if one.position is not None and other.position is not None:
        assert (one.position - other.position).abs().max() <= tolerance


@SPECS
def test_slices_on_their_own_give_what_scoring_gives(spec: InputSpec, sample_ct: Volume, spleen: Segment):
    stack = CTStack.of(sample_ct, spec)
    expected, slices, crops = scored(stack, spleen, spec)
    mask = to_orientation(spleen.full_mask(), sample_ct.grid, spec.orientation)[0]
    near = stack.with_neighbours(np.array(slices), spec)
    ct = [stack.voxels[torch.from_numpy(rows)].numpy() for rows in near]
    masks = [np.stack((mask[k], ~mask[k])) for k in slices]
    labels = expected.structures.tolist()
    found = model_input_of_slices(ct, masks, crops, labels, spec, position=expected.position)
    assert found.images.shape[1] == spec.channels + 1
    same(replace(found, images=found.images[:, :-1]), expected)
    assert found.images[:, -1].min() >= 0 and found.images[:, -1].max() <= 1 + 1e-6


@SPECS
def test_given_slices_replace_those_of_the_stack(spec: InputSpec, sample_ct: Volume, spleen: Segment):
    stack = CTStack.of(sample_ct, spec)
    expected, slices, crops = scored(stack, spleen, spec)
    mask = torch.from_numpy(to_orientation(spleen.full_mask(), sample_ct.grid, spec.orientation)[0].copy())
    k = np.array(slices)
    ct = stack.voxels[torch.from_numpy(stack.with_neighbours(k, spec))]
    elsewhere = replace(stack, voxels=torch.zeros_like(stack.voxels))
    masks = mask[torch.from_numpy(k)]
    found = model_input(elsewhere, k, masks, crops, expected.structures, spec, ct=ct)
    same(found, expected)


@SPECS
@pytest.mark.parametrize("room", [1.25, 1.5])
def test_the_middle_of_an_image_with_room_is_what_scoring_shows(
    spec: InputSpec, room: float, sample_ct: Volume, spleen: Segment
):
    stack = CTStack.of(sample_ct, spec)
    expected, slices, crops = scored(stack, spleen, spec)
    mask = torch.from_numpy(to_orientation(spleen.full_mask(), sample_ct.grid, spec.orientation)[0].copy())
    k = np.array(slices)
    masks = mask[torch.from_numpy(k)]
    labels = expected.structures
    wide = model_input(stack, k, masks, crops, labels, spec, room=room, normalised=False)
    assert wide.images.shape[-1] == spec.size_with_room(room)
    assert wide.images.min() >= 0
    assert wide.images.max() <= 1 + 1e-6
    edge = (wide.images.shape[-1] - spec.size) // 2
    middle = wide.images[:, :, edge:-edge, edge:-edge]
    n = spec.ct_channels
    shown = normalise(middle, spec)
    if spec.crop.kind == "margin":  # its filter ends at the crop's edge, the wider crop's beyond it
        shown, target = shown[:, :, 2:-2, 2:-2], expected.images[:, :, 2:-2, 2:-2]
    else:
        target = expected.images
    near = [c for c in range(n + 1) if not (spec.context_view and c == n - 1)]
    assert (shown[:, near] - target[:, near]).abs().max() < 2e-5
    if spec.position_features:
        assert wide.position is not None and expected.position is not None
        assert torch.equal(wide.position, expected.position)


@settings(max_examples=25)
@given(
    seed=st.integers(0, 99),
    shapes=st.lists(st.tuples(st.integers(5, 60), st.integers(5, 60)), min_size=1, max_size=20),
    view=st.sampled_from([0.0, 3.0]),
    rule=st.sampled_from([PUBLISHED_CROP, CropRule("context", scale=1.3, millimetres=9.0)]),
)
def test_slices_of_any_size_together_give_what_each_gives_alone(seed, shapes, view, rule):
    rng = np.random.default_rng(seed)
    spec = InputSpec(size=16, crop=rule, context_view=view)
    ct = [rng.integers(-1000, 1000, (1, *shape)).astype(np.int16) for shape in shapes]
    masks = []
    for height, width in shapes:
        mask = np.zeros((1, height, width), bool)
        row, column = rng.integers(height), rng.integers(width)
        mask[0, row : row + rng.integers(1, height + 1), column : column + rng.integers(1, width + 1)] = True
        masks.append(mask)
    crops = Crops.concatenate(
        [
            crops_around(mask_boxes(torch.from_numpy(mask)), rule, mask.shape[1], mask.shape[2], (0.7, 1.2))
            for mask in masks
        ]
    )
    together = model_input_of_slices(ct, masks, crops, [LIVER] * len(ct), spec)
    for place, (slice_, mask) in enumerate(zip(ct, masks, strict=True)):
        stack = CTStack.of_array(slice_, (1.0, 0.7, 1.2))
        one = slice(place, place + 1)
        alone = model_input(stack, np.zeros(1, int), torch.from_numpy(mask), crops[one], [LIVER], spec)
        same(together[one], alone)


@settings(max_examples=20)
@given(
    code=st.sampled_from(["LAS", "RAS", "LPS", "SLA", "IPR", "ASR"]),
    corner=st.tuples(*(st.integers(0, 12) for _ in range(3))),
    extent=st.tuples(*(st.integers(1, 8) for _ in range(3))),
)
def test_every_axis_order_of_the_file_gives_the_same_input(code, corner, extent):
    rng = np.random.default_rng(1)
    voxels = rng.integers(-1000, 600, (20, 22, 24)).astype(np.int16)
    mask = np.zeros(voxels.shape, bool)
    mask[tuple(slice(start, start + length) for start, length in zip(corner, extent, strict=True))] = True
    grid = Grid((24, 22, 20), np.diag([-1.5, 1.2, 4.0, 1.0]))
    found = []
    for order in ("LAS", code):
        stored, stored_grid = to_orientation(voxels, grid, order)
        segment = Segment.from_mask(
            "liver", by_index(LIVER), to_orientation(mask, grid, order)[0], stored_grid
        )
        stack = CTStack.of(Volume(np.ascontiguousarray(stored), stored_grid), DENSE)
        inputs, slices, _ = scored(stack, segment, DENSE)
        assert slices == sorted(slices)
        found.append(inputs)
    same(*found, tolerance=1e-4)


def test_normalising_leaves_further_channels_alone():
    images = torch.rand(2, PUBLISHED.channels + 1, 4, 4, generator=torch.Generator().manual_seed(0))
    normal = normalise(images, PUBLISHED)
    assert torch.equal(normal[:, -1], images[:, -1])
    assert torch.allclose(normal[:, 0], (images[:, 0] - 0.5) / 0.25)
    assert torch.allclose(mask_channel(normal, PUBLISHED), images[:, 1])


def test_parts_of_an_input_are_its_rows():
    whole = ModelInput(torch.arange(4.0)[:, None, None, None], torch.arange(4), torch.arange(4.0)[:, None])
    again = ModelInput.concatenate([whole[:1], whole[1:]])
    same(whole, again)
    assert whole[torch.tensor([3, 1])].structures.tolist() == [3, 1]
