"""The steps from scans to a trained network; what lies in the work folder is not done again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from safetensors.torch import load_file, save
from torch import Tensor

from segae.errors import InputError
from segae.files import whole_file
from segae.labels.table import load_structures
from segae.models.checkpoint import Checkpoint
from segae.progress import Watch
from segae_trainer.pseudo_labels.small_unet import by_others, cross_fitted, read_masks, write_masks
from segae_trainer.starter.pairs import KINDS
from segae_trainer.starter.plan import Plan
from segae_trainer.starter.pool import Pool, Pools, read_pool, write_pool
from segae_trainer.starter.rendering import (
    AS_IT_IS,
    Rendering,
    Scene,
    render_case,
    render_masks,
    scene_of,
)
from segae_trainer.starter.training import train
from segae_trainer.train.text_vectors import name_vectors

SUITE_SEED = 1  # added to the seed: suites are not the pairs trained on
_NOT_OWN = ("wrong name", "absent", "searched")


def render_pools(plan: Plan, watch: Watch | None = None) -> None:
    """The pairs of each case, as it is and on coarser pixels, and its suite of degraded masks."""
    seed = plan.recipe.seed
    for member in plan.cohort.training():
        wanted = [
            (member.case, plan.rendering(member), seed),
            (f"{member.case}-suite", AS_IT_IS, seed + SUITE_SEED),
        ]
        if member.coarse:
            wanted.append((f"{member.case}-coarse", Rendering(plan.coarse_repeats, coarse=True), seed))
        missing = [item for item in wanted if not plan.pool(item[0]).is_dir()]
        case = member.read(plan.data) if missing else None
        for name, rendering, seed_of in missing:
            assert case is not None
            parts = render_case(case, plan.spec, rendering, seed_of, workers=plan.workers, watch=watch)
            write_pool(parts, plan.pool(name))


def make_masks(plan: Plan, training: str, watch: Watch | None = None) -> None:
    """Masks of small networks: of the cases of a training on slices that their network has not seen, and
    their pairs; and of the patient kept back by a network that saw all the others."""
    taught = {member.case: scene_of(member.read(plan.data)) for member in plan.taught(training)}
    tested = {member.case: scene_of(member.read(plan.data)) for member in plan.tested(training)}
    folder = plan.masks(training, "").parent
    if not all(plan.masks(training, case).is_file() for case in taught):
        write_masks(cross_fitted(tuple(taught.values()), plan.segmenter, watch), folder)
    if not all(plan.masks(training, case).is_file() for case in tested):
        write_masks(by_others(tuple(taught.values()), tuple(tested.values()), plan.segmenter, watch), folder)
    for name, scene in taught.items():
        pool = plan.pool(f"{training}-{name}")
        if not pool.is_dir():
            write_pool(_network_pairs(plan, training, scene, watch), pool)


def _network_pairs(plan: Plan, training: str, scene: Scene, watch: Watch | None) -> Iterator[Pool]:
    for step, masks in read_masks(plan.masks(training, scene.case.name)).items():
        seed = plan.recipe.seed + step
        yield from render_masks(
            scene.case,
            masks,
            plan.spec,
            plan.network_share,
            True,
            seed,
            workers=plan.workers,
            watch=watch,
        )


def train_network(plan: Plan, training: str, watch: Watch | None = None) -> Checkpoint:
    """Train, or go on, or hand back what was trained."""
    recipe = plan.recipe.shortened(plan.fold_share) if plan.tested(training) else plan.recipe
    folder = plan.folder(training)
    return train(
        training_pools(plan, training), plan.spec, recipe, text_vectors(plan.work), folder, watch=watch
    )


def training_pools(plan: Plan, training: str) -> Pools:
    """Everything that a training learns from. Raises `InputError` for pools of another kind of model."""
    names = []
    for member in plan.taught(training):
        names += [member.case, f"{training}-{member.case}"]
        names += [f"{member.case}-coarse"] if member.coarse else []
    pools = Pools(read_pool(plan.pool(name)) for name in names)
    if any(pool.images.shape[1] != plan.spec.input.channels + 1 for pool in pools.pools):
        raise InputError(
            f'The pools in "{plan.pool("")}" were made for a model with other channels; choose another work '
            "folder or remove this one."
        )
    return pools


def trained_rows(plan: Plan, training: str) -> tuple[int, ...]:
    """The structures whose masks a training has seen under their own name."""
    pools = [read_pool(plan.pool(member.case)) for member in plan.taught(training)]
    others = [KINDS.index(kind) for kind in _NOT_OWN]
    rows = [np.unique(pool.structures[~np.isin(pool.kinds, others)]) for pool in pools]
    return tuple(sorted({int(row) for found in rows for row in found}))


def text_vectors(work: Path) -> Tensor:
    """A vector for every row of the label table (145, D), made once."""
    path = work / "names.safetensors"
    if not path.is_file():
        with whole_file(path) as stream:
            stream.write(save({"names": name_vectors(load_structures())}))
    return load_file(path)["names"]
