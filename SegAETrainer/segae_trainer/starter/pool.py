"""Training pairs rendered once: 8-bit pictures a little larger than the network's window, so that they can
still be turned and scaled; their centre is exactly what scoring would show the network."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from segae.errors import InputError
from segae.files import whole_file
from segae.inputs.position import POSITION_FEATURES
from segae.models.spec import ModelSpec
from segae_trainer.data.augmentation import ROOM

_IMAGES = "images.bin"


@dataclass(frozen=True, eq=False)
class Pool:
    """N pairs. `images` (N, channels + 1, P, P) uint8: CT windows, context view, mask and true organ, 0..255.
    `context` (N, POSITION_FEATURES) float32 as for scoring. `structures` (N,): the row of the label table
    that the mask is said to be; `targets` (N,): Dice of the whole slice, NaN where mask and organ are both
    empty; `kinds` (N,): places in `KINDS`. `organ` (N,): area of the organ in the whole slice, in pixels of
    the network's crop; `known` (N,): whether the case has masks of this name, so that what is not marked is
    not the organ. `slices` (N,): the slice; `areas`, `organs` (N,): mm2 of the mask and of the organ."""

    images: np.ndarray
    context: np.ndarray
    structures: np.ndarray
    targets: np.ndarray
    kinds: np.ndarray
    organ: np.ndarray
    known: np.ndarray
    slices: np.ndarray
    areas: np.ndarray
    organs: np.ndarray

    def __len__(self) -> int:
        return len(self.targets)


_TYPES: dict[str, type] = {
    "images": np.uint8, "context": np.float32, "structures": np.int64, "targets": np.float32,
    "kinds": np.uint8, "organ": np.float32, "known": np.bool_, "slices": np.int64, "areas": np.float32,
    "organs": np.float32,
}  # fmt: skip


def picture_size(spec: ModelSpec) -> int:
    """Pixels P along a side of a pool picture."""
    return spec.input.size_with_room(ROOM)


def empty_pool(spec: ModelSpec) -> Pool:
    """No pairs."""
    size = picture_size(spec)
    shapes = {"images": (0, spec.input.channels + 1, size, size), "context": (0, POSITION_FEATURES)}
    return Pool(**{name: np.zeros(shapes.get(name, (0,)), kind) for name, kind in _TYPES.items()})


def concatenate(pools: Iterable[Pool]) -> Pool:
    """All pairs one after the other; at least one pool."""
    parts = list(pools)
    return Pool(*(np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(Pool)))


def subset(pool: Pool, index: np.ndarray) -> Pool:
    """The pairs at `index`, an array of positions or a boolean one."""
    return Pool(*(np.asarray(getattr(pool, f.name))[index] for f in fields(Pool)))


def write_pool(parts: Iterable[Pool], folder: Path) -> None:
    """Write parts as they come to `folder`, which appears when it is whole: pictures are mapped from the disk
    when they are used. Raises `InputError` when there is no pair, `OutputError` when the disk is full."""
    growing = folder.with_name(folder.name + ".part")
    shutil.rmtree(growing, ignore_errors=True)
    growing.mkdir(parents=True)
    small: list[dict[str, np.ndarray]] = []
    shape: tuple[int, ...] = ()
    with whole_file(growing / _IMAGES) as stream:
        for part in parts:
            stream.write(part.images.tobytes())
            small.append({f.name: getattr(part, f.name) for f in fields(Pool) if f.name != "images"})
            shape = part.images.shape[1:]
    if not sum(len(part["targets"]) for part in small):
        raise InputError(
            f'There is nothing to learn in "{folder}": no structure in any slice; check the case.'
        )
    arrays = {name: np.concatenate([part[name] for part in small]) for name in small[0]}
    with whole_file(growing / "pairs.npz") as stream:
        np.savez(stream, allow_pickle=False, shape=np.array(shape), **arrays)
    growing.rename(folder)


def read_pool(folder: Path) -> Pool:
    """What `write_pool` wrote, the pictures mapped. Raises `InputError` when it is not there."""
    if not (folder / "pairs.npz").is_file():
        raise InputError(f'There is no pool "{folder}"; run the stage "pools" first.')
    with np.load(folder / "pairs.npz") as arrays:
        small = {name: arrays[name] for name in _TYPES if name != "images"}
        shape = (len(small["targets"]), *arrays["shape"])
    return Pool(images=np.memmap(folder / _IMAGES, np.uint8, "r", shape=shape), **small)


class Pools:
    """Several pools as one, without copying pictures."""

    def __init__(self, pools: Iterable[Pool]) -> None:
        self.pools = tuple(pools)
        self._starts = np.cumsum([0, *map(len, self.pools)])
        self.kinds, self.targets, self.structures = (
            np.concatenate([getattr(pool, name) for pool in self.pools])
            for name in ("kinds", "targets", "structures")
        )

    def __len__(self) -> int:
        return int(self._starts[-1])

    def batch(self, index: np.ndarray) -> Pool:
        """The pairs at positions `index`, grouped by pool."""
        return concatenate(self._parts(index))

    def _parts(self, index: np.ndarray) -> Iterator[Pool]:
        place = np.searchsorted(self._starts, index, side="right") - 1
        for at in np.unique(place):
            yield subset(self.pools[at], index[place == at] - self._starts[at])
