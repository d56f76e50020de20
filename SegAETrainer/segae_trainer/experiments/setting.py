"""What all experiments share: their options, their folder, and steps that are not done twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from segae.errors import InputError
from segae.files import whole_file, write_json
from segae.labels import resolve
from segae.labels.table import LabelTable
from segae.progress import Step, Watch
from segae_trainer.data.find_scans import build_index
from segae_trainer.data.index import Index, read_index, read_label_table, write_index
from segae_trainer.experiments.patients import Cohort, divide
from segae_trainer.experiments.scorers import ScorerSettings
from segae_trainer.experiments.segmenters import SegmenterSettings
from segae_trainer.train.run_folder import RunFolder, check_same, locked, read_config

if TYPE_CHECKING:
    import pandas as pd

Say = Callable[[str], None]


@dataclass(frozen=True)
class Options:
    """`labelled`: patients whose masks are known from the start; `tested`: patients who are only tested on.
    `structures`, `partly_drawn`: names, see `segae_trainer.experiments.patients`; no structure stands for
    all. `labels`: CSV file of structures beyond the 145. `seeds`: a run for each, with other labelled
    patients and other networks. `passes`: of MC dropout."""

    labelled: int = 5
    tested: int = 20
    structures: tuple[str, ...] = ()
    partly_drawn: tuple[str, ...] = ()
    tolerance_mm: float = 3.0
    labels: Path | None = None
    seeds: tuple[int, ...] = (1, 2, 3)
    passes: int = 10
    segmenter: SegmenterSettings = field(default_factory=SegmenterSettings)
    scorer: ScorerSettings = field(default_factory=ScorerSettings)

    def __post_init__(self) -> None:
        if not self.seeds or len(set(self.seeds)) < len(self.seeds):
            raise InputError("Give at least one seed, and none twice.")
        if self.passes < 2 or self.tolerance_mm <= 0:
            raise InputError("MC dropout needs two passes or more, a surface Dice a tolerance above 0 mm.")

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "labelled": self.labelled, "tested": self.tested, "structures": list(self.structures),
            "partly_drawn": list(self.partly_drawn), "tolerance_mm": self.tolerance_mm,
            "seeds": list(self.seeds), "passes": self.passes, "segmenter": self.segmenter.as_json(),
            "scorer": self.scorer.as_json(),
        }  # fmt: skip


@contextmanager
def begun(
    folder: Path, data: Path, options: Options, watch: Watch, **more: Any
) -> Iterator[tuple[Index, Cohort]]:
    """The scans in `data` (a folder in a layout of `segae-train index`, or an index) and who is tested on;
    `folder` is this process's alone. `more`: settings of one experiment.

    Raises `InputError` when the folder was begun with other settings or there are too few patients,
    `OutputError` when another process works there.
    """
    run, settings = RunFolder(folder), {"data": str(data.absolute()), **options.as_json(), **more}
    table = read_label_table(options.labels)
    settings["own_structures"] = table.to_json()
    before = read_config(run)
    if before is not None:
        check_same(run, before["learning"], settings)
    index = _index(data, table, folder, watch)
    structures, partly = (
        [resolve(name, table=index.label_table).structure.index for name in names]
        for names in (options.structures, options.partly_drawn)
    )
    cohort = divide(
        index, structures, options.tested, options.labelled, partly_drawn=partly,
        tolerance_mm=options.tolerance_mm,
    )  # fmt: skip
    with locked(run):
        if not (folder / "index.json").is_file():
            write_json({"learning": settings}, run.config)
            write_index(index, folder / "index.json")
        yield index, cohort


def _index(data: Path, table: LabelTable, folder: Path, watch: Watch) -> Index:
    """That of an earlier call, since checking all files takes long."""
    if (folder / "index.json").is_file():
        return read_index(folder / "index.json")
    if data.suffix.lower() != ".json":
        return build_index(data, label_table=table, watch=watch)
    if table.own:
        raise InputError(
            f'The index "{data}" has its structures already; leave out --labels, or index again.'
        )
    return read_index(data)


def table_at(path: Path, make: Callable[[], Sequence[dict[str, Any]]]) -> pd.DataFrame:
    """The table in the CSV file `path`, made now if there is none."""
    import pandas as pd

    if not path.is_file():
        write_table(pd.DataFrame(make()), path)
    return read_table(path)


def read_table(path: Path) -> pd.DataFrame:
    """A table that `write_table` wrote; names of scans and patients stay texts."""
    import pandas as pd

    texts = dict.fromkeys(("scan", "patient", "strategy", "filter", "method"), str)
    return pd.read_csv(path, dtype=texts, keep_default_na=False, na_values=[""])  # type: ignore[arg-type]


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Write a CSV file that appears whole or not at all; raises `OutputError`."""
    with whole_file(path) as stream:
        stream.write(table.to_csv(index=False, lineterminator="\n", float_format="%.6g").encode())


def keep_labels(path: Path, labels: np.ndarray) -> None:
    """Write label indices (K, H, W), for `numpy.load`; raises `OutputError`."""
    with whole_file(path) as stream:
        np.save(stream, labels)


def named(watch: Watch, name: str) -> Watch:
    """A watch whose steps say what they are part of."""
    tell = watch.progress
    if tell is None:
        return watch
    return Watch(lambda step: tell(Step(f"{name}: {step.stage}", step.done, step.total)), watch.cancel)
