"""Features and a gradient-boosted regressor, trained on the same pairs as the networks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import numpy as np

from segae.errors import InputError
from segae.progress import Watch
from segae_trainer.evaluation.baselines.intensity import intensity_features
from segae_trainer.evaluation.baselines.mask_features import mask_features
from segae_trainer.evaluation.mask_slice import LazyMasks, MaskSlice
from segae_trainer.evaluation.method import Estimates, on_filled

Features = Callable[[MaskSlice], np.ndarray]
MOST_PAIRS = 20_000
SEED = 2026


def both_features(slice_: MaskSlice) -> np.ndarray:
    """Mask features, then those of the intensity."""
    return np.concatenate((mask_features(slice_), intensity_features(slice_)))


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

    def fit(self, masks: Sequence[MaskSlice], watch: Watch | None = None) -> FeatureRegressor:
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
                "The training split has no mask to fit the baselines on; leave them out (--no-baselines) or "
                "add patients."
            )
        few = max(2, len(rows) // 20)  # a leaf of 20 pairs, the default, learns nothing from a small set
        self._regressor.set_params(min_samples_leaf=min(20, few))
        self._regressor.fit(np.stack(rows), np.array(truth))
        return self

    def predict(self, masks: Sequence[MaskSlice]) -> Estimates:
        """NaN for empty masks."""
        predicted = np.full(len(masks), np.nan)
        filled = np.flatnonzero(on_filled(masks))
        if len(filled):
            rows = np.stack([self._row(masks[place]) for place in filled.tolist()])
            predicted[filled] = self._regressor.predict(rows)
        return Estimates(predicted)

    def _row(self, mask: MaskSlice) -> np.ndarray:
        return np.concatenate(([mask.structure], self._features(mask)))


def fit_baseline(
    name: str,
    masks: Sequence[MaskSlice],
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
    some = LazyMasks(chosen.tolist(), lambda place: masks[place])
    return FeatureRegressor(name, BASELINES[name], seed).fit(some, watch)
