"""STU-Net has the keys, shapes and sizes of the published weights, and adds up what it should."""

from __future__ import annotations

import pytest
import torch

from segae_trainer.pseudo_labels.options import SIZES, Size
from segae_trainer.pseudo_labels.stunet import STUNet, fit_strides

TOTALSEGMENTATOR = 105  # classes of the pretraining, background included


def network(size: str, n_classes: int = TOTALSEGMENTATOR) -> STUNet:
    with torch.device("meta"):
        return STUNet(1, n_classes, SIZES[size])


def block(prefix: str, before: int, after: int, project: bool) -> dict[str, tuple[int, ...]]:
    """Keys and shapes of a published residual block."""
    shapes: dict[str, tuple[int, ...]] = {
        "conv1.weight": (after, before, 3, 3, 3),
        "conv1.bias": (after,),
        "norm1.weight": (after,),
        "norm1.bias": (after,),
        "conv2.weight": (after, after, 3, 3, 3),
        "conv2.bias": (after,),
        "norm2.weight": (after,),
        "norm2.bias": (after,),
    }
    if project:
        shapes |= {"conv3.weight": (after, before, 1, 1, 1), "conv3.bias": (after,)}
    return {f"{prefix}.{key}": shape for key, shape in shapes.items()}


@pytest.mark.parametrize(
    ("size", "channels", "depth"),
    [
        ("S", (16, 32, 64, 128, 256, 256), 1),
        ("B", (32, 64, 128, 256, 512, 512), 1),
        ("L", (64, 128, 256, 512, 1024, 1024), 2),
        ("H", (96, 192, 384, 768, 1536, 1536), 3),
    ],
)
def test_keys_and_shapes_are_those_of_the_published_weights(
    size: str, channels: tuple[int, ...], depth: int
) -> None:
    expected: dict[str, tuple[int, ...]] = {}
    for stage, (before, after) in enumerate(zip((1, *channels), channels, strict=False)):
        for n in range(depth):
            prefix = f"conv_blocks_context.{stage}.{n}"
            expected |= block(prefix, before if n == 0 else after, after, project=n == 0)
    for stage in range(5):
        below, here = channels[5 - stage], channels[4 - stage]
        expected[f"upsample_layers.{stage}.conv.weight"] = (here, below, 1, 1, 1)
        expected[f"upsample_layers.{stage}.conv.bias"] = (here,)
        for n in range(depth):
            prefix = f"conv_blocks_localization.{stage}.{n}"
            expected |= block(prefix, 2 * here if n == 0 else here, here, project=n == 0)
        expected[f"seg_outputs.{stage}.weight"] = (TOTALSEGMENTATOR, here, 1, 1, 1)
        expected[f"seg_outputs.{stage}.bias"] = (TOTALSEGMENTATOR,)
    assert {key: tuple(value.shape) for key, value in network(size).state_dict().items()} == expected


@pytest.mark.parametrize(("size", "millions"), [("S", 14.60), ("B", 58.26), ("L", 440.30), ("H", 1457.33)])
def test_numbers_of_parameters_are_the_published_ones(size: str, millions: float) -> None:
    count = sum(parameter.numel() for parameter in network(size).parameters())
    assert count / 1e6 == pytest.approx(millions, abs=0.005)


def test_logits_have_the_shape_of_the_image_and_with_deep_supervision_of_every_decoder_stage() -> None:
    strides = [(2, 2, 2), (2, 2, 2), (1, 2, 2), (1, 2, 2), (1, 1, 1)]
    small = STUNet(2, 3, Size(2, 2), strides).eval()
    images = torch.randn(1, 2, 8, 16, 32)
    single = small(images)
    assert single.shape == (1, 3, 8, 16, 32)
    small.decoder.deep_supervision = True
    several = small(images)
    assert [tuple(logits.shape[2:]) for logits in several] == [
        (8, 16, 32), (4, 8, 16), (2, 4, 8), (2, 2, 4), (2, 1, 2),
    ]  # fmt: skip
    torch.testing.assert_close(several[0], single)


def test_every_parameter_takes_part_in_the_deep_supervision() -> None:
    small = STUNet(1, 2, Size(2, 2))
    small.decoder.deep_supervision = True
    outputs = small(torch.randn(1, 1, 32, 32, 64))
    torch.stack([logits.square().mean() for logits in outputs]).sum().backward()
    idle = [name for name, p in small.named_parameters() if p.grad is None]
    assert idle == []


def test_strides_of_a_plan_are_filled_up_or_cut_to_five() -> None:
    one, two = (1, 1, 1), (2, 2, 2)
    assert fit_strides([[1, 1, 1], [2, 2, 2], [1, 2, 2]]) == [two, (1, 2, 2), one, one, one]
    assert fit_strides([[1, 1, 1], *[[2, 2, 2]] * 7]) == [two] * 5
    with pytest.raises(ValueError, match="5 strides"):
        STUNet(1, 2, Size(2, 1), [two])
