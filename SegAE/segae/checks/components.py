"""Islands and holes of single masks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import SimpleITK

from segae.checks.shape import Shape
from segae.finding import Finding, Severity
from segae.geometry.orientation import axial_axis

ISLAND_SHARE = 0.05  # of the volume; a larger island is a part of its own
LEAST_LOOSE = 0.005  # of the volume: masks of experts have specks too, which change no Dice
FAR_MM = 50.0  # from the largest component: farther than neighbouring parts of one organ, so no part of it
HOLE_SHARE = 0.005
HOLE_ML = 0.1
# Tissue and organs that come in several components, or are drawn that way; vessels and bowel leave the image.
OF_SEVERAL_PARTS = frozenset(
    ("muscles", "fat", "abdominal tissue", "mediastinal tissue", "skin", "small bowel", "colon", "gonads",
     "rib_cartilage", "bronchie", "portal vein and splenic vein", "celiac trunk", "pulmonary artery")
)  # fmt: skip
# Structures of which the scan's end may leave parts that lie far from each other: arches and hollow shells.
ARCHED = (
    "costa", "lung", "clavicle", "hip", "skull", "aorta", "iliac", "artery", "vein", "pulmonary", "heart",
    "gluteus", "scapula", "sternum", "rib_cartilage", "breast", "stomach", "duodenum", "esophagus",
)  # fmt: skip
# Structures that enclose others.
HOLLOW = frozenset(
    ("muscles", "fat", "abdominal tissue", "mediastinal tissue", "skin", "skull", "heart myocardium",
     "nasal cavity", "colon", "small bowel")
)  # fmt: skip


def check_islands(shape: Shape) -> Iterable[Finding]:
    """Findings PIECES (an island that is a part of its own) and ISLANDS (small or distant ones). A mask that
    the scan's ends cut may fall apart there, so components that reach an end are none, unless they lie so far
    away that no part of the organ does."""
    if shape.structure.name in OF_SEVERAL_PARTS:
        return
    labels = _components(shape.counts > 0)
    sizes = np.bincount(labels.ravel(), weights=shape.counts.ravel())
    if len(sizes) < 3:
        return
    sizes[0] = 0
    largest = int(sizes.argmax())
    others = np.setdiff1d(np.flatnonzero(sizes), [largest])
    away = _distances_mm(shape, labels, largest, others[np.argsort(-sizes[others], kind="stable")])
    cut = _cut_off(shape, labels, largest, away)
    loose = [one for one in others.tolist() if one not in cut]
    if not loose:
        return
    share = float(sizes[loose].sum() / sizes.sum())
    distance = max((mm for one, mm in away.items() if one not in cut), default=0.0)
    if share < LEAST_LOOSE and distance < FAR_MM:
        return
    islands = "1 island" if len(loose) == 1 else f"{len(loose)} islands"
    text = (
        f'The mask "{shape.name}" has {islands}, {_percent(share)} of its volume and up to {distance:.0f} mm '
        "away; remove what is no part of the organ."
    )
    is_part = float(sizes[loose].max() / sizes.sum()) >= ISLAND_SHARE
    severity: Severity = "warning" if is_part or distance >= FAR_MM else "info"
    yield Finding("PIECES" if is_part else "ISLANDS", severity, text, (shape.name,), shape.segment.source)


def check_holes(shape: Shape) -> Iterable[Finding]:
    """Finding HOLES: room that the mask encloses on all sides."""
    if shape.structure.name in HOLLOW:
        return
    solid = np.pad(shape.counts > 0, 1)
    image = SimpleITK.GetImageFromArray(solid.view(np.uint8))
    filled = SimpleITK.GetArrayFromImage(SimpleITK.BinaryFillhole(image))
    blocks = int(np.count_nonzero(filled)) - int(np.count_nonzero(solid))
    volume_ml = blocks * float(np.prod(_block_mm(shape))) / 1000
    share = volume_ml / shape.volume_ml
    if volume_ml < HOLE_ML or share < HOLE_SHARE:
        return
    text = (
        f'The mask "{shape.name}" has holes of {volume_ml:.1f} ml together, {_percent(share)} of its volume; '
        "fill them unless something else lies there."
    )
    severity: Severity = "warning" if share >= ISLAND_SHARE else "info"
    yield Finding("HOLES", severity, text, (shape.name,), shape.segment.source)


def _components(solid: np.ndarray) -> np.ndarray:
    """Numbered connected components; blocks that touch at a corner belong together."""
    image = SimpleITK.GetImageFromArray(solid.view(np.uint8))
    return SimpleITK.GetArrayFromImage(SimpleITK.ConnectedComponent(image, True))


def _cut_off(shape: Shape, labels: np.ndarray, largest: int, away: Mapping[int, float]) -> set[int]:
    """Components that an end of the scan may have cut off from the largest one: they reach that end, and lie
    near, or belong to an arch that reaches the end with both legs. `away`: millimetres of the measured ones;
    the others are specks, and count as near."""
    is_arch = shape.structure.name.startswith(ARCHED)
    return {
        one
        for there in _at_ends(shape, labels)
        for one in there - {largest}
        if (is_arch and largest in there) or away.get(one, 0.0) < FAR_MM
    }


def _at_ends(shape: Shape, labels: np.ndarray) -> list[set[int]]:
    """Components in the first and in the last slice of the scan, where the mask reaches them."""
    grid, box = shape.segment.grid, shape.segment.box
    axis = axial_axis(grid)
    moved = np.moveaxis(labels, axis, 0)
    ends = ((moved[0], box[axis].start == 0), (moved[-1], box[axis].stop == grid.shape[axis]))
    return [set(np.unique(plane[plane > 0]).tolist()) for plane, is_cut in ends if shape.is_cut and is_cut]


_MEASURED = 50  # components, the largest first


def _distances_mm(shape: Shape, labels: np.ndarray, largest: int, others: np.ndarray) -> dict[int, float]:
    """From the largest component to the nearest block of each of the others."""
    image = SimpleITK.GetImageFromArray((labels == largest).view(np.uint8))
    image.SetSpacing(tuple(map(float, _block_mm(shape)[::-1])))
    away = SimpleITK.GetArrayFromImage(SimpleITK.DanielssonDistanceMap(image, True, False, True))
    return {one: float(away[labels == one].min()) for one in others[:_MEASURED].tolist()}


def _block_mm(shape: Shape) -> np.ndarray:
    """Edges of a block along k, j, i."""
    return shape.step * shape.segment.grid.spacing[::-1]


def _percent(share: float) -> str:
    return f"{share:.1%}" if share < 0.1 else f"{share:.0%}"
