"""A model that is ready to score: network, text vectors and description together."""

from __future__ import annotations

import copy
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from segae.errors import ModelError
from segae.labels.structure import Structure
from segae.labels.table import LabelTable
from segae.models.checkpoint import Checkpoint, load_checkpoint
from segae.models.output import ModelOutput
from segae.models.registry import build_network, declared_outputs, find_model
from segae.models.spec import ModelSpec
from segae.results.types import ModelIdentity

if TYPE_CHECKING:
    from torch import Tensor, device, nn

    from segae.inputs.build import ModelInput


class QualityModel:
    """Predicts the Dice of masks. `network` maps images (B, channels, S, S), text vectors (B, text_dim) and
    position features, where its spec asks for them, to a `ModelOutput`; `text_vectors` (145 and more,
    text_dim) holds one per label."""

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
        if set(spec.outputs) != set(declared_outputs(spec.architecture)):
            raise ModelError(
                f'Model "{spec.name}" says that it gives {", ".join(spec.outputs) or "a score only"}, which '
                f"its architecture {spec.architecture} does not; export the model again."
            )
        return cls(spec, network, checkpoint.text_vectors, checkpoint.sha256)

    @cached_property
    def label_table(self) -> LabelTable:
        """The structures that names can mean for this model: the 145 rows, and its own."""
        return LabelTable.from_json(self.spec.own_structures)

    def trained_on(self, structure: Structure) -> bool:
        """Whether the model was trained on masks of this structure; True when the file does not say."""
        return not self.spec.trained_labels or structure.index in self.spec.trained_labels

    @property
    def identity(self) -> ModelIdentity:
        """What every row of a report says about the model."""
        return ModelIdentity(self.spec.name, self.sha256, self.spec.architecture)

    def knows(self, structure: Structure) -> bool:
        """Whether the model has a vector for this name."""
        return structure.index < len(self.text_vectors) and bool(
            self.text_vectors[structure.index].isfinite().all()
        )

    def to(self, where: device | str) -> QualityModel:
        """A copy of the model on another device; this one stays where it is."""
        network = copy.deepcopy(self.network).to(where)
        return QualityModel(self.spec, network, self.text_vectors.to(where), self.sha256)

    def predict(self, inputs: ModelInput) -> ModelOutput:
        """What the network says about B slices that `segae.inputs` built, on the model's device."""
        import torch

        with torch.inference_mode():
            return self.network(*self.network_arguments(inputs))

    def network_arguments(self, inputs: ModelInput) -> tuple[Tensor, ...]:
        """The tensors that the network takes for `inputs`: images, text vectors and, if any, position."""
        arguments = (inputs.images, self.text_vectors[inputs.structures])
        return arguments if inputs.position is None else (*arguments, inputs.position)
