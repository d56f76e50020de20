"""The network in onnxruntime, which is faster than torch on many CPUs and takes some seconds to prepare."""

from __future__ import annotations

import warnings
from dataclasses import fields
from typing import Any

import torch
from torch import Tensor, nn

from segae.errors import InputError
from segae.models.prediction import Prediction
from segae.models.quality_model import QualityModel
from segae.scoring.context import CONTEXT

_OUTPUTS = tuple(field.name for field in fields(Prediction))


class _Outputs(nn.Module):
    """ONNX knows tuples of tensors only: the outputs that the architecture has, in the order of
    `_OUTPUTS`."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor, text: Tensor, *more: Tensor) -> tuple[Tensor, ...]:
        prediction = self.network(images, text, *more)
        return tuple(value for name in _OUTPUTS if (value := getattr(prediction, name)) is not None)


class OnnxRunner:
    """float32 on the CPU with as many threads as torch would use."""

    device = torch.device("cpu")

    def __init__(self, model: QualityModel) -> None:
        try:
            import onnxruntime
            import onnxscript  # noqa: F401 (the exporter needs it)
        except ModuleNotFoundError as error:
            raise InputError(
                f'The engine onnx needs the package {error.name}; install it with pip install "segae[fast]".'
            ) from error
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        self._vectors = model.text_vectors
        self._session = onnxruntime.InferenceSession(
            _onnx_bytes(model), options, providers=["CPUExecutionProvider"]
        )
        self._names = [output.name for output in self._session.get_outputs()]

    def run(self, images: Tensor, structures: Tensor, context: Tensor | None = None) -> Prediction:
        feed = {"images": images.numpy(), "text": self._vectors[structures].numpy()}
        if context is not None:
            feed["context"] = context.numpy()
        values = [torch.from_numpy(value) for value in self._session.run(None, feed)]
        return Prediction(**dict(zip(self._names, values, strict=True)))


def _onnx_bytes(model: QualityModel) -> bytes:
    spec = model.spec
    network = _Outputs(model.network).eval()
    size = spec.input_size
    example = (torch.zeros(2, spec.channels, size, size), torch.zeros(2, spec.text_dim))
    if spec.context:
        example = (*example, torch.zeros(2, CONTEXT))
    with torch.inference_mode():
        names = [name for name in _OUTPUTS if getattr(model.network(*example), name) is not None]
    batch = torch.export.Dim("batch", min=1, max=1 << 16)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter warns about its own internals
        program = torch.onnx.export(
            network,
            example,
            dynamo=True,
            input_names=["images", "text", "context"][: len(example)],
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
