"""The table that everything is computed from: one row per mask in one slice, with true and predicted Dice."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from segae.errors import InputError
from segae.progress import Watch
from segae_trainer.data.sample import Sample
from segae_trainer.evaluate.methods import Estimates, Method, NetworkMethod

if TYPE_CHECKING:
    import pandas as pd

    from segae.results.types import SegmentResult, SliceResult

GROUPINGS = ("structure", "size", "case", "source", "kind")
# cm2 of the larger of mask and truth in the slice; of an organ: in its largest slice.
SIZE_BOUNDS = (1.0, 5.0, 20.0)
SIZES = ("below 1 cm²", "1 to 5 cm²", "5 to 20 cm²", "20 cm² and more")


def with_size(table: pd.DataFrame) -> pd.DataFrame:
    """The table with a column `size`: the class of each row, one of `SIZES`."""
    largest = table["largest_mm2"] if "largest_mm2" in table else table[["area_mm2", "truth_mm2"]].max(axis=1)
    return table.assign(size=[size_class(area) for area in largest.to_numpy(float)])


def size_class(area_mm2: float) -> str:
    """One of `SIZES`; a class begins at its bound."""
    return SIZES[bisect_right(SIZE_BOUNDS, area_mm2 / 100)]


COLUMNS = (
    "case", "patient", "segment", "structure_index", "structure", "slice", "source", "kind",
    "area_mm2", "truth_mm2", "dice", "predicted",
)  # fmt: skip
INTERVAL = ("interval_low", "interval_high")
RAW = "raw"
OPTIONAL = (RAW, *INTERVAL, "overlap_mm2", "organ_mm2", "error_dice", "volume_mm3", "largest_mm2")
ORGAN = ("case", "patient", "segment", "structure_index", "structure", "source")
_TEXT = ("case", "patient", "segment", "structure", "source", "kind")
_NUMBERS = ("area_mm2", "truth_mm2", "dice")


def checked(table: pd.DataFrame, name: str = "predictions") -> pd.DataFrame:
    """The table with its columns in order and of the right types; further columns are dropped.

    `case`, `patient`, `segment` (the name in the file), `structure` (the name it goes by), `source` (who made
    the mask) and `kind` are text; `structure_index` is an index of the label table and `slice` an index;
    `area_mm2` and `truth_mm2` are the areas of mask and truth in the slice; `dice` is the true Dice, 0..1;
    `predicted` is the predicted Dice, NaN where the method gave none, as for an empty mask. There may be:
    `raw`, the network's output before calibration; `interval_low` and `interval_high`; the predicted areas
    `overlap_mm2` and `organ_mm2`; `error_dice`, the Dice of the predicted wrong pixels with the true ones.
    Raises `InputError` when a column is missing or holds something else.
    """
    import pandas as pd

    missing = [column for column in COLUMNS if column not in table]
    if missing:
        raise InputError(f"The table {name} lacks the columns {', '.join(missing)}; add them.")
    if table.empty:
        raise InputError(f"The table {name} has no rows; there is nothing to evaluate.")
    kept = [*COLUMNS, *(column for column in OPTIONAL if column in table)]
    result = table[kept].reset_index(drop=True).copy()
    try:
        for column in kept:
            if column in _TEXT:
                result[column] = result[column].fillna("").astype(str)
            else:
                result[column] = pd.to_numeric(result[column])
        result = result.astype({"structure_index": int, "slice": int})
    except (TypeError, ValueError) as error:
        raise InputError(
            f"The table {name} holds something that is no number ({error}); correct it."
        ) from error
    if not np.isfinite(result[[*_NUMBERS]].to_numpy(float)).all() or not result["dice"].between(0, 1).all():
        raise InputError(
            f"The table {name} has areas that are no numbers or Dice outside of 0..1; give each row's "
            "true Dice."
        )
    return result


def read_predictions(path: str | Path) -> pd.DataFrame:
    """`checked` of a CSV file; raises `InputError` when it cannot be read or is no such table."""
    import pandas as pd

    try:
        table = pd.read_csv(path, dtype=dict.fromkeys(_TEXT, str))
    except OSError:
        raise InputError(f'There is no table "{path}" that can be read; check the path.') from None
    except ValueError as error:
        raise InputError(f'"{path}" is no table of predictions ({error}); give a CSV file.') from error
    return checked(table, f'"{path}"')


def organs(predictions: pd.DataFrame) -> pd.DataFrame:
    """One row per organ of a case and source, with the columns of `predictions` (`slice` is their number).

    `dice` is the volume's: overlaps and areas are summed over all slices, those that the mask misses
    included. `predicted` is the mean over the slices that have a prediction, as `segae score` shows it for
    models that predict no areas. Areas are sums over the slices; `largest_mm2` is that of mask or truth in
    the largest slice.
    """
    table = predictions.assign(
        total=predictions["area_mm2"] + predictions["truth_mm2"],
        overlap=predictions["dice"] * (predictions["area_mm2"] + predictions["truth_mm2"]),
        largest_mm2=predictions[["area_mm2", "truth_mm2"]].max(axis=1),
        raw=predictions[RAW if RAW in predictions else "predicted"],
    )
    result = (
        table.groupby(list(ORGAN), sort=True, dropna=False)
        .agg(
            slice=("slice", "nunique"),
            kind=("kind", _commonest),
            area_mm2=("area_mm2", "sum"),
            truth_mm2=("truth_mm2", "sum"),
            largest_mm2=("largest_mm2", "max"),
            total=("total", "sum"),
            overlap=("overlap", "sum"),
            predicted=("predicted", "mean"),
            raw=("raw", "mean"),
        )
        .reset_index()
    )
    total = result["total"].to_numpy(float)
    result["dice"] = np.where(total > 0, result["overlap"] / np.where(total > 0, total, 1), 1.0)
    return result.reindex(columns=[*COLUMNS, RAW, "largest_mm2"])


def _commonest(kinds: pd.Series) -> str:
    return str(kinds.mode().iloc[0])


CHUNK = 64  # masks in memory at a time


def predict_samples(
    methods: Sequence[Method], samples: Sequence[Sample], *, watch: Watch | None = None
) -> Mapping[str, pd.DataFrame]:
    """The predictions of each method by its name, one row per sample in the order of `samples`; each sample
    is made once. Columns: `predictions.checked`. Raises `ModelError` for a model whose raw scores are no
    Dice."""
    watch = watch or Watch()
    facts: list[dict[str, Any]] = []
    found: dict[str, list[Estimates]] = {method.name: [] for method in methods}
    for start in range(0, len(samples), CHUNK):
        watch.step("predicting", start, len(samples))
        chunk = list(samples[start : start + CHUNK])
        facts += [facts_of(sample) for sample in chunk]
        for method in methods:
            found[method.name].append(method.predict(chunk))
    watch.step("predicting", len(samples), len(samples))
    for method in methods:
        if isinstance(method, NetworkMethod):
            raw = [one.raw for one in found[method.name]]
            method.refuse_implausible(np.concatenate(raw or [np.empty(0)]))
    return {name: _with_estimates(facts, estimates) for name, estimates in found.items()}


def _with_estimates(facts: Sequence[dict[str, Any]], estimates: list[Estimates]) -> pd.DataFrame:
    import pandas as pd

    table = pd.DataFrame(facts, columns=list(COLUMNS[:-1]))
    joined = {name: np.concatenate([getattr(one, name) for one in estimates]) for name in Estimates.COLUMNS}
    table = table.assign(predicted=joined.pop("predicted"))
    # A method without intervals, areas or maps has none in any row.
    return table.assign(**{name: column for name, column in joined.items() if np.isfinite(column).any()})


def facts_of(sample: Sample) -> dict[str, Any]:
    """What is known of a sample, as the first columns of the table."""
    name = str(sample.label)
    return {
        "case": sample.scan.name,
        "patient": sample.scan.patient,
        "segment": name,
        "structure_index": sample.structure,
        "structure": name,
        "slice": sample.slice,
        "source": sample.source,
        "kind": sample.kind,
        "area_mm2": sample.square_mm(sample.mask),
        "truth_mm2": sample.square_mm(sample.truth),
        "dice": sample.dice,
    }


def predict_masks(
    method: NetworkMethod, samples: Sequence[Sample], *, watch: Watch | None = None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """What `segae score` shows for whole masks: a table of slices, one row per sample in the order of
    `samples`, and one of organs. Samples must hold all slices in which mask or truth has a pixel."""
    import pandas as pd

    watch = watch or Watch()
    facts: list[dict[str, Any]] = []
    groups: dict[tuple[str, str], list[int]] = {}
    for place, sample in enumerate(samples):
        facts.append(facts_of(sample))
        groups.setdefault((sample.scan.name, sample.source), []).append(place)
    found, of_organs = Estimates.nothing(len(samples)), []
    for done, places in enumerate(groups.values()):
        watch.step(f"scoring with {method.name}", done, len(groups))
        some = [samples[place] for place in places]
        at = {(sample.structure, sample.slice): place for sample, place in zip(some, places, strict=True)}
        for segment in method.score_masks(some).segments:
            for one in segment.slices:
                place = at[segment.structure_index or 0, one.slice]
                for column, value in _columns(one).items():
                    getattr(found, column)[place] = np.nan if value is None else value
            of_organs.append(_organ_facts(some[0], segment))
    watch.step(f"scoring with {method.name}", len(groups), len(groups))
    slices = _with_estimates(facts, [found])
    keys = ["case", "source", "structure_index"]
    of_masks = organs(slices).drop(columns=["predicted", RAW])
    scored = pd.DataFrame(of_organs).astype(dict.fromkeys(("predicted", RAW, *INTERVAL), float))
    return slices, of_masks.merge(scored.dropna(axis=1, how="all"), on=keys, how="left")


def _columns(result: SliceResult) -> dict[str, float | None]:
    return {
        "predicted": result.predicted_dice,
        RAW: result.raw_score,
        INTERVAL[0]: result.interval_low,
        INTERVAL[1]: result.interval_high,
        "overlap_mm2": result.overlap_mm2,
        "organ_mm2": result.organ_mm2,
    }


def _organ_facts(sample: Sample, segment: SegmentResult) -> dict[str, Any]:
    return {
        "case": sample.scan.name,
        "source": sample.source,
        "structure_index": segment.structure_index,
        "predicted": segment.predicted_dice,
        RAW: segment.raw_dice,
        INTERVAL[0]: segment.interval_low,
        INTERVAL[1]: segment.interval_high,
        "volume_mm3": segment.volume_ml * 1000,
    }
