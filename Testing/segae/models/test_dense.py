from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from segae.errors import ModelError
from segae.inputs.build import ModelInput
from segae.inputs.position import POSITION_FEATURES
from segae.inputs.spec import CropRule, InputSpec
from segae.models.checkpoint import Checkpoint, save_checkpoint
from segae.models.dense import DEFAULT_INPUT, OUTSIDE_SCALE, WIDTHS, DenseNetwork, build, on_cpu
from segae.models.quality_model import QualityModel
from segae.models.registry import backbones, build_network, new_spec
from segae.scoring.engines import make_runner

SHOWN = replace(DEFAULT_INPUT, size=32, crop=CropRule("context", scale=1.35, millimetres=70.0))
SPEC = new_spec("tiny", "segae-dense", "small", 16, input=SHOWN)


@pytest.fixture(scope="module")
def network() -> DenseNetwork:
    torch.manual_seed(3)
    network = build(SPEC)
    for module in network.modules():  # statistics as after a training, so that folding them matters
        if isinstance(module, torch.nn.BatchNorm2d):
            assert module.running_mean is not None
            assert module.running_var is not None
            torch.nn.init.uniform_(module.running_mean, -0.1, 0.1)
            torch.nn.init.uniform_(module.running_var, 0.5, 1.5)
    return network.eval()


@pytest.fixture(scope="module")
def seen() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Images with a square mask, name vectors, context, and the mask (B, S, S)."""
    draw = torch.Generator().manual_seed(1)
    images = torch.randn(3, SHOWN.channels, 32, 32, generator=draw)
    mask = torch.zeros(3, 32, 32)
    mask[:, 8:20, 10:22] = 1
    images[:, -1] = (mask - SHOWN.mask_mean) / SHOWN.mask_std
    return images, torch.randn(3, 16, generator=draw), torch.randn(3, POSITION_FEATURES, generator=draw), mask


def test_the_score_is_the_mean_of_the_dice_of_the_sums_and_the_head(network: DenseNetwork, seen):
    images, text, context, mask = seen
    with torch.inference_mode():
        out, found = network.dense(images, text, context), network(images, text, context)
    organ = out.logits.sigmoid()
    overlap, whole = (organ * mask).sum((1, 2)), organ.sum((1, 2)) + out.outside
    dice = 2 * overlap / (whole + mask.sum((1, 2)))
    assert torch.allclose(out.soft_dice, dice, atol=1e-5)
    assert torch.allclose(found.score, (dice + out.scalar) / 2, atol=1e-5)
    assert ((found.score > 0) & (found.score < 1)).all()
    assert found.areas is not None
    assert torch.allclose(found.areas, torch.stack((overlap, whole), dim=1), rtol=1e-5)
    assert (out.outside > 0).all()
    assert OUTSIDE_SCALE > 1


def test_missing_and_extra_pixels_lie_outside_and_inside_of_the_mask(network: DenseNetwork, seen):
    images, text, context, mask = seen
    with torch.inference_mode():
        found, out = network(images, text, context), network.dense(images, text, context)
    assert found.error_map is not None
    missing, extra = found.error_map[:, 0], found.error_map[:, 1]
    assert not missing[mask == 1].any()
    assert not extra[mask == 0].any()
    assert torch.allclose(mask + missing - extra, out.logits.sigmoid(), atol=1e-6)
    assert found.presence is not None
    assert ((found.presence > 0) & (found.presence <= out.logits.sigmoid().amax(dim=(1, 2)) + 1e-6)).all()


@pytest.mark.parametrize("changed", ["name", "context", "neighbour", "context view", "mask"])
def test_every_input_counts(network: DenseNetwork, seen, changed: str):
    images, text, context, _ = (value.clone() for value in seen)
    if changed == "name":
        text += 1
    elif changed == "context":
        context += 1
    else:
        images[:, {"neighbour": 2, "context view": -2, "mask": -1}[changed]] *= -1
    with torch.inference_mode():
        before, after = network(*seen[:3]).score, network(images, text, context).score
    assert (before - after).abs().min() > 1e-5


def test_slices_of_a_batch_do_not_see_each_other(network: DenseNetwork, seen):
    images, text, context, _ = seen
    with torch.inference_mode():
        whole, alone = network(images, text, context), network(images[1:2], text[1:2], context[1:2])
    assert alone.score[0] == pytest.approx(float(whole.score[1]), abs=1e-5)


def test_the_runner_of_the_cpu_says_what_the_network_says(network: DenseNetwork, seen):
    images, _, context, _ = seen
    vectors = torch.randn(145, 16, generator=torch.Generator().manual_seed(2))
    model = QualityModel(SPEC, network, vectors)
    plain = model.predict(ModelInput(images, torch.tensor([13, 20, 7]), context))
    fast = make_runner(model, torch.device("cpu")).submit(
        ModelInput(images, torch.tensor([13, 20, 7]), context)
    )()
    for name in ("score", "error_map", "areas", "presence"):
        assert torch.allclose(getattr(plain, name), getattr(fast, name), rtol=1e-4, atol=1e-4), name


def test_it_is_kept_in_a_file_in_half_precision(network: DenseNetwork, seen, tmp_path: Path):
    images, _, context, _ = seen
    weights = {k: v.half() if v.is_floating_point() else v for k, v in network.state_dict().items()}
    spec = replace(SPEC, trained_labels=(7, 13), intervals={"confidence": 0.9}, typical={"mean": [0.0, 1.0]})
    save_checkpoint(Checkpoint(spec, weights, torch.ones(145, 16).half()), tmp_path / "m.safetensors")
    model = QualityModel.load(tmp_path / "m.safetensors")
    assert model.spec == spec
    with torch.inference_mode():
        expected = network(images, torch.ones(3, 16), context).score
    assert torch.allclose(
        model.predict(ModelInput(images, torch.tensor([1, 2, 3]), context)).score, expected, atol=0.02
    )


@pytest.mark.parametrize("width", WIDTHS)
def test_every_width_is_small_enough_to_ship(width: str):
    with torch.device("meta"):
        network = build_network(replace(SPEC, backbone=width, input=DEFAULT_INPUT, text_dim=384))
    halves = 2 * sum(value.numel() for value in network.state_dict().values())
    assert halves < 12_000_000
    assert width in backbones("segae-dense")


def test_a_network_without_position_features_and_context_view_takes_none():
    bare = build(replace(SPEC, input=InputSpec(size=32))).eval()
    with torch.inference_mode():
        assert bare(torch.zeros(1, 2, 32, 32), torch.zeros(1, 16)).score.isfinite().all()


@pytest.mark.parametrize(
    "change, said", [({"backbone": "huge"}, "huge"), ({"input": InputSpec(size=100)}, "multiple of 16")]
)
def test_what_cannot_be_built_is_refused(change: dict, said: str):
    with pytest.raises(ModelError, match=said):
        build_network(replace(SPEC, **change))


@pytest.mark.parametrize("size", [32, 128])
@pytest.mark.parametrize("shown", ["everything", "crop only"])
def test_the_form_for_cpus_gives_what_the_network_gives(size: int, shown: str):
    plain = InputSpec(size=size)
    spec = replace(SPEC, input=replace(DEFAULT_INPUT, size=size) if shown == "everything" else plain)
    torch.manual_seed(4)
    network = build(spec).eval()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            for values in (module.running_mean, module.running_var, module.weight.data, module.bias.data):
                assert values is not None
                values.copy_(0.5 + torch.rand_like(values))
    fast = on_cpu(network)
    assert fast is not None, "oneDNN is part of torch on this machine"
    for count in (1, 5):
        images = torch.randn(count, spec.input.channels, size, size)
        images[:, -1] = (torch.rand(count, size, size) > 0.7).float() * 2 - 1
        text = torch.randn(count, 16)
        position = (torch.randn(count, POSITION_FEATURES),) if spec.input.position_features else ()
        with torch.inference_mode():
            expected, found = network(images, text, *position), fast(images, text, *position)
        for name, value in expected.present().items():
            assert torch.allclose(found.present()[name], value, rtol=1e-5, atol=1e-5), name


def test_the_model_that_ships_gives_the_same_in_its_form_for_cpus():
    model = QualityModel.load("bundled")
    spec, draw = model.spec.input, torch.Generator().manual_seed(7)
    images = torch.randn(6, spec.channels, spec.size, spec.size, generator=draw)
    images[:, -1] = (mask_of_ellipses(6, spec.size) - spec.mask_mean) / spec.mask_std
    position = torch.randn(6, POSITION_FEATURES, generator=draw)
    inputs = ModelInput(images, torch.tensor([13, 7, 20, 55, 13, 140]), position)
    plain, fast = model.predict(inputs), make_runner(model, torch.device("cpu")).submit(inputs)()
    assert set(plain.present()) == {"score", "error_map", "areas", "presence"}
    for name, value in plain.present().items():
        assert torch.allclose(fast.present()[name], value, rtol=1e-4, atol=1e-4), name
    assert (fast.score - plain.score).abs().max() < 1e-5


def mask_of_ellipses(count: int, size: int) -> torch.Tensor:
    """Masks (count, size, size) 0..1 of rising size."""
    rows, columns = torch.meshgrid(torch.linspace(-1, 1, size), torch.linspace(-1, 1, size), indexing="ij")
    reach = torch.linspace(0.1, 0.8, count)[:, None, None]
    return ((rows**2 + 2 * columns**2) <= reach**2).float()
