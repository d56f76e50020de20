from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from segae_trainer.data.sample import LabelledScan
from segae_trainer.pseudo_labels.small_unet import (
    SIZE,
    Segmenter,
    SegmenterPlan,
    marginal_cross_entropy,
    probabilities,
    segment,
    shown_structures,
    train_segmenter,
)


def test_a_corner_of_each_block_is_what_the_whole_image_has_there():
    torch.manual_seed(0)
    network = Segmenter((7, 13, 20)).eval()
    images = torch.rand(2, 2, 32, 32)
    with torch.inference_mode():
        whole = network(images)
        assert whole.shape == (2, 4, 32, 32)
        for corner in range(4):
            part = network(images, corner)
            assert torch.allclose(part, whole[:, :, corner // 2 :: 2, corner % 2 :: 2], atol=1e-5)


def test_the_same_seed_gives_the_same_network_at_the_steps_that_are_kept(upper: LabelledScan):
    plan = SegmenterPlan(kept=(1, 3), batch=2)
    runs = [
        [
            (step, {key: value.clone() for key, value in network.state_dict().items()})
            for step, network in train_segmenter([(upper, [0, 2])], plan)
        ]
        for _ in range(2)
    ]
    assert [step for step, _ in runs[0]] == [1, 3]
    for (_, one), (_, other) in zip(*runs, strict=True):
        assert all((value == other[key]).all() for key, value in one.items())


class Sides(Segmenter):
    """Says the second row where the picture is in its left half, whatever it shows."""

    def forward(self, images: torch.Tensor, corner: int | None = None) -> torch.Tensor:
        logits = torch.full((len(images), 3, SIZE, SIZE), -10.0)
        logits[:, 1, :, SIZE // 2 :] = 10
        logits[:, 2, :, : SIZE // 2] = 10
        return logits


def test_masks_lie_in_the_slice_where_the_network_saw_them(upper: LabelledScan):
    found = segment(Sides((13, 20)), upper, [0, 3])
    assert found.shape == (2, *upper.ct.shape[1:])
    assert found.dtype == np.uint8
    assert upper.stack.body is not None
    first, last = upper.stack.body.box[3, 2:].tolist()
    middle = (first + last + 1) // 2
    assert set(found[1, :, : middle - 2].ravel()) == {20}
    assert set(found[1, :, middle + 2 :].ravel()) == {13}


def test_a_network_that_is_sure_of_nothing_marks_nothing(upper: LabelledScan):
    class Unsure(Segmenter):
        def forward(self, images: torch.Tensor, corner: int | None = None) -> torch.Tensor:
            return torch.zeros(len(images), 1 + len(self.rows), SIZE, SIZE)

    assert not segment(Unsure((7, 13, 20, 21, 22)), upper, [0]).any()


def test_cases_with_masks_of_different_names_teach_one_network(upper: LabelledScan):
    liver, rest = (
        replace(upper, labels=np.where(keep, upper.labels, 0).astype(np.uint8))
        for keep in (upper.labels == 13, upper.labels != 13)
    )
    ((_, network),) = train_segmenter([(liver, [0]), (rest, [1])], SegmenterPlan(kept=(1,), batch=2))
    assert set(network.rows) == shown_structures(liver) | shown_structures(rest)


def test_probabilities_on_the_slice_are_those_of_the_window_and_sum_to_one(upper: LabelledScan):
    (found,) = probabilities(Sides((13, 20)), upper, [3])
    assert found.shape == (3, *upper.ct.shape[1:])
    assert torch.allclose(found.sum(dim=0), torch.ones(upper.ct.shape[1:]), atol=1e-4)
    marked = segment(Sides((13, 20)), upper, [3])[0]
    inside = found[:, torch.from_numpy(marked == 20)]
    assert (inside.argmax(dim=0) == 2).all()


def test_pixels_of_a_mask_count_as_much_as_it_is_trusted():
    logits, labels = torch.zeros(1, 3, 4, 4), torch.ones(1, 4, 4, dtype=torch.uint8)
    annotated, weights = torch.ones(1, 2, dtype=torch.bool), torch.ones(3)
    losses = [
        float(marginal_cross_entropy(logits, labels, annotated, weights, torch.tensor([[1.0, trust, 1.0]])))
        for trust in (1.0, 0.25, 0.0)
    ]
    assert losses[1] == pytest.approx(losses[0] / 4) and losses[2] == 0 < losses[0]


def test_trust_in_a_mask_changes_what_is_learned_and_names_of_other_cases_do_not(upper: LabelledScan):
    plan = SegmenterPlan(kept=(2,), batch=2)
    ((_, trusted),) = train_segmenter([(upper, [0, 2])], plan)
    ((_, doubted),) = train_segmenter([(upper, [0, 2])], plan, trust={upper.name: {13: 0.1}})
    ((_, other),) = train_segmenter([(upper, [0, 2])], plan, trust={"another": {13: 0.1}})
    weights = [network.state_dict()["pixels.weight"] for network in (trusted, doubted, other)]
    assert not torch.equal(weights[0], weights[1]) and torch.equal(weights[0], weights[2])
