"""Where organs lie towards each other: left and right, above and below, beside the spine."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from segae.checks.shape import Shape
from segae.checks.sizes import pairs
from segae.finding import Finding

SIDE_MM = 10.0  # over the midline before a lone mask is said to be on the wrong side
# Paired structures of which one side reaches over the midline.
CROSSING = ("heart", "vein brachiocephalic", "iliac vena", "iliac artery", "artery", "thyroid")
ABOVE = (
    ("heart", "liver"), ("heart", "spleen"), ("heart", "kidney"), ("lung upper lobe", "lung lower lobe"),
    ("trachea", "liver"), ("brain", "heart"), ("thyroid", "heart"), ("liver", "bladder"),
    ("spleen", "bladder"), ("kidney", "bladder"), ("clavicle", "liver"),
)  # fmt: skip
# Which organ's middle lies above, or in front of, which other's in nearly every patient.
USUALLY_ABOVE = (
    *ABOVE, ("liver", "kidney"), ("spleen", "kidney"), ("liver", "gallbladder"), ("adrenal gland", "kidney"),
    ("liver", "colon"), ("spleen", "colon"), ("stomach", "kidney"), ("liver", "duodenum"),
)  # fmt: skip
USUALLY_IN_FRONT = (
    ("liver", "kidney"), ("stomach", "kidney"), ("gallbladder", "kidney"), ("pancreas", "kidney"),
    ("colon", "kidney"), ("stomach", "spleen"), ("heart", "aorta"), ("bladder", "sacrum"),
    ("trachea", "esophagus"), ("liver", "autochthon"), ("sternum", "heart"),
)  # fmt: skip
LEAST_PAIRS = 3  # before something is said about the scan as a whole
MOST_PAIRS = 0.8  # of the pairs must be the wrong way round
CLEAR_MM = 5.0  # between two middles, else they do not count
SPINE = ("vertebrae ", "spinal canal")
NEAR_MM = 60.0  # along z: parts of the spine at about the height of a kidney
KIDNEY_MM = (20.0, 130.0)  # of a kidney's middle from the spine's: it lies on the psoas, inside the flank


def check_sides(shapes: Sequence[Shape]) -> Iterable[Finding]:
    """Findings WRONG_SIDE: of a pair that is swapped, named after its left mask, and of lone masks beyond the
    midline, which is the spine's."""
    in_pair = set()
    for left, right in pairs(shapes):
        in_pair |= {left.name, right.name}
        if left.centre[0] > right.centre[0]:  # x grows towards the patient's right
            text = (
                f'The mask "{left.name}" lies to the right of "{right.name}"; see whether the names are '
                "swapped or the picture is mirrored."
            )
            yield Finding("WRONG_SIDE", "warning", text, (left.name, right.name), left.segment.source)
    for shape in shapes:
        side = shape.structure.laterality
        middle = _spine_at(shapes, shape.centre[2])
        if not side or shape.name in in_pair or middle is None or shape.structure.name.startswith(CROSSING):
            continue
        beyond = (shape.centre[0] - middle[0]) * (1 if side == "left" else -1)
        if beyond > SIDE_MM:
            text = (
                f'The mask "{shape.name}" lies {beyond:.0f} mm beyond the spine, not on the {side}; '
                "see whether its name is right."
            )
            yield Finding("WRONG_SIDE", "warning", text, (shape.name,), shape.segment.source)


def check_heights(shapes: Sequence[Shape]) -> Iterable[Finding]:
    """Findings HEIGHT: the middle of a mask lies below that of an organ that belongs below it."""
    for upper, lower in ABOVE:
        for high in (s for s in shapes if _named(s, upper)):
            for low in (s for s in shapes if _named(s, lower) and _same_side(s, high)):
                if high.is_cut and low.is_cut:
                    continue  # what is left of both says little
                if high.centre[2] < low.centre[2]:
                    text = (
                        f'The mask "{high.name}" lies below "{low.name}" and belongs above it; see whether '
                        "both have the right name and place."
                    )
                    yield Finding("HEIGHT", "warning", text, (high.name, low.name), high.segment.source)


def check_way_up(shapes: Sequence[Shape]) -> Iterable[Finding]:
    """Findings UPSIDE_DOWN and BACK_TO_FRONT about the whole scan, when most organs that usually lie one
    above or in front of the other lie the other way round; single masks may be cut or wrong, many are not."""
    for code, axis, pairs_of, what in (
        ("UPSIDE_DOWN", 2, USUALLY_ABOVE, "upside down"),
        ("BACK_TO_FRONT", 1, USUALLY_IN_FRONT, "back to front"),
    ):
        away = [
            float(one.centre[axis] - other.centre[axis])
            for first, second in pairs_of
            for one in shapes
            if _named(one, first)
            for other in shapes
            if _named(other, second)
        ]
        clear = [mm for mm in away if abs(mm) > CLEAR_MM]
        wrong = sum(mm < 0 for mm in clear)
        if wrong >= LEAST_PAIRS and wrong >= MOST_PAIRS * len(clear):
            text = (
                f"The scan seems to lie {what}: {wrong} of {len(clear)} pairs of organs lie the other way "
                "round than in nearly every patient; see whether the header says the truth."
            )
            yield Finding(code, "warning", text, source=shapes[0].segment.source)


def check_kidneys(shapes: Sequence[Shape]) -> Iterable[Finding]:
    """Findings KIDNEY_PLACE: a kidney that does not lie beside the spine, where spine was segmented."""
    for shape in (s for s in shapes if _named(s, "kidney")):
        middle = _spine_at(shapes, shape.centre[2])
        if middle is None:
            continue
        distance = abs(float(shape.centre[0] - middle[0]))
        if not KIDNEY_MM[0] <= distance <= KIDNEY_MM[1]:
            text = (
                f'The mask "{shape.name}" lies {distance:.0f} mm beside the middle of the spine, where '
                f"kidneys lie {KIDNEY_MM[0]:.0f} to {KIDNEY_MM[1]:.0f} mm beside it; see whether it is one."
            )
            yield Finding("KIDNEY_PLACE", "warning", text, (shape.name,), shape.segment.source)


def _spine_at(shapes: Sequence[Shape], z: float) -> np.ndarray | None:
    """Middle (x, y, z) of the nearest part of the spine, None when there is none at that height."""
    spine = [s for s in shapes if s.structure.name.startswith(SPINE)]
    nearest = min(spine, key=lambda s: abs(s.centre[2] - z), default=None)
    if nearest is None or abs(nearest.centre[2] - z) > NEAR_MM:
        return None
    return nearest.centre


def _named(shape: Shape, name: str) -> bool:
    return shape.structure.name in (name, f"{name} left", f"{name} right")


def _same_side(one: Shape, other: Shape) -> bool:
    sides = {one.structure.laterality, other.structure.laterality}
    return len(sides) == 1 or "" in sides
