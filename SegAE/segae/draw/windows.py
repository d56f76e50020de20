"""Which Hounsfield units are drawn black and white, by what is looked at."""

from __future__ import annotations

SOFT_TISSUE = (-160.0, 240.0)
LUNG = (-1350.0, 150.0)
BONE = (-200.0, 600.0)
BRAIN = (0.0, 80.0)

_BONES = (
    "vertebrae", "costa", "rib", "sternum", "clavicle", "scapula", "humerus", "skull", "hip", "sacrum",
    "femur",
)  # fmt: skip
_BY_WORD = {
    **dict.fromkeys(("lung", "trachea", "bronchie", "bronchi"), LUNG),
    **dict.fromkeys(_BONES, BONE),
    "brain": BRAIN,
}


def window(structure: str) -> tuple[float, float]:
    """Lowest and highest HU of the display window that suits a structure of the label table."""
    words = structure.lower().replace("_", " ").split()
    return next((_BY_WORD[word] for word in words if word in _BY_WORD), SOFT_TISSUE)
