"""What the starter model is trained on and towards: rendered pairs, its steps, its objective."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from frozen import sample
from frozen.tables import BOUND, Table, gradients_of, table, tensor_norms, tensor_sums
from segae.data import Segment
from segae.inputs.position import POSITION_FEATURES
from segae.inputs.prepare import PreparedSlices, prepare
from segae.inputs.spec import CropRule, InputSpec
from segae.inputs.stack import CTStack
from segae.io.ct import read_ct
from segae.labels.table import by_index
from segae.models.dense import OLD_KEYS, build
from segae.models.registry import new_spec
from segae.models.spec import ModelSpec
from segae_trainer.data.mask_measures import dice
from segae_trainer.starter.cases import Case, read_case
from segae_trainer.starter.objective import objective
from segae_trainer.starter.pairs import KINDS, Pair
from segae_trainer.starter.pool import Pool, Pools, concatenate
from segae_trainer.starter.rendering import (
    Rendering,
    render_case,
    render_masks,
    render_pairs,
    scene_of,
    window_round,
)
from segae_trainer.starter.training import Recipe, Run
from segae_trainer.starter.views import View

TEXT_DIM = 16
STEPS = 3  # two on small pictures, one on whole ones

# --- calls into the product ------------------------------------------------------------------------------


def small_spec() -> ModelSpec:
    """As the starter model, but with a small window and a thin network."""
    crop = CropRule("context", scale=1.35, millimetres=70.0)
    shown = InputSpec(
        size=32, crop=crop, neighbours_mm=(-6.0, 6.0), context_view=4.0, position_features=True
    )  # fmt: skip
    return new_spec("tiny", "segae-dense", "small", TEXT_DIM, input=shown)


def read(folder: Path) -> Case:
    """The case of `write_case`."""
    return read_case(folder)


def pool_of(case: Case, spec: ModelSpec) -> Pool:
    """All structures of all slices, degraded, misnamed, looked for, half of them on painted CT."""
    return concatenate(render_case(case, spec, Rendering(repeats=1, synthetic=0.5), seed=5))


def pool_of_network(case: Case, predicted: np.ndarray, spec: ModelSpec) -> Pool:
    """The masks of a network."""
    return concatenate(render_masks(case, predicted, spec, 0.7, True, seed=6))


def pool_columns(pool: Pool) -> dict[str, Any]:
    """What a pool says of each pair, the images as sums over each channel."""
    sums = pool.images.astype(np.int64).sum(axis=(2, 3))
    return {
        "slice": pool.slices,
        "structure": pool.structures,
        "kind": [KINDS[kind] for kind in pool.kinds],
        "target": pool.targets,
        "known": pool.known,
        "organ": pool.organ,
        "mask_mm2": pool.areas,
        "organ_mm2": pool.organs,
        **{f"sum_{channel}": sums[:, channel] for channel in range(sums.shape[1])},
        **{f"context_{place}": pool.context[:, place] for place in range(pool.context.shape[1])},
    }


def rendered(case: Case, mask: np.ndarray, organ: np.ndarray, k: int, row: int, spec: ModelSpec) -> Pool:
    """One pair as the pools show it: `mask` (H, W) in slice `k`, said to be structure `row`, whose true mask
    is `organ`."""
    pair = Pair(mask, row, dice(mask, organ), "real")
    scene = scene_of(case)
    near = scene.stack.with_neighbours(np.array([k]), spec.input)[0]
    return render_pairs(case.ct[near], k, [pair], [organ], [window_round(mask, case, spec)], scene, spec)


def prepared(folder: Path, masks: np.ndarray, k: int, row: int, spec: ModelSpec) -> PreparedSlices:
    """The same slice as scoring shows it; `masks` (K, H, W) as the case stands."""
    stack = CTStack.of(read_ct(folder / "ct.nii.gz"), spec.input)
    segment = Segment.from_mask("mask", by_index(row), masks, stack.grid)
    (part,) = prepare(replace(stack, file_grid=stack.grid), segment, spec.input, only=[k])
    return part


def begin_run(spec: ModelSpec, pools: Sequence[Pool]) -> Run:
    """A training in float32 that has made no step."""
    recipe = Recipe(
        small_steps=STEPS - 1, full_steps=2, small_batch=12, full_batch=12, bfloat16=False, seed=4
    )  # fmt: skip
    return Run(spec, recipe, text_vectors(), Pools(pools))


def advance(run: Run) -> float:
    """One step; its loss."""
    return run.advance()


def weights_of(run: Run) -> tuple[Mapping[str, Tensor], Mapping[str, Tensor]]:
    """The weights and their moving average."""
    return old_names(run.network.state_dict()), old_names(run.average)


def gradients_of_step(run: Run) -> Mapping[str, Tensor]:
    """The gradients of the last step, clipped."""
    return old_names(gradients_of(run.network))


def random_view(spec: ModelSpec) -> View:
    """Six random pairs: one of them without Dice, one of a name that the case has no masks of."""
    shown = spec.input
    draw, size, count = torch.Generator().manual_seed(8), shown.size, 6
    mask, organ = (torch.rand(2, count, size, size, generator=draw) > 0.7).float()
    images = torch.randn(count, shown.channels, size, size, generator=draw)
    images[:, -1] = (mask - shown.mask_mean) / shown.mask_std
    target = torch.rand(count, generator=draw)
    target[2] = torch.nan
    known = torch.arange(count) != 4
    outside = 300 * torch.rand(count, generator=draw)
    context = torch.randn(count, POSITION_FEATURES, generator=draw)
    structures = torch.randint(1, 145, (count,), generator=draw)
    return View(images, context, mask, organ, outside, target, known, structures)


def learn_from(view: View, spec: ModelSpec) -> tuple[float, dict[str, Tensor]]:
    """The objective of a seeded network, and the gradient of each tensor."""
    torch.manual_seed(9)
    network = build(spec).train()
    out = network.dense(view.images, text_vectors()[view.structures], view.context)
    value = objective(out, view)
    value.backward()
    return float(value.detach()), old_names(gradients_of(network))


def old_names(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors under the names that parameters had when the numbers were frozen."""
    old = {new: old for old, new in OLD_KEYS.items()}
    renamed = {}
    for key, value in tensors.items():
        new = next((prefix for prefix in sorted(old, key=len, reverse=True) if key.startswith(prefix)), "")
        renamed[old.get(new, "") + key.removeprefix(new)] = value
    return renamed


# ---------------------------------------------------------------------------------------------------------

FIRST, SLICES = 15, 4
LIVER, AORTA, T12, SPLEEN = 13, 114, 61, 26
# Slice of the case, structure, and by how many pixels its true mask is moved to be the one that is shown.
SHOWN = ((0, LIVER, 0), (1, SPLEEN, 2), (2, AORTA, 1), (3, T12, 3), (3, LIVER, 5))


def pool_numbers(folder: Path) -> dict[str, Table]:
    """A tiny pool; some pairs as the pools and as scoring show them."""
    spec, case, predicted = small_spec(), read(write_case(folder)), predicted_labels(folder)
    pools = {
        "pool": pool_of(case, spec),
        "pool of network masks": pool_of_network(case, predicted, spec),
    }
    pairs, scored = [], []
    for k, row, pixels in SHOWN:
        organs = case.labels == row
        masks = np.roll(organs, pixels, axis=2)
        pairs.append(rendered(case, masks[k], organs[k], k, row, spec))
        scored.append(prepared(folder / "case", masks, k, row, spec))
    columns = [pool_columns(pair) for pair in pairs]
    return {
        **{name: _by_pair(pool) for name, pool in pools.items()},
        "rendered": table(columns[0], ([values[0] for values in one.values()] for one in columns)),
        "prepared": _prepared_table(scored),
    }


def step_numbers(folder: Path) -> dict[str, Table]:
    """Three steps of a training on these pools."""
    spec, case, predicted = small_spec(), read(write_case(folder)), predicted_labels(folder)
    run = begin_run(spec, [pool_of(case, spec), pool_of_network(case, predicted, spec)])
    first = advance(run)
    numbers = {
        "loss": table(("loss",), [(first,)]),
        "gradients": tensor_norms(gradients_of_step(run)),
    }
    losses = [first]
    for step in range(1, STEPS + 1):
        if step > 1:
            losses.append(advance(run))
        if step in (1, STEPS):
            own, average = weights_of(run)
            numbers[f"weights after {step}{BOUND}"] = tensor_sums(own)
            numbers[f"average after {step}{BOUND}"] = tensor_sums(average)
    numbers[f"losses after 1{BOUND}"] = table(("step", "loss"), list(enumerate(losses, start=1))[1:])
    return numbers


def objective_numbers(_: Path) -> dict[str, Table]:
    """The objective of a random view, and its gradient."""
    spec = small_spec()
    value, gradients = learn_from(random_view(spec), spec)
    whole = sum(one.double().square().sum() for one in gradients.values()) ** 0.5
    return {
        "objective": table(("objective", "gradient_norm"), [(value, whole)]),
        "gradients": tensor_norms(gradients),
    }


def text_vectors() -> Tensor:
    """Vectors of the names (145, TEXT_DIM)."""
    return torch.randn(145, TEXT_DIM, generator=torch.Generator().manual_seed(0))


def write_case(folder: Path) -> Path:
    """A few slices of the sample with their labels, and labels moved by a pixel as a network's."""
    case, labels = folder / "case", sample.label_map()
    case.mkdir(parents=True)
    sample.write_slices(sample.ct_array(), FIRST, SLICES, case / "ct.nii.gz")
    sample.write_slices(labels, FIRST, SLICES, case / "labels_dap.nii.gz")
    sample.write_slices(np.roll(labels, 1, axis=2), FIRST, SLICES, case / "pred_moved_dap.nii.gz")
    return case


def predicted_labels(folder: Path) -> np.ndarray:
    return read(folder / "case").predictions["moved"]


def _by_pair(pool: Pool) -> Table:
    columns = pool_columns(pool)
    return table(columns, zip(*columns.values(), strict=True))


def _prepared_table(parts: Sequence[PreparedSlices]) -> Table:
    rows = []
    for part in parts:
        assert part.input.position is not None
        sums = part.input.images[0].double().sum(dim=(1, 2)).tolist()
        rows.append(
            (*sums, *part.input.position[0].tolist(), *part.areas_mm2, *part.pixels_mm2, *part.centres[0])
        )
    names = [f"sum_{channel}" for channel in range(parts[0].input.images.shape[1])]
    names += [f"context_{place}" for place in range(POSITION_FEATURES)]
    return table((*names, "area_mm2", "pixel_mm2", "x", "y", "z"), rows)
