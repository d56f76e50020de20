"""Synthetic samples of a scan: true masks with errors, under wrong names, beyond their ends, or missing, and
the CT with other grey values that they are shown on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
from scipy import ndimage

from segae.errors import InputError
from segae.inputs.spec import InputSpec
from segae.labels.table import LabelTable
from segae_trainer.data.sample import SYNTHETIC, LabelledScan, Sample, box_of
from segae_trainer.data.synthetic_errors import (
    OrganSlice,
    draw_beside,
    draw_fine_noise,
    smooth_field,
    spread_evenly,
    working_box,
    wrong_name,
)

Rule = Literal["whole", "published"]
LEAST_OVERLAP = 20  # pixels that mask and truth share in a slice of the published training set
COARSEST_MM = 3.2  # pixels of the coarser versions of a scan
# Share of these kinds; the rest have errors whose Dice spreads evenly over 0..1.
SHARES: Mapping[str, float] = MappingProxyType(
    {"fine noise": 0.16, "exact": 0.05, "wrong name": 0.14, "no overlap": 0.03, "empty": 0.03}
)
KNOWN_NAMES = 0.8  # of the wrong names are names whose masks in the scan are known
BEYOND_MM = (3.0, 60.0)
BEYOND_SHARE = 0.02  # of the structures that ended a little further up or down are drawn in a slice
ABSENT_SHARE = 0.01  # of the same are looked for there without mask
SEARCH_SHARE = 0.03  # of the known structures are looked for in the whole body of each slice


@dataclass(frozen=True)
class Sampling:
    """Which samples a training set holds.

    `rule`: "whole" takes every slice in which mask or truth has a pixel; "published" those in which they
    share at least `LEAST_OVERLAP` pixels. `repeats`: synthetic samples of each organ in each slice of a scan
    to train on, each time on a CT with other grey values; `fine_repeats`: the same for scans that have
    coarser versions, `coarse_repeats`: of these, together. Scans to validate or test on get one, on the CT
    as it is. `painted`: share of the variants of the CT that are painted from the label map, for a network
    that sees neighbours at `neighbours_mm`. `seed` draws everything.
    """

    rule: Rule = "whole"
    repeats: int = 1
    fine_repeats: int = 1
    coarse_repeats: int = 1
    painted: float = 0.35
    neighbours_mm: tuple[float, ...] = (-6.0, 6.0)
    seed: int = 2026

    def __post_init__(self) -> None:
        if self.rule not in ("whole", "published"):
            raise InputError(f'There is no sampling "{self.rule}"; choose whole or published.')
        if min(self.repeats, self.fine_repeats, self.coarse_repeats, self.seed) < 0:
            raise InputError("Repeats and seed of the sampling must not be negative; correct them.")
        if not 0 <= self.painted <= 1:
            raise InputError(f"{self.painted:g} of the CTs cannot be painted; give a share of 0 to 1.")

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self) | {"neighbours_mm": list(self.neighbours_mm)}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Sampling:
        """Inverse of `as_json`."""
        return cls(**{**values, "neighbours_mm": tuple(values["neighbours_mm"])})

    def generator(self, scan: str, k: int, variant: int) -> np.random.Generator:
        """The random numbers of a variant of slice `k`: first those of its CT, then those of its masks."""
        more = () if variant <= 1 else (variant - 1,)
        return np.random.default_rng([self.seed, *scan.encode(), k, *more])


PUBLISHED = Sampling("published", repeats=0, fine_repeats=0, coarse_repeats=0)
RULES: Mapping[str, Sampling] = MappingProxyType({"whole": Sampling(), "published": PUBLISHED})


def coarse_factors(pixel_mm: tuple[float, float]) -> list[int]:
    """By how much pixels can be enlarged without becoming larger than `COARSEST_MM`."""
    return list(range(2, int(COARSEST_MM / min(pixel_mm)) + 1))


# Ranges in HU of an organ's mean, by a word of its name; the first that fits counts.
_TISSUES: tuple[tuple[tuple[str, ...], tuple[float, float]], ...] = (
    (
        ("vertebra", "costa", "hip", "sacrum", "femur", "sternum", "clavicle", "scapula", "humerus", "skull"),
        (120, 700),
    ),
    (("cartilage",), (60, 250)),
    (("lung",), (-920, -700)),
    (("trachea", "bronch"), (-1000, -920)),
    (("colon", "bowel", "stomach", "duodenum", "rectum", "esophagus"), (-120, 160)),
    (("artery", "aorta", "vein", "vena", "heart", "atrium", "ventricle", "kidney", "trunk"), (0, 320)),
    (("fat",), (-120, -70)),
    (("canal", "cord", "bladder", "gallbladder"), (-10, 60)),
)
_SOFT_TISSUE = (10.0, 180.0)
# Classes of unlabelled body by HU: upper limit, range painted.
_REMAINDER = (
    (-600.0, (-1000.0, -850.0)),
    (-30.0, (-130.0, -60.0)),
    (130.0, (-10.0, 140.0)),
    (np.inf, (140.0, 600.0)),
)


def recolour(ct: np.ndarray, labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The real slice (H, W) with gain, offset and a shift of -60..150 HU for some of its organs. int16."""
    shifts = np.zeros(256, np.float32)
    present = np.unique(labels[labels > 0])
    shifts[present] = rng.uniform(-60, 150, len(present)) * (rng.random(len(present)) < 0.35)
    soft = (ct > -200) & (ct < 300)
    changed = ct.astype(np.float32) + ndimage.gaussian_filter(np.where(soft, shifts[labels], 0), 1.0)
    changed = changed * rng.uniform(0.9, 1.1) + rng.uniform(-20, 20)
    return _as_hu(changed)


def paint(ct: np.ndarray, labels: np.ndarray, table: LabelTable, rng: np.random.Generator) -> np.ndarray:
    """A slice (H, W) painted from `labels` and from coarse HU classes of the unlabelled rest, with
    texture at two scales and blur. int16."""
    values = np.zeros(256, np.float32)
    textures = np.zeros(256, np.float32)
    for structure in np.unique(labels[labels > 0]):
        low, high = tissue_range(table.by_index(int(structure)).name)
        values[structure] = rng.uniform(low, high)
        textures[structure] = rng.uniform(0.05, 0.3) * min(abs(high - low), 300)
    painted, texture = values[labels], textures[labels]
    rest, low = labels == 0, -np.inf
    for high, (darkest, brightest) in _REMAINDER:
        place = rest & (ct >= low) & (ct < high)
        painted[place], texture[place], low = rng.uniform(darkest, brightest), rng.uniform(5, 30), high
    coarse = smooth_field(ct.shape, rng.uniform(8, 40), rng)
    fine = smooth_field(ct.shape, rng.uniform(1.0, 4.0), rng)
    painted = painted + texture * (0.7 * coarse + 0.4 * fine)
    return _as_hu(
        ndimage.gaussian_filter(painted, rng.uniform(0.4, 1.6)) + rng.normal(0, rng.uniform(2, 12), ct.shape)
    )


def tissue_range(name: str) -> tuple[float, float]:
    """Plausible means in HU of the structure called `name`, over contrast phases."""
    for words, extent in _TISSUES:
        if any(word in name for word in words):
            return extent
    return _SOFT_TISSUE


def _as_hu(values: np.ndarray) -> np.ndarray:
    return np.clip(np.round(values), -1024, 3071).astype(np.int16)


def ct_stack(scan: LabelledScan, k: int, neighbours_mm: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
    """CT and labels of slice `k` and its neighbours, (Z, H, W) each."""
    near = scan.stack.with_neighbours(np.array([k]), InputSpec(neighbours_mm=tuple(neighbours_mm)))[0]
    return scan.ct[near], scan.labels[near]


def varied_stack(
    scan: LabelledScan,
    k: int,
    neighbours_mm: Sequence[float],
    rng: np.random.Generator,
    painted: float,
) -> np.ndarray:
    """The CT of slice `k` and its neighbours (Z, H, W) int16 HU, painted anew or with other grey values."""
    ct, labels = ct_stack(scan, k, neighbours_mm)
    # One tall image, so that an organ has the same grey in all slices.
    tall = ct.reshape(-1, ct.shape[2]), labels.reshape(-1, ct.shape[2])
    if rng.random() < painted:
        return paint(*tall, scan.label_table, rng).reshape(ct.shape)
    return recolour(*tall, rng).reshape(ct.shape)


def draw_slice(scan: LabelledScan, k: int, variant: int, sampling: Sampling) -> Iterator[Sample]:
    """A synthetic sample of each organ in slice `k`; for a `variant` of the CT (above 0) also samples of
    organs that ended nearby, and of known structures that are looked for. Draws with
    `sampling.generator`."""
    rng, ct = sampling.generator(scan.name, k, variant), scan.ct[k]
    if variant:
        ct = varied_stack(scan, k, sampling.neighbours_mm, rng, sampling.painted)[0]
    for structure in scan.structures(k):
        yield draw_sample(scan, k, ct, structure, rng, variant)
    if variant:
        yield from _beyond_their_end(scan, k, rng, variant)
        for structure in sorted(scan.known):
            if rng.random() < SEARCH_SHARE:
                empty = np.zeros(ct.shape, bool)
                yield Sample(scan, k, structure, empty, "searched", SYNTHETIC, variant, None)


def draw_sample(
    scan: LabelledScan,
    k: int,
    ct: np.ndarray,
    structure: int,
    rng: np.random.Generator,
    variant: int = 0,
    shares: Mapping[str, float] = SHARES,
) -> Sample:
    """A synthetic sample of `structure`, which is in slice `k`, whose CT (H, W) may be varied."""
    labels = scan.labels[k]
    box = working_box(labels == structure)
    organ = OrganSlice(ct[box], labels[box], labels[box] == structure)
    kind = str(rng.choice(["error", *shares], p=[1 - sum(shares.values()), *shares.values()]))
    name = structure
    if kind == "error":
        kind, mask, _ = spread_evenly(organ, rng)
    elif kind == "wrong name":
        mask = draw_fine_noise(organ, rng)
        among = scan.known if scan.known and rng.random() < KNOWN_NAMES else None
        name = wrong_name(structure, scan.label_table, rng, among)
    elif kind == "fine noise":
        mask = draw_fine_noise(organ, rng)
    elif kind == "no overlap":
        mask = draw_beside(organ, rng)
    else:
        mask = np.zeros_like(organ.mask) if kind == "empty" else organ.mask
    if not mask.any() and kind != "empty":  # nothing is left of a thin mask: take it as it is
        kind, mask, name = "exact", organ.mask, structure
    whole = np.zeros(labels.shape, bool)
    whole[box] = mask
    # The empty slice of a mask is cut like its neighbours: round where the organ is.
    around = whole if mask.any() else labels == structure
    return Sample(scan, k, name, whole, kind, SYNTHETIC, variant, box_of(around))


def _beyond_their_end(scan: LabelledScan, k: int, rng: np.random.Generator, variant: int) -> Iterator[Sample]:
    """Structures that ended a little further up or down: some are drawn in slice `k` all the same, some are
    looked for there without mask."""
    here = set(scan.structures(k))
    first, last = (max(1, round(mm / scan.slice_mm)) for mm in BEYOND_MM)
    for step in range(first, last + 1, max(1, round(6.0 / scan.slice_mm))):
        for other in (k - step, k + step):
            if not 0 <= other < len(scan.labels):
                continue
            for structure in sorted(set(scan.structures(other)) - here):
                draw = rng.random()
                if draw < BEYOND_SHARE * (1 if step * scan.slice_mm <= 20 else 0):
                    kind = "beyond its end"
                elif draw > 1 - ABSENT_SHARE:
                    kind = "absent"
                else:
                    continue
                there = scan.truth(other, structure)
                mask = there if kind == "beyond its end" else np.zeros_like(there)
                yield Sample(scan, k, structure, mask, kind, SYNTHETIC, variant, box_of(there))
