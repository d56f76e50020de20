"""Volumes: against the body that they are in, and left against right."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from segae.preflight.findings import Finding
from segae.rules.shape import Shape

# Reference adults, smaller (female) and larger (male) mass in grams, of ICRP Publication 89 (2002):
# with soft tissue near 1.05 g/ml a mass is a volume within the margin below. The heart is counted with its
# blood, kidneys and adrenal glands are given for both sides there and halved here.
REFERENCE_ML: Mapping[str, tuple[float, float]] = {
    "liver": (1400, 1800),
    "spleen": (130, 150),
    "pancreas": (120, 140),
    "kidney": (137, 155),
    "adrenal gland": (6.5, 7),
    "brain": (1300, 1450),
    "heart": (620, 840),
}
MARGIN = 4.0  # disease and build change organs up to threefold and more; beyond this look at the mask
# Paired structures whose sides are alike in build; soft organs shrink and swell on one side.
ALIKE: Mapping[str, float] = {
    "kidney": 3, "adrenal gland": 4, "costa": 2.5, "clavicle": 2, "scapula": 2, "hip": 2, "gluteus": 2.5,
    "autochthon": 2, "iliopsoas": 2.5, "eyeball": 2,
}  # fmt: skip


def check_volume(shape: Shape, scale: float = 1.0) -> Iterable[Finding]:
    """Finding VOLUME: against what reference adults have, times `scale` (see `body_scale`). A mask that the
    scan's end cuts cannot be too small."""
    reference = REFERENCE_ML.get(sideless(shape.structure.name))
    if reference is None:
        return
    low, high = scale * reference[0] / MARGIN, scale * reference[1] * MARGIN
    if shape.volume_ml <= high and (shape.is_cut or shape.volume_ml >= low):
        return
    word = "large" if shape.volume_ml > high else "small"
    whose = "an adult" if scale == 1.0 else "a body of this size"
    text = (
        f'The mask "{shape.name}" has {shape.volume_ml:.3g} ml, unusually {word} for {shape.structure} of '
        f"{whose} ({low:.3g} to {high:.3g} ml); see whether it is whole and has the right name."
    )
    yield Finding("VOLUME", "info", text, shape.name, shape.segment.source)


def check_symmetry(shapes: Sequence[Shape]) -> Iterable[Finding]:
    """Findings ASYMMETRY: one side much smaller than the other, though the scan's ends cut neither. Named
    after the smaller side."""
    for left, right in pairs(shapes):
        most = next((n for name, n in ALIKE.items() if left.structure.name.startswith(name)), None)
        if most is None or left.is_cut or right.is_cut:
            continue
        small, large = sorted((left, right), key=lambda shape: shape.volume_ml)
        ratio = large.volume_ml / small.volume_ml
        if ratio > most:
            text = (
                f'The mask "{small.name}" has {small.volume_ml:.3g} ml and "{large.name}" {ratio:.1f} times '
                "as much; see whether one is incomplete or the other too large."
            )
            yield Finding("ASYMMETRY", "info", text, small.name, small.segment.source)


def pairs(shapes: Sequence[Shape]) -> Iterable[tuple[Shape, Shape]]:
    """(left, right) of each structure that the case has on both sides."""
    right = {sideless(s.structure.name): s for s in shapes if s.structure.laterality == "right"}
    for shape in shapes:
        other = right.get(sideless(shape.structure.name))
        if shape.structure.laterality == "left" and other is not None:
            yield shape, other


def sideless(name: str) -> str:
    """A name of the label table without its side."""
    return " ".join(word for word in name.split() if word not in ("left", "right"))
