"""Training pairs rendered once: 8-bit pictures a little larger than the network's window, so that they
can still be turned and scaled; their centre is exactly what scoring would show the network."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch

from segae.errors import InputError
from segae.labels.table import load_structures
from segae.models.spec import ModelSpec
from segae.progress import Watch
from segae.scoring.windows import crop_windows, mask_boxes, network_input
from segae.whole_file import whole_file
from segae_trainer.starter.cases import Case, coarser
from segae_trainer.starter.pairs import KINDS, Pair, draw_pair
from segae_trainer.synthetic import paint, recolour
from segae_trainer.views import wide_spec

# Share of each kind of pair; the rest are degradations whose Dice spreads evenly over 0..1.
SHARES = {"fine noise": 0.16, "exact": 0.04, "wrong name": 0.10, "no overlap": 0.04, "empty": 0.015}
COARSEST_MM = 3.2
BEYOND_MM = (6.0, 20.0)
BEYOND_SHARE = 0.02
_BATCH = 32


@dataclass(frozen=True, eq=False)
class Pool:
    """`images` (N, channels, P, P) uint8: CT windows and mask scaled to 0..255; `structures` (N,),
    `targets` (N,) the Dice of the whole slice, `kinds` (N,) places in `KINDS`."""

    images: np.ndarray
    structures: np.ndarray
    targets: np.ndarray
    kinds: np.ndarray

    def __len__(self) -> int:
        return len(self.targets)


@dataclass(frozen=True)
class Rendering:
    """How a case becomes pairs. `repeats`: versions of each slice; `synthetic`: share of them that are
    painted; `vary`: whether real slices change their grey values too; `coarse`: on larger pixels of up to
    `COARSEST_MM`, so that fine scans teach what coarse ones look like."""

    repeats: int = 6
    synthetic: float = 0.35
    vary: bool = True
    coarse: bool = False


AS_IT_IS = Rendering(repeats=1, synthetic=0.0, vary=False)


def render_case(
    case: Case,
    spec: ModelSpec,
    rendering: Rendering,
    seed: int,
    *,
    workers: int = 1,
    watch: Watch | None = None,
) -> Pool:
    """Every structure of every slice, `rendering.repeats` times. The same seed gives the same pool,
    however many processes share the work. Raises `InputError` when the case has no labelled slice."""
    watch = watch or Watch()
    slices = [k for k in range(len(case.labels)) if case.labels[k].any()]
    if not slices:
        raise InputError(f'The label map of case "{case.name}" is empty; leave the case out.')
    if rendering.coarse and not coarse_factors(case):
        raise InputError(
            f'The pixels of case "{case.name}" are too large to be made larger; leave "coarse" empty for it.'
        )
    chunks = [list(chunk) for chunk in np.array_split(slices, min(len(slices), 8 * workers))]
    render = partial(_render_slices, case, spec, rendering, seed)
    if workers == 1:
        return concatenate(_watched(map(render, chunks), watch, len(chunks)))
    with ProcessPoolExecutor(
        workers, mp_context=get_context("spawn"), initializer=torch.set_num_threads, initargs=(1,)
    ) as processes:
        return concatenate(_watched(processes.map(render, chunks), watch, len(chunks)))


def render_pairs(
    ct: np.ndarray, pairs: list[Pair], boxes_of: list[np.ndarray], case: Case, spec: ModelSpec
) -> Pool:
    """Pairs of one slice `ct` (H, W); `boxes_of` are the masks round which the windows are cut."""
    wide = wide_spec(spec)
    images = []
    for start in range(0, len(pairs), _BATCH):
        masks = torch.from_numpy(np.stack([pair.mask for pair in pairs[start : start + _BATCH]]))
        boxes = mask_boxes(torch.from_numpy(np.stack(boxes_of[start : start + _BATCH])))
        windows = crop_windows(boxes, wide.crop, ct.shape[0], ct.shape[1], case.pixel_mm)
        slices = torch.from_numpy(ct).expand(len(masks), -1, -1)
        images.append((network_input(slices, masks, windows, wide).clamp(0, 1) * 255).round().to(torch.uint8))
    return Pool(
        images=torch.cat(images).numpy(),
        structures=np.array([pair.structure for pair in pairs], np.int64),
        targets=np.array([pair.target for pair in pairs], np.float32),
        kinds=np.array([KINDS.index(pair.kind) for pair in pairs], np.uint8),
    )


def coarse_factors(case: Case) -> list[int]:
    """By how much the pixels can be enlarged without becoming larger than `COARSEST_MM`."""
    return list(range(2, int(COARSEST_MM / min(case.pixel_mm)) + 1))


def concatenate(pools: Iterable[Pool]) -> Pool:
    parts = list(pools)
    return Pool(
        *(np.concatenate([getattr(part, name) for part in parts]) for name in Pool.__dataclass_fields__)
    )


def subset(pool: Pool, index: np.ndarray) -> Pool:
    """The pairs at `index`, an array of positions or a boolean one."""
    return Pool(*(getattr(pool, name)[index] for name in Pool.__dataclass_fields__))


def save_pool(pool: Pool, path: Path) -> None:
    with whole_file(path) as stream:
        np.savez(stream, **{name: getattr(pool, name) for name in Pool.__dataclass_fields__})


def load_pool(path: Path) -> Pool:
    with np.load(path) as arrays:
        return Pool(**{name: arrays[name] for name in Pool.__dataclass_fields__})


def _render_slices(case: Case, spec: ModelSpec, rendering: Rendering, seed: int, slices: list[int]) -> Pool:
    cases = [case]
    if rendering.coarse:
        cases = [coarser(case, factor) for factor in coarse_factors(case)]
    return concatenate(_render_slice(cases, spec, rendering, seed, int(k)) for k in slices)


def _render_slice(cases: list[Case], spec: ModelSpec, rendering: Rendering, seed: int, k: int) -> Pool:
    """Slice `k`, each time in one of `cases`, which are one case on pixels of different size."""
    table = load_structures()
    rng = np.random.default_rng([seed, *cases[0].name.encode(), k])
    pools = [_empty_pool(spec)]  # the structures of a slice may all be too thin for coarse pixels
    for _ in range(rendering.repeats):
        case = cases[int(rng.integers(len(cases)))] if len(cases) > 1 else cases[0]
        labels = case.labels[k]
        ct = _version(case.ct[k], labels, rendering, rng)
        present = case.structures(k)
        pairs = [draw_pair(ct, labels, row, table, rng, shares=SHARES) for row in present]
        # A volume's empty slice is cut like its neighbours: round where the organ is.
        around = [pair.mask if pair.kind != "empty" else labels == pair.structure for pair in pairs]
        beyond = [pair for pair in _beyond_their_end(case, k) if rng.random() < BEYOND_SHARE]
        if pairs + beyond:
            windows = around + [pair.mask for pair in beyond]
            pools.append(render_pairs(ct, pairs + beyond, windows, case, spec))
    return concatenate(pools)


def _empty_pool(spec: ModelSpec) -> Pool:
    size = wide_spec(spec).input_size
    images = np.zeros((0, spec.channels, size, size), np.uint8)
    return Pool(images, np.zeros(0, np.int64), np.zeros(0, np.float32), np.zeros(0, np.uint8))


def _version(
    ct: np.ndarray, labels: np.ndarray, rendering: Rendering, rng: np.random.Generator
) -> np.ndarray:
    if rng.random() < rendering.synthetic:
        return paint(ct, labels, load_structures(), rng)
    return recolour(ct, labels, rng) if rendering.vary else ct


def _beyond_their_end(case: Case, k: int) -> list[Pair]:
    """Structures that ended a few millimetres from slice `k`, drawn into it all the same: Dice 0."""
    here = set(case.structures(k))
    first, last = (round(mm / case.slice_mm) for mm in BEYOND_MM)
    pairs = []
    for step in range(max(first, 1), max(last, 1) + 1):
        for other in (k - step, k + step):
            if 0 <= other < len(case.labels):
                gone = set(case.structures(other)) - here
                pairs += [Pair(case.labels[other] == s, s, 0.0, "beyond its end") for s in sorted(gone)]
    return pairs


def _watched(pools: Iterable[Pool], watch: Watch, total: int) -> Iterable[Pool]:
    for done, pool in enumerate(pools, start=1):
        watch.step("rendering", done, total)
        yield pool
