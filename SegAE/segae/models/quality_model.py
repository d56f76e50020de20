"""A model that is ready to score: network, text vectors and description together."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from segae.errors import ModelError
from segae.labels.structure import Structure
from segae.models.checkpoint import Checkpoint, load_checkpoint
from segae.models.output import Prediction
from segae.models.registry import build_network, find_model
from segae.models.spec import ModelSpec
from segae.results.types import ModelIdentity

if TYPE_CHECKING:
    from torch import Tensor, device, nn


class QualityModel:
    """Predicts the Dice of masks. `network` maps images (B, channels, S, S) and vectors (B, text_dim) to a
    `Prediction`; `text_vectors` (145, text_dim) holds a row per row of the label table."""

    def __init__(self, spec: ModelSpec, network: nn.Module, text_vectors: Tensor, sha256: str = "") -> None:
        self.spec = spec
        self.network = network.eval()
        self.text_vectors = text_vectors
        self.sha256 = sha256

    @classmethod
    def load(cls, model: str | Path | QualityModel) -> QualityModel:
        """From the path of a `.safetensors` file or the name of a bundled model; a loaded one is handed back.

        Raises `InputError` when there is no such model and `ModelError` when the file cannot be used.
        """
        if isinstance(model, QualityModel):
            return model
        return cls.from_checkpoint(load_checkpoint(find_model(model)))

    @classmethod
    def from_checkpoint(cls, checkpoint: Checkpoint) -> QualityModel:
        """Raises `ModelError` when the weights do not fit the architecture that the file names."""
        import torch

        spec = checkpoint.spec
        with torch.device("meta"):
            network = build_network(spec)
        try:
            network.load_state_dict(checkpoint.weights, assign=True)
        except RuntimeError as error:
            raise ModelError(
                f'The weights of model "{spec.name}" do not fit its architecture {spec.architecture} with '
                f"{spec.backbone}; export the model again."
            ) from error
        return cls(spec, network, checkpoint.text_vectors, checkpoint.sha256)

    def trained_on(self, structure: Structure) -> bool:
        """Whether masks of this name were learned from; True when the file does not say."""
        return not self.spec.trained_rows or structure.index in self.spec.trained_rows

    @property
    def identity(self) -> ModelIdentity:
        """What every row of a report says about the model."""
        return ModelIdentity(self.spec.name, self.sha256, self.spec.architecture, self.spec.demonstration)

    def knows(self, structure: Structure) -> bool:
        """Whether the model has a vector for this name."""
        return structure.index < len(self.text_vectors) and bool(
            self.text_vectors[structure.index].isfinite().all()
        )

    def to(self, where: device | str) -> QualityModel:
        """A copy of the model on another device; this one stays where it is."""
        network = copy.deepcopy(self.network).to(where)
        return QualityModel(self.spec, network, self.text_vectors.to(where), self.sha256)

    def predict(
        self, images: Tensor, structures: Sequence[int] | Tensor, context: Tensor | None = None
    ) -> Prediction:
        """`images` (B, channels, S, S) and, where the spec asks for it, `context` (B, CONTEXT), prepared by
        `segae.scoring`; `structures` (B,) are table indices."""
        import torch

        index = torch.as_tensor(structures, device=self.text_vectors.device)
        more = () if context is None else (context,)
        with torch.inference_mode():
            return self.network(images, self.text_vectors[index], *more)
