"""From a case to pairs: every structure of every slice, degraded, misnamed, missing, on real and on painted
CT."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context

import numpy as np
import torch
from torch import Tensor

from segae.errors import InputError
from segae.inputs.build import model_input
from segae.inputs.crops import Crops, crops_around, mask_boxes
from segae.inputs.stack import CTStack
from segae.labels.table import load_structures
from segae.models.spec import ModelSpec
from segae.progress import Watch
from segae_trainer.data.augmentation import ROOM, paint, recolour
from segae_trainer.data.mask_measures import dice
from segae_trainer.starter.cases import Case, coarser
from segae_trainer.starter.pairs import KINDS, Pair, draw_pair
from segae_trainer.starter.pool import Pool, concatenate, empty_pool

COARSEST_MM = 3.2
BEYOND_MM = (3.0, 60.0)
BEYOND_SHARE = 0.02  # of the structures that ended a little further up or down, and are drawn here
ABSENT_SHARE = 0.03  # of the same: the slice where they are not, without mask
SEARCH_SHARE = (
    0.03  # of the structures of the case, in each slice, there or not: looked for in the whole body
)
_BATCH = 24


@dataclass(frozen=True)
class Rendering:
    """How a case becomes pairs. `repeats`: versions of each slice; `synthetic`: share of them that are
    painted; `vary`: whether real slices change their grey values too; `coarse`: on larger pixels of up to
    `COARSEST_MM`, so that fine scans teach what coarse ones look like; `search`: pairs without mask."""

    repeats: int = 4
    synthetic: float = 0.35
    vary: bool = True
    coarse: bool = False
    search: bool = True


AS_IT_IS = Rendering(repeats=1, synthetic=0.0, vary=False, search=False)


@dataclass(frozen=True, eq=False)
class Scene:
    """A case ready for rendering: what there is to know of it once. `rows`: structures it has masks of."""

    case: Case
    stack: CTStack
    rows: frozenset[int]


def scene_of(case: Case) -> Scene:
    """Raises `InputError` when the case has no labelled slice."""
    rows = frozenset(int(row) for row in np.unique(case.labels) if row)
    if not rows:
        raise InputError(f'The label map of case "{case.name}" is empty; leave the case out.')
    spacing = (case.slice_mm, *case.pixel_mm)
    return Scene(case, CTStack.of_array(case.ct, spacing, body=True), rows)


def render_case(
    case: Case, spec: ModelSpec, rendering: Rendering, seed: int,
    *, workers: int = 1, watch: Watch | None = None,
) -> Iterator[Pool]:  # fmt: skip
    """Every structure of every slice, `rendering.repeats` times, in parts. The same seed gives the same
    pairs, however many processes share the work. Raises `InputError` when the case has no labelled slice."""
    if rendering.coarse and not coarse_factors(case):
        raise InputError(
            f'The pixels of case "{case.name}" are too large to be made larger; leave "coarse" empty for it.'
        )
    versions = [coarser(case, n) for n in coarse_factors(case)] if rendering.coarse else [case]
    scenes = [scene_of(version) for version in versions]
    slices = [k for k in range(len(case.labels)) if case.labels[k].any()]
    render = partial(_render_slice, scenes, spec, rendering, seed)
    yield from _in_parallel(render, slices, workers, watch or Watch())


def render_masks(
    case: Case, predicted: np.ndarray, spec: ModelSpec, share: float, vary: bool, seed: int,
    *, workers: int = 1, watch: Watch | None = None,
) -> Iterator[Pool]:  # fmt: skip
    """Another segmentation (K, H, W) of the case: a `share` of all pairs of slice and structure in which the
    mask or the organ has pixels, and the case has masks of that name."""
    render = partial(_render_predicted, scene_of(case), predicted, spec, share, vary, seed)
    slices = [k for k in range(len(case.labels)) if case.labels[k].any() or predicted[k].any()]
    yield from _in_parallel(render, slices, workers, watch or Watch())


def render_pairs(
    stack: np.ndarray, k: int, pairs: list[Pair], truths: list[np.ndarray], windows: list[Crops],
    scene: Scene, spec: ModelSpec,
) -> Pool:  # fmt: skip
    """Pairs of slice `k`, whose CT with its neighbours is `stack` (Z, H, W); `truths` (H, W) are the organs,
    `windows` the windows of one slice each."""
    parts = [empty_pool(spec)]
    # The largest window of a batch says how much is read for all of them.
    order = sorted(range(len(pairs)), key=lambda place: float(windows[place].length.max()))
    for start in range(0, len(order), _BATCH):
        chosen = order[start : start + _BATCH]
        parts.append(
            _render_some(
                stack,
                k,
                [pairs[place] for place in chosen],
                [truths[place] for place in chosen],
                [windows[place] for place in chosen],
                scene,
                spec,
            )
        )
    return concatenate(parts)


def suite_pairs(scene: Scene, k: int, spec: ModelSpec, seed: int) -> list[Pair]:
    """The pairs of slice `k` that `render_case` draws with `AS_IT_IS`, one of each structure there, without
    rendering them."""
    return _drawn(scene, k, spec, AS_IT_IS, _rng(seed, scene.case, k))[1]


def coarse_factors(case: Case) -> list[int]:
    """By how much the pixels can be enlarged without becoming larger than `COARSEST_MM`."""
    return list(range(2, int(COARSEST_MM / min(case.pixel_mm)) + 1))


def window_round(mask: np.ndarray, case: Case, spec: ModelSpec) -> Crops:
    """The network's window round a mask (H, W) that is not empty."""
    boxes = mask_boxes(torch.from_numpy(mask[None]))
    return crops_around(boxes, spec.input.crop, mask.shape[0], mask.shape[1], case.pixel_mm)


def body_window(scene: Scene, k: int) -> Crops:
    """A square round the whole body in slice `k`."""
    return scene.stack.body_crops(np.array([k]))


def _in_parallel(
    render: Callable[[int], Pool], slices: list[int], workers: int, watch: Watch
) -> Iterator[Pool]:
    chunks = [list(chunk) for chunk in np.array_split(slices, min(len(slices), 12 * workers))]
    several = partial(_several, render)
    if workers == 1:
        yield from _watched(map(several, chunks), watch, len(chunks))
        return
    with ProcessPoolExecutor(
        workers, mp_context=get_context("spawn"), initializer=torch.set_num_threads, initargs=(1,)
    ) as processes:
        yield from _watched(processes.map(several, chunks), watch, len(chunks))


def _several(render: Callable[[int], Pool], slices: list[int]) -> Pool:
    return concatenate(render(int(k)) for k in slices)


def _watched(pools: Iterable[Pool], watch: Watch, total: int) -> Iterator[Pool]:
    for done, pool in enumerate(pools, start=1):
        watch.step("rendering", done, total)
        yield pool


def _render_slice(scenes: list[Scene], spec: ModelSpec, rendering: Rendering, seed: int, k: int) -> Pool:
    """Slice `k`, each time in one of `scenes`, which are one case on pixels of different size."""
    rng = _rng(seed, scenes[0].case, k)
    pools = [empty_pool(spec)]  # the structures of a slice may all be too thin for coarse pixels
    for _ in range(rendering.repeats):
        scene = scenes[int(rng.integers(len(scenes)))] if len(scenes) > 1 else scenes[0]
        case, labels = scene.case, scene.case.labels[k]
        stack, pairs = _drawn(scene, k, spec, rendering, rng)
        # A volume's empty slice is cut like its neighbours: round where the organ is.
        around = [p.mask if p.kind != "empty" else labels == p.structure for p in pairs]
        if rendering.search:
            for pair, mask in _beyond_their_end(case, k, rng):
                pairs.append(pair)
                around.append(mask)
        windows = [window_round(mask, case, spec) for mask in around]
        if rendering.search:
            searched = [_searched(labels, row) for row in sorted(scene.rows) if rng.random() < SEARCH_SHARE]
            pairs += searched
            windows += [body_window(scene, k)] * len(searched)
        pools.append(
            render_pairs(stack, k, pairs, [labels == p.structure for p in pairs], windows, scene, spec)
        )
    return concatenate(pools)


def _drawn(
    scene: Scene, k: int, spec: ModelSpec, rendering: Rendering, rng: np.random.Generator
) -> tuple[np.ndarray, list[Pair]]:
    """The CT of slice `k` with its neighbours, and a pair of each structure there."""
    stack, table = _version(scene, k, spec, rendering, rng), load_structures()
    labels = scene.case.labels[k]
    return stack, [
        draw_pair(stack[0], labels, row, table, rng, scene.rows) for row in scene.case.structures(k)
    ]


def _rng(seed: int, case: Case, k: int) -> np.random.Generator:
    return np.random.default_rng([seed, *case.name.encode(), k])


def _render_predicted(
    scene: Scene, predicted: np.ndarray, spec: ModelSpec, share: float, vary: bool, seed: int, k: int
) -> Pool:
    case, labels, masks = scene.case, scene.case.labels[k], predicted[k]
    rng = _rng(seed, case, k)
    rows = sorted({*case.structures(k), *case.structures(k, predicted)} & scene.rows)
    rows = [row for row in rows if rng.random() < share]
    truths = [labels == row for row in rows]
    pairs = [_compared(masks == row, truth, row) for row, truth in zip(rows, truths, strict=True)]
    around = [pair.mask if pair.mask.any() else truth for pair, truth in zip(pairs, truths, strict=True)]
    version = Rendering(synthetic=0.0, vary=vary)
    stack = _version(scene, k, spec, version, rng)
    windows = [window_round(mask, case, spec) for mask in around]
    return render_pairs(stack, k, pairs, truths, windows, scene, spec)


def _compared(mask: np.ndarray, truth: np.ndarray, row: int) -> Pair:
    return Pair(mask, row, dice(mask, truth), "real" if mask.any() else "empty")


def _render_some(
    stack: np.ndarray, k: int, pairs: list[Pair], truths: list[np.ndarray], windows: list[Crops],
    scene: Scene, spec: ModelSpec,
) -> Pool:  # fmt: skip
    nominal = Crops.concatenate(windows)
    masks = torch.from_numpy(np.stack([pair.mask for pair in pairs]))
    organs = torch.from_numpy(np.stack(truths))
    shown = model_input(
        scene.stack,
        np.full(len(pairs), k),
        torch.stack((masks, organs), dim=1),
        nominal,
        [pair.structure for pair in pairs],
        spec.input,
        ct=torch.from_numpy(stack)[None],
        room=ROOM,
        normalised=False,
    )
    images = (shown.images.clamp(0, 1) * 255).round().to(torch.uint8)
    assert shown.position is not None, "the dense network takes position features"
    mm2 = scene.case.pixel_mm[0] * scene.case.pixel_mm[1]
    pixel_area = nominal.length.prod(dim=1) / spec.input.size**2  # slice's pixels in one of the window's
    return Pool(
        images=images.numpy(),
        context=shown.position.numpy(),
        structures=np.array([pair.structure for pair in pairs], np.int64),
        targets=_targets(pairs, masks, organs),
        kinds=np.array([KINDS.index(pair.kind) for pair in pairs], np.uint8),
        organ=(organs.sum(dim=(1, 2)) / pixel_area).numpy().astype(np.float32),
        known=np.array([pair.structure in scene.rows for pair in pairs], bool),
        slices=np.full(len(pairs), k, np.int64),
        areas=(masks.sum(dim=(1, 2)) * mm2).numpy().astype(np.float32),
        organs=(organs.sum(dim=(1, 2)) * mm2).numpy().astype(np.float32),
    )  # fmt: skip


def _targets(pairs: list[Pair], masks: Tensor, organs: Tensor) -> np.ndarray:
    """NaN where there is neither mask nor organ."""
    something = (masks | organs).any(dim=2).any(dim=1).numpy()
    return np.where(something, [pair.target for pair in pairs], np.nan).astype(np.float32)


def _version(
    scene: Scene, k: int, spec: ModelSpec, rendering: Rendering, rng: np.random.Generator
) -> np.ndarray:
    """The CT of slice `k` and its neighbours (Z, H, W), painted anew or with other grey values."""
    case = scene.case
    near = scene.stack.with_neighbours(np.array([k]), spec.input)[0]
    # One tall picture, so that an organ has the same grey in all slices.
    ct, labels = case.ct[near], case.labels[near]
    tall = ct.reshape(-1, ct.shape[2]), labels.reshape(-1, ct.shape[2])
    if rng.random() < rendering.synthetic:
        changed = paint(*tall, load_structures(), rng)
    else:
        changed = recolour(*tall, rng) if rendering.vary else tall[0]
    return changed.reshape(ct.shape)


def _beyond_their_end(case: Case, k: int, rng: np.random.Generator) -> Iterator[tuple[Pair, np.ndarray]]:
    """Structures that ended a little further up or down, and the mask round which the window lies: some are
    drawn into slice `k` all the same (Dice 0), some are looked for in it without mask."""
    here = set(case.structures(k))
    first, last = (max(1, round(mm / case.slice_mm)) for mm in BEYOND_MM)
    for step in range(first, last + 1, max(1, round(6.0 / case.slice_mm))):
        for other in (k - step, k + step):
            if not 0 <= other < len(case.labels):
                continue
            for row in sorted(set(case.structures(other)) - here):
                mask, draw = case.labels[other] == row, rng.random()
                if draw < BEYOND_SHARE * (1 if step * case.slice_mm <= 20 else 0):
                    yield Pair(mask, row, 0.0, "beyond its end"), mask
                elif draw > 1 - ABSENT_SHARE / 3:
                    yield Pair(np.zeros_like(mask), row, 1.0, "absent"), mask


def _searched(labels: np.ndarray, row: int) -> Pair:
    return Pair(np.zeros(labels.shape, bool), row, 0.0, "searched")
