"""Named schemes: which value stands for what in label maps of well-known programs and data sets.

Nothing in such a file tells which scheme it follows, so one is used only when somebody names it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

from segae.files import read_bundled_table
from segae.labels.table import FIRST_STRUCTURE, LabelTable

DAP = "dap"


@dataclass(frozen=True)
class Scheme:
    """`names`: what each value stands for, as the scheme spells it; `origin`: whose label maps follow it."""

    key: str
    origin: str
    names: Mapping[int, str]


_ORIGINS: Mapping[str, str] = {
    "totalsegmentator_v1": "TotalSegmentator 1 (--ml), 104 classes",
    "totalsegmentator_v2": "TotalSegmentator 2 (--ml, task total), 117 classes",
    "vista3d": "MONAI VISTA3D",
    "amos": "AMOS 2022",
    "btcv": "BTCV abdomen (Synapse)",
    "flare22": "FLARE 2022",
    "moose": "MOOSE 3, clin_ct_organs",
    "moose_vertebrae": "MOOSE 3, clin_ct_vertebrae",
    "moose_ribs": "MOOSE 3, clin_ct_ribs",
    "moose_cardiac": "MOOSE 3, clin_ct_cardiac",
    "moose_muscles": "MOOSE 3, clin_ct_muscles",
    "moose_digestive": "MOOSE 3, clin_ct_digestive",
}


@lru_cache(maxsize=1)
def schemes() -> Mapping[str, Scheme]:
    """All schemes by key, that of the DAP Atlas (indices of the label table) first."""
    found = {DAP: dap_scheme(LabelTable.default())}
    names: dict[str, dict[int, str]] = {}
    for line in read_bundled_table("Labels", "schemes.csv"):
        names.setdefault(line["scheme"], {})[int(line["value"])] = line["name"]
    found |= {key: Scheme(key, origin, MappingProxyType(names[key])) for key, origin in _ORIGINS.items()}
    return MappingProxyType(found)


def dap_scheme(table: LabelTable) -> Scheme:
    """Values that are indices of `table`, which may have structures of one's own."""
    names = {row.index: row.name for row in table.structures if row.index >= FIRST_STRUCTURE}
    return Scheme(DAP, "DAP Atlas: indices of the label table", MappingProxyType(names))
