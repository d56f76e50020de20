"""Ways in which a mask can be wrong. Every function is pure: boolean (H, W) in, boolean (H, W) out. And size,
distance and overlap of masks.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from segae.geometry.box import Box
from segae.labels.structure import Structure
from segae.labels.table import LabelTable


def dice(mask: np.ndarray, truth: np.ndarray) -> float:
    """2 |mask and truth| / (|mask| + |truth|) over the arrays given; 1 when both are empty."""
    total = int(mask.sum()) + int(truth.sum())
    return 2 * int((mask & truth).sum()) / total if total else 1.0


def equivalent_radius(mask: np.ndarray) -> float:
    """Radius in pixels of the disc with the mask's area."""
    return float(np.sqrt(mask.sum() / np.pi))


def inscribed_radius(mask: np.ndarray) -> float:
    """Largest distance in pixels from a pixel of the mask to the background."""
    return float(depth_inside(mask).max(initial=0.0))


def depth_inside(mask: np.ndarray) -> np.ndarray:
    """Distance of each pixel of the mask to the nearest background pixel; the image's border counts as
    background."""
    return np.asarray(ndimage.distance_transform_edt(np.pad(mask, 1)))[1:-1, 1:-1]


def distance_outside(mask: np.ndarray) -> np.ndarray:
    """Distance of each pixel to the nearest pixel of the mask, which must not be empty."""
    return np.asarray(ndimage.distance_transform_edt(~mask))


def signed_distance(mask: np.ndarray) -> np.ndarray:
    """Positive inside, negative outside, and no zero: the boundary runs between +0.5 and -0.5."""
    return np.where(mask, depth_inside(mask) - 0.5, 0.5 - distance_outside(mask))


def elastic_boundary(
    mask: np.ndarray, amplitude: float, correlation: float, rng: np.random.Generator
) -> np.ndarray:
    """The outline pushed in and out by a smooth random field of standard deviation `amplitude` pixels
    whose bumps are about `correlation` pixels wide."""
    return signed_distance(mask) + amplitude * smooth_field(mask.shape, correlation, rng) > 0


def smooth_field(shape: tuple[int, ...], correlation: float, rng: np.random.Generator) -> np.ndarray:
    """Gaussian noise of zero mean and unit variance, smooth over `correlation` pixels."""
    step = max(1, int(correlation / 2))  # smooth noise needs no more support points than this
    coarse = tuple(int(np.ceil(n / step)) + 2 for n in shape)
    noise = ndimage.gaussian_filter(rng.standard_normal(coarse, dtype=np.float32), correlation / step / 2)
    noise = (noise - noise.mean()) / max(float(noise.std()), 1e-6)
    if step > 1:
        noise = np.asarray(ndimage.zoom(noise, step, order=1))
    return noise[tuple(slice(0, n) for n in shape)]


def leak_into_similar(mask: np.ndarray, ct: np.ndarray, reach: int, tolerance: float) -> np.ndarray:
    """Grown by up to `reach` pixels into connected tissue within `tolerance` HU of the mask's median."""
    similar = np.abs(ct.astype(np.float32) - np.median(ct[mask])) <= tolerance
    return np.asarray(ndimage.binary_dilation(mask, iterations=max(reach, 1), mask=similar | mask))


def leak_into_neighbour(mask: np.ndarray, neighbour: np.ndarray, reach: float) -> np.ndarray:
    """With that part of `neighbour` that lies within `reach` pixels."""
    return mask | (neighbour & (distance_outside(mask) <= reach))


def cut(mask: np.ndarray, share: float, angle: float) -> np.ndarray:
    """Without `share` (0..1) of its pixels: those that lie furthest in the direction `angle` (radians)."""
    rows, columns = np.nonzero(mask)
    along = rows * np.sin(angle) + columns * np.cos(angle)
    kept = mask.copy()
    gone = np.argsort(along, kind="stable")[len(along) - round(share * len(along)) :]
    kept[rows[gone], columns[gone]] = False
    return kept


def holes(mask: np.ndarray, count: int, radius: float, rng: np.random.Generator) -> np.ndarray:
    """With `count` discs of `radius` pixels punched out, each centred on a pixel of the mask."""
    return mask & ~_discs(mask, np.argwhere(mask), count, radius, rng)


def islands(mask: np.ndarray, count: int, radius: float, rng: np.random.Generator) -> np.ndarray:
    """With `count` discs of `radius` pixels added outside."""
    return mask | _discs(mask, np.argwhere(~mask), count, radius, rng)


def _discs(
    mask: np.ndarray, places: np.ndarray, count: int, radius: float, rng: np.random.Generator
) -> np.ndarray:
    rows, columns = np.ogrid[: mask.shape[0], : mask.shape[1]]
    discs = np.zeros_like(mask)
    for row, column in places[rng.integers(len(places), size=count)] if len(places) else ():
        discs |= (rows - row) ** 2 + (columns - column) ** 2 <= radius**2
    return discs


def shift(mask: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """Moved by whole pixels; what leaves the image is lost."""
    moved = np.zeros_like(mask)
    target, source = zip(
        *(_overlap(n, by) for n, by in zip(mask.shape, (rows, columns), strict=True)), strict=True
    )
    moved[target] = mask[source]
    return moved


def beside(mask: np.ndarray, truth: np.ndarray, angle: float) -> np.ndarray:
    """`mask` moved in the direction `angle` just so far that it no longer touches `truth`; empty if it
    leaves the image before that."""
    for distance in range(1, sum(mask.shape)):
        moved = shift(mask, round(distance * np.sin(angle)), round(distance * np.cos(angle)))
        if not (moved & truth).any():
            return moved
    return np.zeros_like(mask)


def _overlap(n: int, by: int) -> tuple[slice, slice]:
    """Target and source ranges along one axis of length `n`."""
    by = int(np.clip(by, -n, n))
    return slice(max(by, 0), n + min(by, 0)), slice(max(-by, 0), n - max(by, 0))


def erode(mask: np.ndarray, depth: float) -> np.ndarray:
    """Without the pixels whose distance to the background is at most `depth`."""
    return depth_inside(mask) > depth


def dilate(mask: np.ndarray, reach: float) -> np.ndarray:
    """With all pixels at a distance of at most `reach`."""
    return mask | (distance_outside(mask) <= reach)


def oversmooth(mask: np.ndarray, sigma: float, level: float = 0.5) -> np.ndarray:
    """Blurred with a Gaussian of `sigma` and cut again at `level`: corners and thin parts go."""
    return np.asarray(ndimage.gaussian_filter(mask.astype(np.float32), sigma)) > level


def coarsen(mask: np.ndarray, factor: int, first: tuple[int, int] = (0, 0)) -> np.ndarray:
    """As if drawn on pixels `factor` times as large: every block takes the value of one of its pixels,
    `first`."""
    rows, columns = (np.arange(n) // factor * factor + at for n, at in zip(mask.shape, first, strict=True))
    return mask[np.ix_(np.minimum(rows, mask.shape[0] - 1), np.minimum(columns, mask.shape[1] - 1))]


_LEVEL_OR_SIDE = re.compile(r"\b(?:[CTLS]?\d+|left|right|upper|lower|middle)\b")

_FIRST_ORGAN = 6  # rows before it are no organs


def wrong_name(
    structure: int,
    table: LabelTable,
    rng: np.random.Generator,
    among: Collection[int] | None = None,
) -> int:
    """Another row of the table: half the time one that differs by level or side only, where there is one.
    `among`: only these rows, if there is another one among them."""
    others = [row for row in table.structures if row.index >= _FIRST_ORGAN and row.index != structure]
    others = [row for row in others if among is None or row.index in among] or others
    relatives = [row.index for row in others if _family(row) == _family(table.by_index(structure))]
    nearest = sorted(relatives, key=lambda index: abs(index - structure))[:4]
    if nearest and rng.random() < 0.5:
        return int(rng.choice(nearest))
    return int(rng.choice([row.index for row in others]))


def _family(row: Structure) -> str:
    """ "costa 7 left" -> "costa"."""
    return " ".join(_LEVEL_OR_SIDE.sub(" ", row.name).split())


@dataclass(frozen=True, eq=False)
class OrganSlice:
    """One organ in one slice: `ct` (H, W) in HU, `labels` (H, W) and the organ's `mask`, which is not
    empty."""

    ct: np.ndarray
    labels: np.ndarray
    mask: np.ndarray

    @property
    def radius(self) -> float:
        return equivalent_radius(self.mask)

    def with_mask(self, mask: np.ndarray) -> OrganSlice:
        return OrganSlice(self.ct, self.labels, mask)


Degradation = Callable[[OrganSlice, np.random.Generator], np.ndarray]


def draw_erosion(organ: OrganSlice, rng: np.random.Generator) -> np.ndarray:
    return erode(organ.mask, max(1.0, rng.uniform(0.03, 0.85) * inscribed_radius(organ.mask)))


def draw_dilation(organ: OrganSlice, rng: np.random.Generator) -> np.ndarray:
    return dilate(organ.mask, max(1.0, rng.uniform(0.05, 1.0) * organ.radius))


def draw_boundary(organ: OrganSlice, rng: np.random.Generator) -> np.ndarray:
    amplitude, correlation = rng.uniform(0.05, 0.9) * organ.radius, rng.uniform(0.3, 1.6) * organ.radius
    return elastic_boundary(organ.mask, amplitude, correlation, rng)


def draw_fine_noise(organ: OrganSlice, rng: np.random.Generator) -> np.ndarray:
    """What a good mask differs by: fine noise of .01 to .08 r, at least a third of a pixel."""
    amplitude = max(0.35, rng.uniform(0.01, 0.08) * organ.radius)
    return elastic_boundary(organ.mask, amplitude, max(1.5, rng.uniform(0.1, 0.6) * organ.radius), rng)


def draw_shift(organ: OrganSlice, rng: np.random.Generator) -> np.ndarray:
    distance, angle = max(1.0, rng.uniform(0.05, 2.2) * organ.radius), rng.uniform(0, 2 * np.pi)
    return shift(organ.mask, round(distance * np.sin(angle)), round(distance * np.cos(angle)))


def draw_cut(organ: OrganSlice, rng: np.random.Generator) -> np.ndarray:
    return cut(organ.mask, rng.uniform(0.05, 0.9), rng.uniform(0, 2 * np.pi))


def draw_holes(organ: OrganSlice, rng: np.random.Generator) -> np.ndarray:
    return holes(organ.mask, int(rng.integers(1, 5)), max(1.0, rng.uniform(0.15, 0.7) * organ.radius), rng)


def draw_islands(organ: OrganSlice, rng: np.random.Generator) -> np.ndarray:
    return islands(organ.mask, int(rng.integers(1, 4)), max(1.0, rng.uniform(0.1, 0.6) * organ.radius), rng)


def draw_leak(organ: OrganSlice, rng: np.random.Generator) -> np.ndarray:
    reach = max(2, round(rng.uniform(0.2, 2.0) * organ.radius))
    return leak_into_similar(organ.mask, organ.ct, reach, rng.uniform(25, 90))


def draw_neighbour(organ: OrganSlice, rng: np.random.Generator) -> np.ndarray:
    """Leaks into one of the structures that touch it or lie close; unchanged when it stands alone."""
    near = organ.labels[distance_outside(organ.mask) <= max(3.0, organ.radius)]
    own = organ.labels[organ.mask]
    candidates = np.setdiff1d(near, np.append(own, 0))
    if not len(candidates):
        return organ.mask
    neighbour = organ.labels == rng.choice(candidates)
    return leak_into_neighbour(organ.mask, neighbour, max(2.0, rng.uniform(0.3, 3.0) * organ.radius))


def draw_oversmoothing(organ: OrganSlice, rng: np.random.Generator) -> np.ndarray:
    return oversmooth(organ.mask, max(1.0, rng.uniform(0.1, 1.0) * organ.radius), rng.uniform(0.25, 0.7))


def draw_coarse(organ: OrganSlice, rng: np.random.Generator) -> np.ndarray:
    factor = max(2, round(rng.uniform(0.1, 1.0) * organ.radius))
    return coarsen(organ.mask, factor, (int(rng.integers(factor)), int(rng.integers(factor))))


def draw_beside(organ: OrganSlice, rng: np.random.Generator) -> np.ndarray:
    return beside(organ.mask, organ.mask, rng.uniform(0, 2 * np.pi))


DEGRADATIONS: Mapping[str, Degradation] = {
    "erode": draw_erosion,
    "dilate": draw_dilation,
    "elastic boundary": draw_boundary,
    "shift": draw_shift,
    "cut": draw_cut,
    "holes": draw_holes,
    "islands": draw_islands,
    "leak": draw_leak,
    "wrong neighbour": draw_neighbour,
    "oversmooth": draw_oversmoothing,
    "coarse": draw_coarse,
}


def draw_several(organ: OrganSlice, rng: np.random.Generator) -> np.ndarray:
    """Two or three different degradations one after the other; stops when nothing is left."""
    for name in rng.choice(list(DEGRADATIONS), size=int(rng.integers(2, 4)), replace=False):
        degraded = DEGRADATIONS[name](organ, rng)
        if not degraded.any():
            return organ.mask
        organ = organ.with_mask(degraded)
    return organ.mask


CANDIDATES = 5
CLOSE_ENOUGH = 0.05


def spread_evenly(organ: OrganSlice, rng: np.random.Generator) -> tuple[str, np.ndarray, float]:
    """The first of a few random degradations whose Dice comes close to one drawn evenly from 0..1, or the
    closest."""
    wanted = rng.random()
    best: tuple[float, str, np.ndarray, float] | None = None
    for _ in range(CANDIDATES):
        kind = str(rng.choice([*DEGRADATIONS, "several", "several"]))
        mask = (draw_several if kind == "several" else DEGRADATIONS[kind])(organ, rng)
        if not mask.any():
            continue
        found = dice(mask, organ.mask)
        if best is None or abs(found - wanted) < best[0]:
            best = (abs(found - wanted), kind, mask, found)
        if best[0] <= CLOSE_ENOUGH:
            break
    return best[1:] if best else ("exact", organ.mask, 1.0)


def working_box(mask: np.ndarray) -> tuple[slice, ...]:
    """The organ's box with room for what the degradations do: they need not see the rest of the slice."""
    box = Box.of_mask(mask)
    return box.widened(8 + int(0.8 * max(box.shape)), mask.shape).slices
