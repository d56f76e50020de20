"""What a trained model says about masks whose Dice is known: degraded ones, another network's, and wrong
ones."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
import torch

from segae.models.checkpoint import Checkpoint
from segae.models.quality_model import QualityModel
from segae_trainer.degrade.measures import dice
from segae_trainer.demo.metrics import auroc, figures
from segae_trainer.demo.pool import Pool, concatenate, render_pairs
from segae_trainer.demo.views import centre_views
from segae_trainer.starter.cases import Case
from segae_trainer.starter.pairs import KINDS, Pair

# Kinds of pairs in the degraded suite: the mask is there, it has the right name, and its slice has the organ.
_SUITE = tuple(kind for kind in KINDS if kind not in ("wrong name", "empty", "beyond its end", "real"))
_GOOD = ("exact", "fine noise")
_BATCH = 128

Figures = Mapping[str, float]


def predict(model: QualityModel, pool: Pool) -> np.ndarray:
    """Predicted Dice (N,) of a pool's pictures as scoring would show them."""
    parts = []
    for start in range(0, len(pool), _BATCH):
        images = centre_views(torch.from_numpy(pool.images[start : start + _BATCH]), model.spec)
        parts.append(
            model.predict(images, torch.from_numpy(pool.structures[start : start + _BATCH])).dsc.numpy()
        )
    return np.concatenate(parts)


def evaluate_degraded(checkpoint: Checkpoint, pool: Pool, trained: Collection[int]) -> dict[str, Figures]:
    """Figures of the suite (Dice spread over 0..1), of its kinds one by one, and of names: does a good mask
    under its own name score higher than under another (AUROC)? Only names in `trained` count, but for
    "suite, all names"."""
    predicted = predict(_loaded(checkpoint), pool)
    kinds, known = np.array(KINDS)[pool.kinds], np.isin(pool.structures, list(trained))
    suite, good = np.isin(kinds, _SUITE), np.isin(kinds, _GOOD)
    named = known & (good | (kinds == "wrong name"))
    results: dict[str, Figures] = {
        "suite": figures(predicted[suite & known], pool.targets[suite & known]),
        "suite, all names": figures(predicted[suite], pool.targets[suite]),
        "names": {"n": int(named.sum()), "auroc": auroc(predicted[named], good[named])},
    }
    for kind in KINDS:
        here = known & (kinds == kind)
        if here.any():
            results[kind] = {
                "n": int(here.sum()),
                "true": float(pool.targets[here].mean()),
                "predicted": float(predicted[here].mean()),
                "mae": float(np.abs(predicted[here] - pool.targets[here]).mean()),
            }
    return results


def evaluate_prediction(
    checkpoint: Checkpoint, case: Case, prediction: np.ndarray, trained: Collection[int]
) -> dict[str, Figures]:
    """Figures of another segmentation (K, H, W) of the scan, each `trained` structure of each slice against
    the case's labels; by slice, and by structure as the mean over its slices."""
    pairs = [
        (k, Pair(prediction[k] == s, s, dice(prediction[k] == s, case.labels[k] == s), "real"))
        for k in range(len(prediction))
        for s in case.structures(k, prediction)
        if s in trained
    ]
    pool = concatenate(
        render_pairs(case.ct[k], [pair], [pair.mask], case, checkpoint.spec) for k, pair in pairs
    )
    predicted = predict(_loaded(checkpoint), pool)
    present = np.unique(pool.structures)
    by_structure = [
        np.array([values[pool.structures == s].mean() for s in present])
        for values in (predicted, pool.targets)
    ]
    return {"slices": figures(predicted, pool.targets), "structures": figures(*by_structure)}


def mean_scores(checkpoint: Checkpoint, case: Case, trained: Collection[int]) -> dict[str, Figures]:
    """Mean predicted and true Dice of a case's own masks, which count as right, and of its bad ones, for
    `trained` structures; by "case right|wrong index"."""
    right = np.unique(case.labels[case.labels > 0]).tolist()
    table = {f"{case.name} right {s}": (s, case.labels == s) for s in right if s in trained}
    table |= {f"{case.name} wrong {s}": (s, mask) for s, mask in case.bad_masks.items() if s in trained}
    model, results = _loaded(checkpoint), {}
    for name, (structure, mask) in table.items():
        pairs = [
            (k, Pair(mask[k], structure, dice(mask[k], case.labels[k] == structure), "real"))
            for k in np.flatnonzero(mask.any(axis=(1, 2)))
        ]
        pool = concatenate(
            render_pairs(case.ct[k], [pair], [pair.mask], case, checkpoint.spec) for k, pair in pairs
        )
        predicted = predict(model, pool)
        results[name] = {
            "n": len(pool), "true": float(pool.targets.mean()), "predicted": float(predicted.mean())
        }  # fmt: skip
    return results


def _loaded(checkpoint: Checkpoint) -> QualityModel:
    """With the rounding that the file will have."""
    weights = {key: v.float() if v.is_floating_point() else v for key, v in checkpoint.weights.items()}
    return QualityModel.from_checkpoint(Checkpoint(checkpoint.spec, weights, checkpoint.text_vectors.float()))
