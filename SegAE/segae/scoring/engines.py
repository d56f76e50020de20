"""Runs the network over batches, on CPU, GPU or in onnxruntime."""

from __future__ import annotations

import copy
import threading
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import replace
from itertools import pairwise
from typing import Any, Protocol, TypeVar

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from segae.errors import InputError, SegAEError, way
from segae.inputs.build import ModelInput
from segae.inputs.position import POSITION_FEATURES
from segae.models.output import ModelOutput
from segae.models.quality_model import QualityModel
from segae.models.registry import cpu_network

T = TypeVar("T")


def fold_batch_norm(network: nn.Module) -> nn.Module:
    """A copy in which each batch norm that is registered right after a convolution is part of that
    convolution.

    The order of registration is that of use in every architecture of the registry, which a test checks on
    numbers.
    """
    folded = copy.deepcopy(network).eval()
    for module in list(folded.modules()):
        for (conv_name, conv), (norm_name, norm) in pairwise(list(module.named_children())):
            if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                setattr(module, conv_name, fuse_conv_bn_eval(conv, norm))
                setattr(module, norm_name, nn.Identity())
    return folded


ENGINES = ("torch", "onnx")
CPU_CHUNK = 4  # slices per pass: more of them push each other's activations out of the cache
FAST_CHUNK = 8  # of the networks that are made for the CPU

Answer = Callable[[], ModelOutput]


class Runner(Protocol):
    """`device`: where inputs are prepared. `workers`: threads in which they are, while the network runs.

    `submit` begins to compute and returns a function that waits for the output, which is on the CPU.
    """

    device: torch.device
    workers: Executor

    def submit(self, inputs: ModelInput) -> Answer: ...


def ahead(parts: Iterator[T], workers: Executor) -> Iterator[T]:
    """The same parts; while one is used the next one is made in one of the `workers`."""
    coming = workers.submit(next, parts, None)
    while (part := coming.result()) is not None:
        coming = workers.submit(next, parts, None)
        yield part


def single_threads(count: int) -> Executor:
    """`count` threads in each of which torch computes with one thread only. They share work without waiting
    for each other after every operation, as the threads inside of an operation do."""
    before, ready = torch.get_num_threads(), threading.Barrier(count + 1)
    workers = ThreadPoolExecutor(count, "segae", initializer=_compute_alone)
    for _ in range(count):
        workers.submit(ready.wait)
    ready.wait()
    torch.set_num_threads(before)  # the number for threads to come is common to all
    return workers


def _compute_alone() -> None:
    torch.get_num_threads()  # its first call takes the common number, and would undo the next line if later
    torch.set_num_threads(1)


def make_runner(model: QualityModel, device: torch.device, engine: str = "torch") -> Runner:
    """The runner for a device. `engine` "onnx" uses onnxruntime on the CPU (extra `fast`).

    Raises `InputError` for an unknown engine, one that is not installed, or one that does not run on
    `device`.
    """
    if engine not in ENGINES:
        raise InputError(f'There is no engine "{engine}"; choose one of {", ".join(ENGINES)}.')
    if engine == "onnx":
        if device.type != "cpu":
            raise InputError(
                f"The engine onnx runs on the CPU, not on {device}; "
                + way("leave out --engine or --device.", "choose the processor (CPU) as the device.")
            )

        return OnnxRunner(model)
    return CpuRunner(model) if device.type == "cpu" else AcceleratorRunner(model, device)


class CpuRunner:
    """float32, a few slices at a time, as many of these passes at once as torch would use threads.

    Networks whose architecture has a form for the CPU run in it; of the others batch norms become part of the
    convolutions, and channels lie last in memory.
    """

    device = torch.device("cpu")

    def __init__(self, model: QualityModel) -> None:
        network = cpu_network(model.spec.architecture, model.network)
        self._chunk = CPU_CHUNK if network is None else FAST_CHUNK
        network = network or fold_batch_norm(model.network).to(memory_format=torch.channels_last)
        self._model = QualityModel(model.spec, network, model.text_vectors)
        self.workers = single_threads(torch.get_num_threads())

    def submit(self, inputs: ModelInput) -> Answer:
        parts = [inputs[start : start + self._chunk] for start in range(0, len(inputs), self._chunk)]
        futures = [self.workers.submit(self._predict, part) for part in parts]
        return lambda: ModelOutput.concatenate([future.result() for future in futures])

    def _predict(self, inputs: ModelInput) -> ModelOutput:
        images = inputs.images.contiguous(memory_format=torch.channels_last)
        return self._model.predict(replace(inputs, images=images))


class AcceleratorRunner:
    """A GPU: half precision on cuda; when its memory runs out the batch is halved and the work goes on.

    `submit` only puts work into the device's queue, so that the next batch is prepared while it computes.
    """

    def __init__(self, model: QualityModel, device: torch.device) -> None:
        self.device = device
        self._model = model.to(device)
        self._half = device.type == "cuda"
        self.workers = single_threads(1)

    def submit(self, inputs: ModelInput) -> Answer:
        precision = torch.autocast("cuda", torch.float16) if self._half else nullcontext()
        with precision:
            output = halving_on_out_of_memory(self._model.predict, inputs.to(self.device))
        return lambda: output.mapped(lambda values: values.float().cpu())


def halving_on_out_of_memory(predict: Callable[[ModelInput], ModelOutput], inputs: ModelInput) -> ModelOutput:
    """`predict`, on smaller and smaller parts of its input while the device has no room; raises `SegAEError`
    when a single slice does not fit."""
    try:
        return predict(inputs)
    except RuntimeError as error:
        if not _is_out_of_memory(error):
            raise
        if len(inputs) == 1:
            raise SegAEError(
                "The GPU has no room for a single slice; close other programs on it or "
                + way("use --device cpu.", "choose the processor (CPU) as the device.")
            ) from error
    if inputs.images.device.type == "cuda":
        torch.cuda.empty_cache()
    half = len(inputs) // 2
    parts = (inputs[:half], inputs[half:])
    return ModelOutput.concatenate([halving_on_out_of_memory(predict, part) for part in parts])


def _is_out_of_memory(error: RuntimeError) -> bool:
    """cuda has a class for it, mps only words."""
    return isinstance(error, torch.cuda.OutOfMemoryError) or "out of memory" in str(error)


_INPUTS = ("images", "text", "position")


class _Outputs(nn.Module):
    """ONNX knows tuples of tensors only: the outputs that the architecture has."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor, text: Tensor, *more: Tensor) -> tuple[Tensor, ...]:
        return tuple(self.network(images, text, *more).present().values())


class OnnxRunner:
    """float32 on the CPU with as many threads as torch would use."""

    device = torch.device("cpu")

    def __init__(self, model: QualityModel) -> None:
        try:
            import onnxruntime
            import onnxscript  # noqa: F401 (the exporter needs it)
        except ModuleNotFoundError as error:
            raise InputError(
                f"The engine onnx needs the package {error.name}; "
                + way('install it with pip install "segae[fast]".', "choose another engine.")
            ) from error
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        self._model = model
        self.workers = single_threads(1)
        self._session = onnxruntime.InferenceSession(
            _onnx_bytes(model), options, providers=["CPUExecutionProvider"]
        )
        self._names = [output.name for output in self._session.get_outputs()]

    def submit(self, inputs: ModelInput) -> Answer:
        arguments = self._model.network_arguments(inputs)
        feed = {name: value.numpy() for name, value in zip(_INPUTS, arguments, strict=False)}
        values = [torch.from_numpy(value) for value in self._session.run(None, feed)]
        output = ModelOutput(**dict(zip(self._names, values, strict=True)))
        return lambda: output


def _onnx_bytes(model: QualityModel) -> bytes:
    spec = model.spec
    network = _Outputs(model.network).eval()
    size = spec.input.size
    example = (torch.zeros(2, spec.input.channels, size, size), torch.zeros(2, spec.text_dim))
    if spec.input.position_features:
        example = (*example, torch.zeros(2, POSITION_FEATURES))
    with torch.inference_mode():
        names = list(model.network(*example).present())
    batch = torch.export.Dim("batch", min=1, max=1 << 16)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter warns about its own internals
        program = torch.onnx.export(
            network,
            example,
            dynamo=True,
            input_names=list(_INPUTS[: len(example)]),
            output_names=names,
            dynamic_shapes=_shapes(example, batch),
            verbose=False,
        )
    assert program is not None
    return program.model_proto.SerializeToString()


def _shapes(example: tuple[Tensor, ...], batch: Any) -> tuple[Any, ...]:
    """The first axis of every input is free; the third input belongs to `*more`."""
    free = {0: batch}
    return (free, free, (free,)) if len(example) == 3 else (free, free)
