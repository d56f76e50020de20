"""Runs the network over batches: on a GPU in half precision, on the CPU as fast as exact arithmetic allows.

A runner takes images (B, channels, S, S) and, where the network wants them, context numbers (B, CONTEXT) on
its device, and table indices (B,), and returns the `Prediction` on
the CPU in float32. `benchmarks/throughput.py` measures the choices, `docs/explanation/speed.md` keeps the
figures.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import fields
from typing import Protocol

import torch
from torch import Tensor

from segae.errors import InputError, SegAEError
from segae.models.prediction import Prediction
from segae.models.quality_model import QualityModel
from segae.scoring.folding import fold_batch_norm

ENGINES = ("torch", "onnx")
_OPTIONAL = tuple(field.name for field in fields(Prediction) if field.name != "dsc")
CPU_CHUNK = 4  # slices per pass: more of them push each other's activations out of the cache


class Runner(Protocol):
    """`device`: where `run` wants its images."""

    device: torch.device

    def run(self, images: Tensor, structures: Tensor, context: Tensor | None = None) -> Prediction: ...


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
                f"The engine onnx runs on the CPU, not on {device}; leave out --engine or --device."
            )
        from segae.scoring.onnx_runner import OnnxRunner

        return OnnxRunner(model)
    return CpuRunner(model) if device.type == "cpu" else AcceleratorRunner(model, device)


class CpuRunner:
    """float32, batch norms folded into the convolutions, channels last, a few slices at a time."""

    device = torch.device("cpu")

    def __init__(self, model: QualityModel) -> None:
        self._network = fold_batch_norm(model.network).to(memory_format=torch.channels_last)
        self._vectors = model.text_vectors

    def run(self, images: Tensor, structures: Tensor, context: Tensor | None = None) -> Prediction:
        inputs = (images, self._vectors[structures], *(() if context is None else (context,)))
        with torch.inference_mode():
            parts = [
                self._network(part.contiguous(memory_format=torch.channels_last), *more)
                for part, *more in zip(*(values.split(CPU_CHUNK) for values in inputs), strict=True)
            ]
        return join(parts)


class AcceleratorRunner:
    """A GPU: half precision on cuda; when its memory runs out the batch is halved and the work goes on."""

    def __init__(self, model: QualityModel, device: torch.device) -> None:
        self.device = device
        self._model = model.to(device)
        self._half = device.type == "cuda"

    def run(self, images: Tensor, structures: Tensor, context: Tensor | None = None) -> Prediction:
        precision = torch.autocast("cuda", torch.float16) if self._half else nullcontext()
        inputs = (images, structures.to(self.device), *(() if context is None else (context,)))
        with torch.inference_mode(), precision:
            prediction = halving_on_out_of_memory(self._model.predict, *inputs)
        return _on_cpu(prediction)


def halving_on_out_of_memory(predict: Callable[..., Prediction], images: Tensor, *more: Tensor) -> Prediction:
    """`predict`, on smaller and smaller parts of its inputs while the device has no room; raises `SegAEError`
    when a single slice does not fit."""
    try:
        return predict(images, *more)
    except RuntimeError as error:
        if not _is_out_of_memory(error):
            raise
        if len(images) == 1:
            raise SegAEError(
                "The GPU has no room for a single slice; close other programs on it or use --device cpu."
            ) from error
    if images.device.type == "cuda":
        torch.cuda.empty_cache()
    half = len(images) // 2
    return join(
        [
            halving_on_out_of_memory(predict, images[part], *(values[part] for values in more))
            for part in (slice(None, half), slice(half, None))
        ]
    )


def _is_out_of_memory(error: RuntimeError) -> bool:
    """cuda has a class for it, mps only words."""
    return isinstance(error, torch.cuda.OutOfMemoryError) or "out of memory" in str(error)


def join(parts: list[Prediction]) -> Prediction:
    """Predictions of consecutive parts of a batch as one."""
    if len(parts) == 1:
        return parts[0]
    dsc = torch.cat([part.dsc for part in parts])
    return Prediction(dsc, **{name: _joined([getattr(part, name) for part in parts]) for name in _OPTIONAL})


def _joined(tensors: list[Tensor | None]) -> Tensor | None:
    present = [tensor for tensor in tensors if tensor is not None]
    return torch.cat(present) if present else None


def _on_cpu(prediction: Prediction) -> Prediction:
    values = {name: getattr(prediction, name) for name in _OPTIONAL}
    moved = {name: value.float().cpu() for name, value in values.items() if value is not None}
    return Prediction(prediction.dsc.float().cpu(), **moved)
