"""Every way to run the network gives the network's own numbers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from flat_rows import slices
from torch import Tensor, nn

from segae.data import Segmentation, Volume
from segae.errors import InputError, SegAEError
from segae.inputs.build import ModelInput
from segae.inputs.spec import InputSpec
from segae.models.output import ModelOutput
from segae.models.quality_model import QualityModel
from segae.models.registry import ARCHITECTURES, backbones, build_network, new_spec
from segae.scoring.device import choose_device
from segae.scoring.engines import (
    AcceleratorRunner,
    ahead,
    fold_batch_norm,
    halving_on_out_of_memory,
    make_runner,
    single_threads,
)
from segae.scoring.scorer import Scorer

CPU = torch.device("cpu")


def _batch(n: int, size: int = 64) -> tuple[Tensor, Tensor]:
    random = torch.Generator().manual_seed(2)
    return torch.randn(n, 2, size, size, generator=random), torch.randint(2, 145, (n,), generator=random)


@pytest.fixture(scope="module")
def model(published_checkpoint: Callable[[str, str], Path]) -> QualityModel:
    return QualityModel.load(published_checkpoint("resnet18", "file"))


@pytest.mark.parametrize("architecture", sorted(ARCHITECTURES))
def test_folding_batch_norms_changes_nothing(architecture: str) -> None:
    torch.manual_seed(3)
    size = backbones(architecture)[0]
    network = build_network(new_spec("m", architecture, size, 8, input=InputSpec(size=64))).eval()
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    for norm in norms:
        for values in (norm.running_mean, norm.running_var, norm.weight.data, norm.bias.data):
            assert values is not None
            values.copy_(0.5 + torch.rand_like(values))
    assert norms
    folded = fold_batch_norm(network)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in folded.modules())
    images, text = _batch(2)[0], torch.randn(2, 8)
    with torch.inference_mode():
        before, after = network(images, text).score, folded(images, text).score
    assert after.tolist() == pytest.approx(before.tolist(), rel=1e-5, abs=1e-5)
    assert any(isinstance(module, nn.BatchNorm2d) for module in network.modules())


@pytest.mark.parametrize("n", [1, 4, 9])
def test_the_cpu_runner_gives_what_the_network_says(n: int, model: QualityModel) -> None:
    images, structures = _batch(n)
    expected = model.predict(ModelInput(images, structures)).score.tolist()
    assert make_runner(model, CPU).submit(ModelInput(images, structures))().score.tolist() == pytest.approx(
        expected, abs=1e-5
    )


def test_the_accelerator_runner_gives_what_the_network_says(model: QualityModel) -> None:
    images, structures = _batch(3)
    expected = model.predict(ModelInput(images, structures)).score.tolist()
    runner = AcceleratorRunner(model, CPU)
    assert runner.submit(ModelInput(images, structures))().score.tolist() == pytest.approx(expected, abs=1e-6)


def test_the_onnx_engine_gives_what_torch_gives(model: QualityModel) -> None:
    small = QualityModel(
        new_spec("m", "segae-published", "resnet18", 512, input=InputSpec(size=64)),
        model.network,
        model.text_vectors,
    )
    onnx, plain = make_runner(small, CPU, "onnx"), make_runner(small, CPU, "torch")
    for n in (1, 2, 5):
        images, structures = _batch(n)
        expected = plain.submit(ModelInput(images, structures))().score.tolist()
        assert onnx.submit(ModelInput(images, structures))().score.tolist() == pytest.approx(
            expected, abs=1e-5
        )


def test_an_engine_that_does_not_exist_is_refused_with_those_that_do(model: QualityModel) -> None:
    with pytest.raises(InputError, match=r'no engine "tensorrt"; choose one of torch, onnx\.$'):
        make_runner(model, CPU, "tensorrt")


def test_onnx_runs_on_the_cpu_only(model: QualityModel) -> None:
    with pytest.raises(InputError, match=r"runs on the CPU, not on cuda"):
        make_runner(model, torch.device("cuda"), "onnx")


class SmallGPU:
    """Predicts the sum of each image, and has room for `room` slices."""

    def __init__(self, room: int, error: Exception) -> None:
        self.room, self.error = room, error
        self.fitted: list[int] = []

    def __call__(self, inputs: ModelInput) -> ModelOutput:
        if len(inputs) > self.room:
            raise self.error
        self.fitted.append(len(inputs))
        score = inputs.images.sum(dim=(1, 2, 3)) + inputs.structures
        return ModelOutput(score, areas=torch.stack((score, score + 1), dim=1))


FULL = [
    torch.OutOfMemoryError("CUDA out of memory."),
    torch.OutOfMemoryError(),
    RuntimeError("MPS backend out of memory (MPS allocated: 18.00 GB)."),
]


@pytest.mark.parametrize("error", FULL, ids=["cuda", "without words", "mps"])
@pytest.mark.parametrize("room", [1, 2, 3, 100])
def test_when_memory_runs_out_the_batch_is_halved_and_the_work_goes_on(room: int, error: Exception) -> None:
    images, structures = _batch(11, size=2)
    gpu = SmallGPU(room, error)
    output = halving_on_out_of_memory(gpu, ModelInput(images, structures))
    assert torch.equal(output.score, images.sum(dim=(1, 2, 3)) + structures)
    assert output.areas is not None
    assert torch.equal(output.areas[:, 0], output.score)
    assert output.error_map is None
    assert sum(gpu.fitted) == 11
    assert max(gpu.fitted) <= room


@pytest.mark.parametrize("error", FULL, ids=["cuda", "without words", "mps"])
def test_no_room_for_a_single_slice_is_said_in_a_sentence(error: Exception) -> None:
    with pytest.raises(SegAEError, match=r"no room for a single slice.*\.$"):
        halving_on_out_of_memory(SmallGPU(0, error), ModelInput(*_batch(4, size=2)))


def test_other_errors_are_not_taken_for_a_lack_of_memory() -> None:
    with pytest.raises(RuntimeError, match="shapes"):
        halving_on_out_of_memory(SmallGPU(0, RuntimeError("shapes differ")), ModelInput(*_batch(4, size=2)))


def test_joined_outputs_keep_what_every_part_has() -> None:
    parts = [ModelOutput(torch.ones(n), error_map=torch.zeros(n, 2, 4, 4)) for n in (2, 3)]
    joined = ModelOutput.concatenate(parts)
    assert joined.score.shape == (5,)
    assert joined.error_map is not None
    assert joined.error_map.shape == (5, 2, 4, 4)
    assert joined.areas is None


def test_auto_is_a_device_that_works() -> None:
    assert torch.ones(1, device=choose_device("auto")).sum() == 1


@pytest.mark.parametrize("name", ["gpu", "", "meta", "hpu", "vulkan", "cpu:x", "cuda:99", "5"])
def test_a_device_that_is_not_there_is_named_in_a_short_sentence(name: str) -> None:
    with pytest.raises(InputError) as error:
        choose_device(name)
    text = str(error.value)
    assert f'"{name}"' in text
    assert text.endswith(".")
    assert "\n" not in text
    assert len(text) < 120


def test_parts_are_made_one_ahead_and_come_in_order() -> None:
    made: list[int] = []

    def parts():
        for n in range(5):
            made.append(n)
            yield n

    workers = single_threads(2)
    for seen, part in enumerate(ahead(parts(), workers)):
        assert part == seen
        assert len(made) <= seen + 2
    assert made == list(range(5))
    assert list(ahead(iter([]), workers)) == []


def test_an_error_in_making_a_part_reaches_the_caller() -> None:
    def parts():
        yield 1
        raise ValueError("no second one")

    with pytest.raises(ValueError, match="no second one"):
        list(ahead(parts(), single_threads(1)))


def test_workers_compute_with_one_thread_and_others_as_before() -> None:
    before = torch.get_num_threads()
    workers = single_threads(3)
    assert {future.result() for future in [workers.submit(torch.get_num_threads) for _ in range(6)]} == {1}
    assert torch.get_num_threads() == before


def test_a_gpu_gets_the_next_batch_before_the_last_answer_is_fetched(
    model: QualityModel, sample_ct: Volume, few_organs: Segmentation
) -> None:
    scorer = Scorer(model, device="cpu", batch_size=8)
    events: list[str] = []

    class Queue:
        """An accelerator that computes when it is asked for the answer."""

        device, workers = CPU, single_threads(1)

        def submit(self, inputs: ModelInput) -> Callable[[], ModelOutput]:
            events.append("submit")

            def answer() -> ModelOutput:
                events.append("answer")
                return model.predict(inputs)

            return answer

    expected = Scorer(model, device="cpu").score_case(sample_ct, few_organs)
    scorer._runner = Queue()
    found = scorer.score_case(sample_ct, few_organs)
    assert events[:3] == ["submit", "submit", "answer"]
    assert events.count("submit") == events.count("answer") == -(-found.n_slices // 8)
    raw = [[row.raw_score for row in slices(report)] for report in (expected, found)]
    assert raw[0] == pytest.approx(raw[1], abs=1e-5)
