"""What a user may ask of scoring that changes the numbers."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from segae.data import Segment, Segmentation
from segae.files import shown_path
from segae.inputs.slices import check_sampling
from segae.labels.resolver import AmbiguousName, UnknownName, resolve


@dataclass(frozen=True)
class ScoringOptions:
    """`slices`: how many evenly spread slices per structure, None for all. `resample`: masks on another grid
    are brought to the CT's by nearest neighbour. `ct_grid`: masks that differ from the CT by their place
    alone lie on its grid. `published_map`: the two slips of the published TotalSegmentator map are repeated,
    to compare numbers. `names`: a file or named scheme with the names of
    a multi-label file's values. `only`: nothing but these slices (indices in the file) of these segments (by
    name), whatever `slices` says."""

    slices: int | None = None
    resample: bool = False
    published_map: bool = False
    names: Path | None = None
    only: Mapping[str, Collection[int]] | None = None
    ct_grid: bool = False

    def __post_init__(self) -> None:
        check_sampling(self.slices)

    @classmethod
    def of_report(cls, asked: Mapping[str, Any]) -> ScoringOptions:
        """How the masks of a report were read and placed, from its `options`; all slices, whatever was
        scored."""
        names = asked.get("names")
        return cls(
            resample=bool(asked.get("resample")),
            published_map=bool(asked.get("published_map")),
            ct_grid=bool(asked.get("ct_grid")),
            names=None if names is None else Path(str(names)),
        )

    @property
    def every_slice(self) -> bool:
        """Whether all slices are asked for; only then is an organ looked for outside of its mask."""
        return self.slices is None and self.only is None

    def slices_of(self, segment: str) -> Collection[int] | None:
        """The slices that `only` asks of a segment; None when it asks nothing."""
        return None if self.only is None else self.only.get(segment, ())

    def as_dict(self) -> dict[str, Any]:
        """JSON values, as a report records them."""
        only = None if self.only is None else {name: sorted(slices) for name, slices in self.only.items()}
        return asdict(self) | {"names": None if self.names is None else shown_path(self.names), "only": only}


def with_published_map(segmentation: Segmentation) -> Segmentation:
    """The segments that the published map sends elsewhere (`urinary_bladder`, `face`), renamed as it does."""
    return replace(segmentation, segments=tuple(_mapped(segment) for segment in segmentation.segments))


def _mapped(segment: Segment) -> Segment:
    try:
        found = resolve(segment.name, published_map=True)
    except (UnknownName, AmbiguousName):
        return segment
    return replace(segment, structure=found.structure, reason=found.reason)
