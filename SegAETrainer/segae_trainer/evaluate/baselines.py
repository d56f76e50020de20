"""What simple features say about a mask, so that everyone sees what the image and the network add.

A model that is worth less than they are was badly trained.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import numpy as np
from scipy import ndimage

from segae.errors import InputError, ModelError, way
from segae.geometry.box import Box
from segae.models.quality_model import QualityModel
from segae.progress import Watch
from segae_trainer.data.sample import Sample, Samples
from segae_trainer.data.synthetic_errors import equivalent_radius, inscribed_radius
from segae_trainer.data.training_set import TrainingSet
from segae_trainer.evaluate.methods import Estimates, NetworkMethod, on_filled
from segae_trainer.evaluate.metrics import mae
from segae_trainer.evaluate.suites import training_samples

INTENSITY_FEATURES = (
    "mean", "deviation", "5 %", "25 %", "50 %", "75 %", "95 %", "rim outside", "contrast", "edge", "outliers",
)  # fmt: skip
_BORDER = 3  # pixels to each side of the border
_OUTLIER = 100.0  # HU from the median


def intensity_features(sample: Sample) -> np.ndarray:
    """The values (11,) of `NAMES` in HU for a mask that is not empty.

    Contrast is the mean within three pixels inside the border minus that within three outside; edge the mean
    size of the gradient (HU per pixel) along the border; outliers the share of pixels more than 100 HU from
    the median.
    """
    part = Box.of_mask(sample.mask).widened(_BORDER + 2, sample.mask.shape).slices
    mask, ct = sample.mask[part], sample.ct[part].astype(np.float32)
    inside = ct[mask]
    inner = mask & ~np.asarray(ndimage.binary_erosion(mask, iterations=_BORDER), bool)
    outer = np.asarray(ndimage.binary_dilation(mask, iterations=_BORDER), bool) & ~mask
    border = mask & ~np.asarray(ndimage.binary_erosion(mask), bool)
    outside = float(ct[outer].mean()) if outer.any() else float(inside.mean())
    gradient = np.hypot(ndimage.sobel(ct, axis=0), ndimage.sobel(ct, axis=1)) / 8
    return np.array(
        [
            inside.mean(),
            inside.std(),
            *np.percentile(inside, [5, 25, 50, 75, 95]),
            outside,
            float(ct[inner].mean()) - outside,
            gradient[border].mean(),
            (np.abs(inside - np.median(inside)) > _OUTLIER).mean(),
        ]
    )


MASK_FEATURES = (
    "area", "components", "largest component", "holes", "hole area", "compactness", "roughness", "width",
    "aspect", "filling", "row", "column", "slice", "mean row", "mean column",
)  # fmt: skip
_RIM = 3  # pixels kept round the mask, so that outline and holes are whole


def mask_features(sample: Sample) -> np.ndarray:
    """The values (15,) of `NAMES` for a mask that is not empty; mm where a length is meant.

    Compactness is 4 pi area / outline^2, about 1 for a disc; roughness the share of pixels that an opening by
    a 3 x 3 cross removes; width the largest inscribed radius against that of the disc of equal area; filling
    the share of its box that the mask fills. Places are shares of the image, and of the stack of slices.
    """
    mask, (top, left) = _cut(sample.mask)
    pixel = sample.scan.pixel_mm[0] * sample.scan.pixel_mm[1]
    n = int(mask.sum())
    labels, components = _components(mask)
    largest = int(np.bincount(labels.ravel())[1:].max())
    filled = np.asarray(ndimage.binary_fill_holes(mask), bool)
    _, n_holes = _components(filled & ~mask)
    rows, columns = np.nonzero(mask)
    height, width = (int(np.ptp(places)) + 1 for places in (rows, columns))
    whole_rows, whole_columns = sample.mask.shape
    row, column = (top + rows.mean()) / whole_rows, (left + columns.mean()) / whole_columns
    opened = int(np.asarray(ndimage.binary_opening(mask)).sum())
    return np.array(
        [
            np.log(n * pixel),
            components,
            largest / n,
            n_holes,
            (int(filled.sum()) - n) / n,
            4 * np.pi * n / _outline(mask) ** 2,
            1 - opened / n,
            inscribed_radius(mask) / equivalent_radius(mask),
            height / width,
            n / (height * width),
            row,
            column,
            sample.slice / max(len(sample.scan.ct) - 1, 1),
            abs(row - 0.5),
            abs(column - 0.5),
        ]
    )


def _cut(mask: np.ndarray) -> tuple[np.ndarray, tuple[int, int]]:
    """The part of the mask's box with a rim of background on each side, and where it begins."""
    box = Box.of_mask(mask)
    top, left = box.start
    return np.pad(mask[box.slices], _RIM), (top - _RIM, left - _RIM)


def _components(mask: np.ndarray) -> tuple[np.ndarray, int]:
    """Numbered components that touch along edges, and how many there are."""
    labels = np.zeros(mask.shape, np.int32)
    return labels, int(ndimage.label(mask, output=labels))  # type: ignore[call-overload]


def _outline(mask: np.ndarray) -> float:
    """Length of the border in pixels: edges between inside and outside, corners cut (times pi / 4), which is
    right on average over all directions of a straight border."""
    edges = sum(int(np.abs(np.diff(mask.astype(np.int8), axis=axis)).sum()) for axis in (0, 1))
    return np.pi / 4 * edges


Features = Callable[[Sample], np.ndarray]
MOST_PAIRS = 20_000
SEED = 2026


def both_features(sample: Sample) -> np.ndarray:
    """Mask features, then those of the intensity."""
    return np.concatenate((mask_features(sample), intensity_features(sample)))


BASELINES: Mapping[str, Features] = MappingProxyType(
    {
        "mask features": mask_features,
        "intensity": intensity_features,
        "mask features + intensity": both_features,
    }
)


class FeatureRegressor:
    """`features` of a mask and its name (as a category) -> Dice."""

    def __init__(self, name: str, features: Features, seed: int = SEED) -> None:
        from sklearn.ensemble import HistGradientBoostingRegressor

        self.name = name
        self._features = features
        self._regressor = HistGradientBoostingRegressor(
            categorical_features=[0],  # type: ignore[arg-type]
            early_stopping=False,  # type: ignore[arg-type]
            random_state=seed,
        )

    def fit(self, masks: Sequence[Sample], watch: Watch | None = None) -> FeatureRegressor:
        """Learn the true Dice of masks, empty ones left out; raises `InputError` when none is left."""
        watch = watch or Watch()
        rows, truth = [], []
        for done, mask in enumerate(masks):
            watch.step(f"fitting {self.name}", done, len(masks))
            if mask.mask.any():
                rows.append(self._row(mask))
                truth.append(mask.dice)
        watch.step(f"fitting {self.name}", len(masks), len(masks))
        if not rows:
            raise InputError(
                "The training split has no mask to fit the baselines on; "
                + way("leave them out (--no-baselines) or add patients.", "build the set of more patients.")
            )
        few = max(2, len(rows) // 20)  # a leaf of 20 pairs, the default, learns nothing from a small set
        self._regressor.set_params(min_samples_leaf=min(20, few))
        self._regressor.fit(np.stack(rows), np.array(truth))
        return self

    def predict(self, samples: Sequence[Sample]) -> Estimates:
        """NaN for empty samples."""
        predicted = np.full(len(samples), np.nan)
        filled = np.flatnonzero(on_filled(samples))
        if len(filled):
            rows = np.stack([self._row(samples[place]) for place in filled.tolist()])
            predicted[filled] = self._regressor.predict(rows)
        return Estimates.of(predicted)

    def _row(self, mask: Sample) -> np.ndarray:
        return np.concatenate(([mask.structure], self._features(mask)))


def fit_baseline(
    name: str,
    masks: Sequence[Sample],
    *,
    most: int = MOST_PAIRS,
    seed: int = SEED,
    watch: Watch | None = None,
) -> FeatureRegressor:
    """A baseline by name, fitted on at most `most` of `masks`, drawn by `seed`. Raises `InputError` for an
    unknown name or without masks."""
    if name not in BASELINES:
        raise InputError(f'There is no baseline "{name}"; choose from {", ".join(BASELINES)}.')
    chosen = np.arange(len(masks))
    if len(masks) > most:
        chosen = np.sort(np.random.default_rng(seed).choice(chosen, size=most, replace=False))
    some = Samples(chosen.tolist(), lambda place: masks[place])
    return FeatureRegressor(name, BASELINES[name], seed).fit(some, watch)


BASELINE = "mask features"
MOST_FITTED, MOST_JUDGED = 3000, 1000


def against_mask_features(
    model: str | Path | QualityModel, training_set: TrainingSet, device: str = "auto", split: str = "val"
) -> str:
    """A sentence: the mean absolute errors of a model and of a regression on features of the mask alone,
    which never sees the CT, on masks of `split`; and by how much the model is worse, if it is; or
    that its raw scores are no Dice."""
    samples = _some(training_set, split)
    if not len(samples):
        return f"The split {split} has no masks to compare the model with a regression on mask features."
    truth = np.array([sample.dice for sample in samples])
    method = NetworkMethod(model, device)
    found = method.predict(samples)
    try:
        method.refuse_implausible(found.raw)
    except ModelError as error:
        return f"WARNING: {error}"
    network = found.predicted
    fitted = fit_baseline(BASELINE, training_samples(training_set), most=MOST_FITTED)
    simple = np.clip(fitted.predict(samples).predicted, 0, 1)
    there = np.isfinite(network) & np.isfinite(simple)
    own, other = mae(network[there], truth[there]), mae(simple[there], truth[there])
    figures = f"mean absolute error {own:.3f} against {other:.3f} on {np.count_nonzero(there):,} masks"
    if own < other:
        return f"The model is better than a regression on mask features, which sees no CT: {figures}."
    return (
        f"WARNING: the model is not better than a regression on mask features, which sees no CT: {figures}, "
        f"{own - other:.3f} worse; train longer, or check CTs, masks and names of the training set."
    )


def _some(training_set: TrainingSet, split: str) -> Samples:
    """At most `MOST_JUDGED` masks that have a Dice."""
    rows, table = training_set.rows(split), training_set.table
    rows = rows[(table["mask_pixels"][rows] > 0) & np.isfinite(table["dice"][rows])]
    if len(rows) > MOST_JUDGED:
        rows = np.sort(np.random.default_rng(0).choice(rows, MOST_JUDGED, replace=False))
    return training_set.samples(rows)
