"""What the starter model is trained on and towards: rendered pairs, its steps, its objective."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from frozen import sample
from frozen.tables import BOUND, Table, gradients_of, table, tensor_norms, tensor_sums
from segae.data import Segment
from segae.geometry.orientation import orient_array
from segae.inputs.position import POSITION_FEATURES
from segae.inputs.prepare import PreparedSlices, prepare
from segae.inputs.spec import CropRule, InputSpec
from segae.inputs.stack import CTStack
from segae.io.ct import read_ct
from segae.io.readers import read_image
from segae.labels.table import by_index
from segae.models.dense import OLD_KEYS, build
from segae.models.registry import new_spec
from segae.models.spec import ModelSpec
from segae_trainer.data.cohort import Member
from segae_trainer.data.draw_samples import Sampling, draw_slice, varied_stack
from segae_trainer.data.rendering import Patches, crop_of, render_slice
from segae_trainer.data.sample import (
    INVENTED,
    KINDS,
    MISSED,
    ORIENTATION,
    PSEUDO_LABEL,
    LabelledScan,
    Sample,
    box_of,
)
from segae_trainer.data.scan_files import read_labelled_scan
from segae_trainer.train.batches import MixedDraws
from segae_trainer.train.loop import make_optimiser, moving_average
from segae_trainer.train.losses import TrainingModule, dense_loss
from segae_trainer.train.recipes import SEGAE, Phase, Recipe, Schedule
from segae_trainer.train.views import Batch, random_views

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


# What kinds were called when the numbers were frozen.
OLD_KINDS = {PSEUDO_LABEL: "real", INVENTED: "real", MISSED: "empty"}


@dataclass(frozen=True, eq=False)
class Pool:
    """Samples and their patches."""

    samples: list[Sample]
    patches: Patches


def read(folder: Path) -> LabelledScan:
    """The scan of `write_case`."""
    return read_labelled_scan(Member(folder.name, "A", "folds").scan(folder.parent, "train"))[0]


def pool_of(scan: LabelledScan, spec: ModelSpec) -> Pool:
    """All structures of all slices, with errors, misnamed, looked for, half of them on painted CT."""
    sampling, parts = Sampling(painted=0.5, seed=5), []
    for k in range(len(scan.labels)):
        rng = sampling.generator(scan.name, k, 1)
        stack = varied_stack(scan, k, sampling.neighbours_mm, rng, sampling.painted)
        parts.append(_in_old_order(list(draw_slice(scan, k, 1, sampling)), stack, spec))
    return _joined(parts)


def pool_of_network(scan: LabelledScan, predicted: np.ndarray, spec: ModelSpec) -> Pool:
    """Seven tenths of the masks of a network, on CTs with other grey values."""
    sampling, parts = Sampling(seed=6), []
    for k in range(len(scan.labels)):
        rng, labels = sampling.generator(scan.name, k, 1), predicted[k]
        rows = sorted({*scan.structures(k), *(int(row) for row in np.unique(labels) if row)} & scan.known)
        rows = [row for row in rows if rng.random() < 0.7]
        stack = varied_stack(scan, k, sampling.neighbours_mm, rng, 0.0)
        samples = []
        for row in rows:
            mask, organ = labels == row, scan.labels[k] == row
            kind = MISSED if not mask.any() else PSEUDO_LABEL if organ.any() else INVENTED
            around = box_of(mask if mask.any() else organ)
            samples.append(Sample(scan, k, row, mask, kind, "network", 1, around))
        if samples:
            parts.append(_in_old_order(samples, stack, spec))
    return _joined(parts)


def _in_old_order(samples: list[Sample], stack: np.ndarray, spec: ModelSpec) -> Pool:
    """Small crops first."""
    lengths = [float(crop_of(sample, spec.input).length.max()) for sample in samples]
    samples = [samples[place] for place in sorted(range(len(samples)), key=lambda place: lengths[place])]
    return Pool(samples, render_slice(stack, samples, spec.input))


def _joined(parts: Sequence[Pool]) -> Pool:
    samples = [sample for part in parts for sample in part.samples]
    return Pool(samples, Patches.joined(part.patches for part in parts))


def pool_columns(pool: Pool) -> dict[str, Any]:
    """What a pool says of each pair, the images as sums over each channel."""
    patches, samples = pool.patches, pool.samples
    sums = patches.images.astype(np.int64).sum(axis=(2, 3))
    return {
        "slice": np.array([sample.slice for sample in samples], np.int64),
        "structure": patches.structures,
        "kind": [OLD_KINDS.get(KINDS[kind], KINDS[kind]) for kind in patches.kinds],
        "target": patches.targets,
        "known": patches.known,
        "organ": patches.organ,
        "mask_mm2": np.array([sample.square_mm(sample.mask) for sample in samples], np.float32),
        "organ_mm2": np.array([sample.square_mm(sample.truth) for sample in samples], np.float32),
        **{f"sum_{channel}": sums[:, channel] for channel in range(sums.shape[1])},
        **{f"context_{place}": patches.position[:, place] for place in range(patches.position.shape[1])},
    }


def rendered(scan: LabelledScan, mask: np.ndarray, k: int, row: int, spec: ModelSpec) -> Pool:
    """One sample as the patches show it: `mask` (H, W) in slice `k`, said to be structure `row`."""
    near = scan.stack.with_neighbours(np.array([k]), spec.input)[0]
    sample = Sample(scan, k, row, mask, PSEUDO_LABEL, crop_box=box_of(mask))
    return Pool([sample], render_slice(scan.ct[near], [sample], spec.input))


def prepared(folder: Path, masks: np.ndarray, k: int, row: int, spec: ModelSpec) -> PreparedSlices:
    """The same slice as scoring shows it; `masks` (K, H, W) as the case stands."""
    stack = CTStack.of(read_ct(folder / "ct.nii.gz"), spec.input)
    segment = Segment.from_mask("mask", by_index(row), masks, stack.grid)
    (part,) = prepare(replace(stack, file_grid=stack.grid), segment, spec.input, only=[k])
    return part


class Run:
    """A training in float32, whose random views are seeded as when the numbers were frozen."""

    def __init__(self, spec: ModelSpec, recipe: Recipe, seed: int, patches: Patches, first: int) -> None:
        torch.manual_seed(seed)
        self.spec, self.seed, self.patches, self.first, self.step = spec, seed, patches, first, 0
        self.network = build(spec).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.module = TrainingModule(self.network, text_vectors(), recipe).train()
        self.optimiser = make_optimiser(self.module, recipe)
        self.averaged = moving_average(self.network, recipe.average)
        self.schedule = Schedule.of(recipe, 0)
        self.draws = MixedDraws.__new__(MixedDraws)
        self.draws.use(patches.kinds, patches.targets, recipe, seed)

    def advance(self) -> float:
        phase, _ = self.schedule.at(self.step)
        chosen = self.draws.places(self.step, phase.batch)
        draw = torch.Generator().manual_seed(self.seed * 1_000_003 + self.step)
        size = self.spec.input.size // phase.shrink
        # Samples of the first pool stood before those of the second.
        chosen = np.concatenate([chosen[chosen < self.first], chosen[chosen >= self.first]])
        batch = random_views(self.patches.take(chosen), self.spec.input, size, draw)
        for group in self.optimiser.param_groups:
            group["lr"] = self.schedule.learning_rate(self.step)
        loss = self.module(batch).total
        self.optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.module.parameters(), 1.0)
        self.optimiser.step()
        self.averaged.update_parameters(self.network)
        self.step += 1
        return float(loss.detach())


def begin_run(spec: ModelSpec, pools: Sequence[Pool]) -> Run:
    """A training that has made no step."""
    recipe = replace(
        SEGAE, phases=(Phase(STEPS - 1, 12, shrink=2, floor=0.2), Phase(2, 12, peak=0.5)), bfloat16=False
    )
    joined = Patches.joined(pool.patches for pool in pools)
    return Run(spec, recipe, 4, joined, len(pools[0].patches))


def advance(run: Run) -> float:
    """One step; its loss."""
    return run.advance()


def weights_of(run: Run) -> tuple[Mapping[str, Tensor], Mapping[str, Tensor]]:
    """The weights and their moving average."""
    return old_names(run.network.state_dict()), old_names(run.averaged.module.state_dict())


def gradients_of_step(run: Run) -> Mapping[str, Tensor]:
    """The gradients of the last step, clipped."""
    return old_names(gradients_of(run.network))


def random_view(spec: ModelSpec) -> Batch:
    """Six random samples: one of them without Dice, one of a name that the scan has no masks of."""
    shown = spec.input
    draw, size, count = torch.Generator().manual_seed(8), shown.size, 6
    mask, organ = (torch.rand(2, count, size, size, generator=draw) > 0.7).float()
    images = torch.randn(count, shown.channels, size, size, generator=draw)
    images[:, -1] = (mask - shown.mask_mean) / shown.mask_std
    target = torch.rand(count, generator=draw)
    target[2] = torch.nan
    known = torch.arange(count) != 4
    outside = 300 * torch.rand(count, generator=draw)
    position = torch.randn(count, POSITION_FEATURES, generator=draw)
    structures = torch.randint(1, 145, (count,), generator=draw)
    return Batch(images, position, structures, target, mask, organ, outside, known)


def learn_from(batch: Batch, spec: ModelSpec) -> tuple[float, dict[str, Tensor]]:
    """The loss of a seeded network, and the gradient of each tensor."""
    torch.manual_seed(9)
    network = build(spec).train()
    out = network.dense(batch.images, text_vectors()[batch.structures], batch.position)
    value = dense_loss(out, batch)
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
        pairs.append(rendered(case, masks[k], k, row, spec))
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
    image = read_image(folder / "case" / "pred_moved_dap.nii.gz")
    return np.ascontiguousarray(orient_array(image.voxels, image.grid, ORIENTATION), np.uint8)


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
