"""From samples to patches: 8-bit images a little larger than the network's crop, so that they can still be
turned and scaled; their centre is what scoring shows the network.

A cached data set holds the patches of a training set's rows, one folder for each scan and source. The name of
the folder says what its content depends on, so that several training sets can share one cache.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, fields, replace
from functools import lru_cache, partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from segae.files import whole_file, write_json
from segae.inputs.build import model_input
from segae.inputs.crops import Crops, crops_around
from segae.inputs.position import POSITION_FEATURES
from segae.inputs.spec import InputSpec
from segae.progress import Watch
from segae_trainer.data.draw_samples import Sampling, ct_stack, varied_stack
from segae_trainer.data.sample import KINDS, PREDICTED, LabelledScan, Sample
from segae_trainer.data.training_set import TrainingSet, n_bytes

ROOM = 1.25  # side of a patch / side of the crop that the network sees
_AT_ONCE = 24  # patches; the largest crop of them says how much is read for all
_PART = 256  # samples of one task of a process
_IMAGES, _ARRAYS = "images.bin", "arrays.npz"


@dataclass(frozen=True, eq=False)
class Patches:
    """N samples. `images` (N, channels + 1, P, P) uint8: CT channels, context view, mask and true organ,
    0..255. `position` (N, P) float32: position features as for scoring. `structures` (N,): label indices;
    `targets` (N,): Dice of the whole slice, NaN where mask and organ are both empty; `kinds` (N,): places in
    `KINDS`. `organ` (N,): area of the organ in the whole slice, in pixels of the network's crop; `known`
    (N,): whether the scan has masks of this name, so that what is not marked is not the organ."""

    images: np.ndarray
    position: np.ndarray
    structures: np.ndarray
    targets: np.ndarray
    kinds: np.ndarray
    organ: np.ndarray
    known: np.ndarray

    def __len__(self) -> int:
        return len(self.targets)

    def take(self, index: np.ndarray) -> Patches:
        """The patches at `index`, an array of places or a boolean one."""
        return Patches(*(np.asarray(getattr(self, f.name))[index] for f in fields(Patches)))

    @classmethod
    def joined(cls, parts: Iterable[Patches]) -> Patches:
        """All patches one after the other; at least one part."""
        several = list(parts)
        return cls(*(np.concatenate([getattr(part, f.name) for part in several]) for f in fields(cls)))


_TYPES: dict[str, type] = {
    "images": np.uint8, "position": np.float32, "structures": np.int64, "targets": np.float32,
    "kinds": np.uint8, "organ": np.float32, "known": np.bool_,
}  # fmt: skip


def patch_size(spec: InputSpec) -> int:
    """Pixels P along a side of a patch."""
    return spec.size_with_room(ROOM)


def no_patches(spec: InputSpec) -> Patches:
    """An empty set of patches."""
    size = patch_size(spec)
    shapes = {"images": (0, spec.channels + 1, size, size), "position": (0, POSITION_FEATURES)}
    return Patches(**{name: np.zeros(shapes.get(name, (0,)), kind) for name, kind in _TYPES.items()})


def render(samples: Sequence[Sample], spec: InputSpec, sampling: Sampling | None = None) -> Patches:
    """The patches of samples, in their order. With `sampling` each sample is shown on the variant of the CT
    that it was drawn for, without on the CT itself."""
    groups: dict[tuple[int, int, int, bool], list[int]] = {}
    for place, sample in enumerate(samples):
        variant = sample.variant if sampling is not None else 0
        key = (id(sample.scan), sample.slice, variant, sample.kind in PREDICTED)
        groups.setdefault(key, []).append(place)
    parts, order = [no_patches(spec)], []
    for (_, k, variant, predicted), places in groups.items():
        scan = samples[places[0]].scan
        stack = ct_stack(scan, k, spec.neighbours_mm)[0]
        if sampling is not None and variant:
            rng = sampling.generator(scan.name, k, variant)
            stack = varied_stack(scan, k, spec.neighbours_mm, rng, 0.0 if predicted else sampling.painted)
        parts.append(render_slice(stack, [samples[place] for place in places], spec))
        order += places
    return Patches.joined(parts).take(np.argsort(np.array(order, int)))


def render_slice(stack: np.ndarray, samples: Sequence[Sample], spec: InputSpec) -> Patches:
    """The patches of samples of one slice, in their order, whose CT with its neighbours is `stack`
    (Z, H, W)."""
    crops = [crop_of(sample, spec) for sample in samples]
    order = sorted(range(len(samples)), key=lambda place: float(crops[place].length.max()))
    parts = [no_patches(spec)]
    for start in range(0, len(order), _AT_ONCE):
        chosen = order[start : start + _AT_ONCE]
        parts.append(
            _render_some(
                stack, [samples[place] for place in chosen], [crops[place] for place in chosen], spec
            )
        )
    return Patches.joined(parts).take(np.argsort(np.array(order, int)))


def crop_of(sample: Sample, spec: InputSpec) -> Crops:
    """The network's crop of a sample: round its box, or round the whole body."""
    scan = sample.scan
    if sample.crop_box is None:
        return body_crop(scan, sample.slice)
    top, bottom, left, right = sample.crop_box
    box = torch.tensor([[top, bottom - 1, left, right - 1]])
    height, width = scan.ct.shape[1:]
    return crops_around(box, spec.crop, height, width, scan.pixel_mm)


def body_crop(scan: LabelledScan, k: int) -> Crops:
    """A square round the whole body in slice `k`."""
    return scan.stack.body_crops(np.array([k]))


def _render_some(
    ct: np.ndarray, samples: Sequence[Sample], crops: Sequence[Crops], spec: InputSpec
) -> Patches:
    scan, k = samples[0].scan, samples[0].slice
    crop = Crops.concatenate(crops)
    masks = torch.from_numpy(np.stack([sample.mask for sample in samples]))
    organs = torch.from_numpy(np.stack([sample.truth for sample in samples]))
    structures = [sample.structure for sample in samples]
    seen = model_input(
        scan.stack, np.full(len(samples), k), torch.stack((masks, organs), dim=1), crop, structures,
        replace(spec, position_features=True), ct=torch.from_numpy(ct)[None], room=ROOM, normalised=False,
    )  # fmt: skip
    assert seen.position is not None
    pixel_area = crop.length.prod(dim=1) / spec.size**2  # slice's pixels in one of the crop's
    return Patches(
        images=(seen.images.clamp(0, 1) * 255).round().to(torch.uint8).numpy(),
        position=seen.position.numpy(),
        structures=seen.structures.numpy(),
        targets=_dice(masks, organs),
        kinds=np.array([KINDS.index(sample.kind) for sample in samples], np.uint8),
        organ=(organs.sum(dim=(1, 2)) / pixel_area).numpy().astype(np.float32),
        known=np.array([sample.known for sample in samples], bool),
    )


def _dice(masks: Tensor, organs: Tensor) -> np.ndarray:
    """NaN where there is neither mask nor organ."""
    total = (masks.sum(dim=(1, 2)) + organs.sum(dim=(1, 2))).double()
    overlap = (masks & organs).sum(dim=(1, 2)).double()
    return torch.where(total > 0, 2 * overlap / total, torch.nan).float().numpy()


class PatchCache:
    """The patches of some rows of a training set, mapped from the disk."""

    def __init__(self, parts: Sequence[tuple[np.ndarray, Patches]]) -> None:
        self._parts = [patches for _, patches in parts]
        self._part = np.concatenate([np.full(len(rows), place) for place, (rows, _) in enumerate(parts)])
        self._place = np.concatenate([np.arange(len(rows)) for rows, _ in parts])
        rows = np.concatenate([rows for rows, _ in parts])
        self._order = np.argsort(rows)
        self._rows = rows[self._order]

    def patches(self, rows: np.ndarray) -> Patches:
        """The patches of `rows`, in their order; all must be in the cache."""
        found = self._order[np.searchsorted(self._rows, rows)]
        part, place = self._part[found], self._place[found]
        numbers = np.unique(part)
        chosen = Patches.joined(self._parts[number].take(place[part == number]) for number in numbers)
        order = np.concatenate([np.flatnonzero(part == number) for number in numbers])
        return chosen.take(np.argsort(order))


def fill_cache(
    training_set: TrainingSet, rows: np.ndarray, spec: InputSpec, folder: Path,
    *, workers: int = 1, watch: Watch | None = None,
) -> PatchCache:  # fmt: skip
    """Render `rows` of a training set into `folder`, each on its variant of the CT; what lies there is not
    rendered again. `workers` processes share the work. Raises `OutputError` when the disk is full, and
    `Cancelled`."""
    watch, table = watch or Watch(), training_set.table
    groups = _groups(table, rows)
    names = {key: _name(training_set, group, spec) for key, group in groups.items()}
    missing = {key: group for key, group in groups.items() if not (folder / names[key]).is_dir()}
    total, done = sum(map(len, missing.values())), 0
    task = partial(_rendered, training_set.folder, spec)
    with _Mapper(workers) as run:
        for key, group in missing.items():
            parts = [group[start : start + _PART] for start in range(0, len(group), _PART)]
            for part in _written(run(task, parts), folder / names[key]):
                done += part
                watch.step("rendering", done, total)
    return PatchCache([(group, _read(folder / names[key])) for key, group in groups.items()])


def _groups(table: np.ndarray, rows: np.ndarray) -> dict[tuple[int, int], np.ndarray]:
    """Rows by scan and source, each group in the order of the table."""
    rows = np.sort(rows)
    keys = np.column_stack([table["scan"][rows], table["source"][rows]]).astype(int)
    found, place = np.unique(keys, axis=0, return_inverse=True)
    return {
        (int(scan), int(source)): rows[place.ravel() == number] for number, (scan, source) in enumerate(found)
    }


def _name(training_set: TrainingSet, rows: np.ndarray, spec: InputSpec) -> str:
    """Name of a folder of the cache, from all that its content depends on."""
    table = training_set.table[rows]
    scan = training_set.scans[int(table["scan"][0])]
    digest = hashlib.sha256()
    described = {
        "input": asdict(spec),
        "sampling": training_set.sampling.as_json(),
        "scan": asdict(scan) | {"split": ""},
    }
    digest.update(json.dumps(described, sort_keys=True).encode())
    columns = (
        "slice",
        "structure",
        "kind",
        "variant",
        "dice",
        "overlap",
        "mask_pixels",
        "crop_box",
        "mask_box",
    )
    for column in columns:
        digest.update(np.ascontiguousarray(table[column]).tobytes())
    for box, at in zip(table["mask_box"], table["mask_at"].tolist(), strict=True):
        digest.update(training_set.bits[at : at + n_bytes(box)].tobytes())
    return f"{scan.name}-{digest.hexdigest()[:24]}"


def _rendered(folder: Path, spec: InputSpec, rows: np.ndarray) -> Patches:
    training_set = _opened(folder)
    return render(training_set.samples(rows), spec, training_set.sampling)


@lru_cache(maxsize=1)
def _opened(folder: Path) -> TrainingSet:
    """Opened once in each process: a scan's outline is measured once, too."""
    return TrainingSet.open(folder)


class _Mapper:
    """`map` in this process or in several, as a context."""

    def __init__(self, workers: int) -> None:
        self._pool = None
        if workers > 1:
            self._pool = ProcessPoolExecutor(
                workers, mp_context=get_context("spawn"), initializer=torch.set_num_threads, initargs=(1,)
            )

    def __enter__(self) -> Callable[..., Iterator[Patches]]:
        return map if self._pool is None else self._pool.map

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)


def _written(parts: Iterator[Patches], folder: Path) -> Iterator[int]:
    """Write parts as they come to `folder`, which appears when it is whole; yields how many patches each
    has."""
    growing = folder.with_name(folder.name + ".part")
    shutil.rmtree(growing, ignore_errors=True)
    growing.mkdir(parents=True)
    small: list[dict[str, np.ndarray]] = []
    shape: tuple[int, ...] = ()
    with whole_file(growing / _IMAGES) as stream:
        for part in parts:
            stream.write(part.images.tobytes())
            small.append({f.name: getattr(part, f.name) for f in fields(Patches) if f.name != "images"})
            shape = part.images.shape[1:]
            yield len(part)
    arrays = {name: np.concatenate([part[name] for part in small]) for name in small[0]}
    with whole_file(growing / _ARRAYS) as stream:
        np.savez(stream, allow_pickle=False, **arrays)
    write_json(list(shape), growing / "shape.json")
    growing.rename(folder)


def _read(folder: Path) -> Patches:
    shape = json.loads((folder / "shape.json").read_text(encoding="utf-8"))
    with np.load(folder / _ARRAYS) as arrays:
        small = {name: arrays[name] for name in _TYPES if name != "images"}
    images = np.memmap(folder / _IMAGES, np.uint8, "r", shape=(len(small["targets"]), *shape))
    return Patches(images=images, **small)
