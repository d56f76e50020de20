"""What a checkpoint says about itself. It is stored as JSON in the metadata of the weights file."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from segae.errors import InputError, ModelError
from segae.geometry.orientation import check_code

FORMAT_VERSION = 1
METADATA_KEY = "segae"


@dataclass(frozen=True)
class CropRule:
    """How a window is cut round the mask of one slice.

    `kind` "margin": the mask's box widened by `pixels`, then squared up as the published code does.
    `kind` "context": a square of `scale` times the box's longer side plus `millimetres`, centred on the box.
    """

    kind: str
    pixels: int = 0
    scale: float = 1.0
    millimetres: float = 0.0

    def __post_init__(self) -> None:
        if self.kind not in ("margin", "context"):
            raise ValueError(f'there is no crop rule "{self.kind}"')


PUBLISHED_CROP = CropRule("margin", pixels=20)
SURROUND_HU = (-1000.0, 500.0)  # lungs, fat, soft tissue and bone can all be told apart


@dataclass(frozen=True)
class ModelSpec:
    """Everything needed to use a set of weights, and what is known about them.

    `hu_windows`: one (low, high) pair in HU per CT channel; a channel is scaled to 0..1 and then normalised
    by `ct_mean` and `ct_std`, the mask (0/1) by `mask_mean` and `mask_std`. `orientation`: the axis order in
    which the network sees volumes, or "file" for none. `text_dim`: length of a name's vector.

    `neighbours_mm`: distances along z at which further slices of the CT are shown, each with all windows.
    `surround`: one more channel before the mask shows the CT round a window this many times as long, at
    `SURROUND_HU`; 0 for none.
    `context`: the network takes the numbers of `segae.inputs.position` too. `predicts_areas`: it says how
    large mask and organ are together, and so can look for an organ where there is no mask. `trained_rows`:
    rows of the label table whose own masks it has learned from; empty when that is not known. `intervals`:
    table of `segae.scoring.calibration`; `typical`: table of `segae.scoring.ood`. `training`, `figures` and
    `limits` are for people.
    """

    name: str
    architecture: str
    backbone: str
    text_dim: int
    input_size: int = 256
    hu_windows: tuple[tuple[float, float], ...] = ((-200.0, 200.0),)
    ct_mean: float = 0.5
    ct_std: float = 0.25
    mask_mean: float = 0.5
    mask_std: float = 0.5
    crop: CropRule = PUBLISHED_CROP
    orientation: str = "LAS"
    neighbours_mm: tuple[float, ...] = ()
    surround: float = 0.0
    context: bool = False
    predicts_areas: bool = False
    trained_rows: tuple[int, ...] = ()
    label_table: str = "DAP Atlas, 145 rows"
    demonstration: bool = False
    licence: str = "not stated"
    description: str = ""
    intervals: Mapping[str, Any] = field(default_factory=dict)
    typical: Mapping[str, Any] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)
    figures: Mapping[str, Any] = field(default_factory=dict)
    limits: tuple[str, ...] = ()

    @property
    def channels(self) -> int:
        """Channels of the network's input: one per HU window and slice, the surroundings, and the mask."""
        return len(self.hu_windows) * (1 + len(self.neighbours_mm)) + bool(self.surround) + 1

    def to_metadata(self) -> dict[str, str]:
        """The string pair written into the weights file: one only, as safetensors keeps no order."""
        return {METADATA_KEY: json.dumps({"format": FORMAT_VERSION, "spec": asdict(self)}, sort_keys=True)}

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, str], source: str) -> ModelSpec:
        """Inverse of `to_metadata`; raises `ModelError` naming `source` for anything it does not
        understand."""
        if METADATA_KEY not in metadata:
            raise ModelError(
                f'"{source}" holds weights but no SegAE description; import published weights with '
                "`segae model import`."
            )
        try:
            described = json.loads(metadata[METADATA_KEY])
            if described["format"] != FORMAT_VERSION:
                raise ModelError(
                    f'"{source}" has checkpoint format {described["format"]}, and this SegAE reads format '
                    f"{FORMAT_VERSION}; update SegAE or export the model again."
                )
            values = described["spec"]
            values = {name: values[name] for name in _FIELDS if name in values}
            values["crop"] = CropRule(**values["crop"])
            values["hu_windows"] = tuple((float(low), float(high)) for low, high in values["hu_windows"])
            for name in ("limits", "neighbours_mm", "trained_rows"):
                values[name] = tuple(values.get(name, ()))
            spec = cls(**values)
            check_code(spec.orientation)
            if spec.surround and not 1 <= spec.surround < math.inf:
                raise ValueError(f"surroundings {spec.surround} times as long as the window")
            if min(spec.text_dim, spec.input_size) < 1:
                raise ValueError("lengths must be positive")
            return spec
        except (KeyError, TypeError, ValueError, InputError) as error:
            raise ModelError(
                f'The description inside "{source}" is damaged ({error}); get the file again.'
            ) from error


_FIELDS = tuple(f.name for f in fields(ModelSpec))
