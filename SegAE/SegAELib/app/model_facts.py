"""What is known of a model file before anything is scored with it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from segae.errors import SegAEError
from segae.geometry.grid import Grid
from segae.geometry.orientation import slice_axis_in_file
from segae.labels.table import LabelTable
from segae.models.checkpoint import file_sha256, read_spec
from segae.models.registry import find_model
from segae.models.spec import ModelSpec
from segae.results.types import ModelIdentity


def label_table_of(model: str) -> LabelTable:
    """The structures that a model knows names of; the default ones when it cannot be read."""
    try:
        return LabelTable.from_json(read_spec(find_model(model)).own_structures)
    except (SegAEError, ModuleNotFoundError):  # whoever scores says what is wrong with it
        return LabelTable.default()


@dataclass(frozen=True)
class ModelFacts:
    """`path` of the weights, what the file says about itself, and its SHA-256."""

    path: Path
    spec: ModelSpec
    sha256: str

    @classmethod
    def of(cls, model: str) -> ModelFacts:
        """A bundled name or a file; raises `InputError` or `ModelError` when it cannot be used."""
        path = find_model(model)
        return cls(path, read_spec(path), file_sha256(path))

    @property
    def identity(self) -> ModelIdentity:
        """As reports name the model."""
        return ModelIdentity(self.spec.name, self.sha256, self.spec.architecture)

    def slice_axis(self, grid: Grid) -> str:
        """The axis "i", "j" or "k" of a volume along which this model's slices are counted."""
        return slice_axis_in_file(grid, self.spec.input.orientation)
