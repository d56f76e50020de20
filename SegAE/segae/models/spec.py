"""What a checkpoint says about itself. It is stored as JSON in the metadata of the weights file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from segae.errors import InputError, ModelError, way
from segae.inputs.spec import InputSpec
from segae.labels.table import LabelTable

FORMAT_VERSION = 2
METADATA_KEY = "segae"


@dataclass(frozen=True)
class ModelSpec:
    """Everything needed to use a set of weights, and what is known about them.

    `text_dim`: length of a structure's text vector. `input`: how the network sees a slice. `outputs`: what it
    gives beside the score, names of `ModelOutput`'s fields, as its architecture declares them.
    `trained_labels`: label indices of the structures whose own masks it was trained on; empty when that is
    not known. `own_structures`: those beyond the 145 rows of the label table, as `LabelTable.to_json` gives
    them. `intervals`: table of `segae.scoring.calibration`; `typical`: table of `segae.scoring.ood`.
    `training`, `figures` and `limits` are for people.
    """

    name: str
    architecture: str
    backbone: str
    text_dim: int
    input: InputSpec = field(default_factory=InputSpec)
    outputs: tuple[str, ...] = ()
    trained_labels: tuple[int, ...] = ()
    label_table: str = "DAP Atlas, 145 rows"
    own_structures: tuple[Mapping[str, Any], ...] = ()
    licence: str = "not stated"
    description: str = ""
    intervals: Mapping[str, Any] = field(default_factory=dict)
    typical: Mapping[str, Any] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)
    figures: Mapping[str, Any] = field(default_factory=dict)
    limits: tuple[str, ...] = ()

    @property
    def predicts_areas(self) -> bool:
        """Whether the network says how large mask and organ are together, and so can look for an organ where
        there is no mask."""
        return "areas" in self.outputs

    def to_metadata(self) -> dict[str, str]:
        """The string pair written into the weights file: one only, as safetensors keeps no order."""
        return {METADATA_KEY: json.dumps({"format": FORMAT_VERSION, "spec": asdict(self)}, sort_keys=True)}


_FIELDS = tuple(f.name for f in fields(ModelSpec))


def described(metadata: Mapping[str, str], source: str) -> tuple[ModelSpec, int]:
    """The spec that `ModelSpec.to_metadata` wrote, and the format it was written in, which may be an earlier
    one. Raises `ModelError` naming `source` for anything it does not understand."""
    if METADATA_KEY not in metadata:
        raise ModelError(
            f'"{source}" holds weights but no SegAE description; '
            + way(
                "import published weights with `segae model import`.",
                "choose another model, or bring published weights in with Import published... in the module "
                "SegAE.",
            )
        )
    try:
        found = json.loads(metadata[METADATA_KEY])
        version, values = found["format"], found["spec"]
        if version not in (1, FORMAT_VERSION):
            raise ModelError(
                f'"{source}" has checkpoint format {version}, and this SegAE reads formats 1 to '
                f"{FORMAT_VERSION}; update SegAE or export the model again."
            )
        values = _from_format_1(values) if version == 1 else values
        values = {name: values[name] for name in _FIELDS if name in values}
        values["input"] = InputSpec.from_dict(values["input"])
        for name in ("limits", "outputs", "own_structures", "trained_labels"):
            values[name] = tuple(values.get(name, ()))
        spec = ModelSpec(**values)
        if spec.text_dim < 1:
            raise ValueError("lengths must be positive")
        LabelTable.from_json(spec.own_structures)
        return spec, version
    except (KeyError, TypeError, ValueError, InputError) as error:
        raise ModelError(
            f'The description inside "{source}" is damaged ({error}); get the file again.'
        ) from error


# Format 1 kept the input's fields beside the others; what they are called today.
_INPUT_OF_FORMAT_1 = {
    "input_size": "size",
    "crop": "crop",
    "hu_windows": "hu_windows",
    "neighbours_mm": "neighbours_mm",
    "surround": "context_view",
    "context": "position_features",
    "orientation": "orientation",
    "ct_mean": "ct_mean",
    "ct_std": "ct_std",
    "mask_mean": "mask_mean",
    "mask_std": "mask_std",
}
_OUTPUTS_OF_FORMAT_1 = {"segae-dense": ("error_map", "areas", "presence")}


def _from_format_1(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a file of format 1 as format 2 has them."""
    return {
        **values,
        "input": {new: values[old] for old, new in _INPUT_OF_FORMAT_1.items() if old in values},
        "outputs": _OUTPUTS_OF_FORMAT_1.get(values["architecture"], ()),
        "trained_labels": values.get("trained_rows", ()),
    }
