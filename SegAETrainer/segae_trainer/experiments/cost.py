"""What it costs to judge masks: the same masks by each method, each in a process of its own."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from segae.data import Segment, Segmentation
from segae.errors import InputError
from segae.files import whole_file
from segae.jobs.calls import CallJob
from segae.jobs.process import ExitMessages
from segae.labels import offered_structures
from segae.labels.table import FIRST_OWN
from segae.models.checkpoint import Checkpoint, save_checkpoint
from segae.models.quality_model import QualityModel
from segae.models.registry import build_network, find_model, new_spec
from segae.progress import Watch
from segae.scoring.options import ScoringOptions
from segae.scoring.scorer import Scorer
from segae_trainer.data.build_set import write_header
from segae_trainer.data.index import Scan, read_index
from segae_trainer.data.sample import LabelledScan
from segae_trainer.data.scan_files import read_unlabelled_scan
from segae_trainer.evaluate.methods import volume_of
from segae_trainer.experiments.judges import (
    Certainty,
    Draws,
    Judge,
    Qualities,
    by_members,
    dropout_passes,
    one_pass,
    structures_in,
)
from segae_trainer.experiments.scorers import INSIDE
from segae_trainer.experiments.segmenters import SegmenterSettings, load_segmenter, segmenter_at
from segae_trainer.experiments.setting import Options, begun, keep_labels, named, read_table, write_table
from segae_trainer.train.recipes import PUBLISHED

if TYPE_CHECKING:
    import pandas as pd

COST = "cost"
METHODS = ("mc-dropout", "entropy", "ensemble", "published", "segae")
# What the paper gives for the masks of its semi-supervised experiment: hours, GB of memory, GB on disk.
PAPER: Mapping[str, tuple[float, float, float]] = MappingProxyType(
    {"mc-dropout": (3.2, 92.4, 1032.0), "entropy": (1.6, 33.1, 344.0), "segae": (0.5, 1.5, 0.05)}
)
_PUBLISHED_SLICES = 10  # that the published code looks at in each mask
_TEXT_DIM = 512  # of CLIP's vectors, with which the published network was trained
_MEGABYTE = 1e6


@dataclass(frozen=True)
class CostOptions:
    """`cases`: scans whose masks are judged; `members`: networks of the ensemble."""

    cases: int = 5
    members: int = 5

    def __post_init__(self) -> None:
        if self.cases < 1 or self.members < 2:
            raise InputError("At least one case is judged, and an ensemble has two members or more.")


def measure_cost(
    data: Path, out: Path, options: Options, cost: CostOptions, watch: Watch | None = None
) -> pd.DataFrame:
    """Train the segmenters, predict some scans, and let each method judge the masks; a row for each method
    and case, also in `cost.csv`. What an earlier call finished is not done again.

    Raises `InputError` for options that do not fit the data, `OutputError`, and `Cancelled`.
    """
    import pandas as pd

    folder, watch = out / COST, watch or Watch()
    model = find_model("bundled" if options.scorer.segae == INSIDE else options.scorer.segae)
    with begun(folder, data, options, watch, cases=cost.cases, members=cost.members) as (_, cohort):
        seed = options.seeds[0]
        start = cohort.start(options.labelled, seed)
        cases = sorted({name for name, _ in start.offered()})[: cost.cases]
        if len(cases) < cost.cases:
            raise InputError(
                f"Masks of {cost.cases} unlabelled patients are to be judged, and {len(cases)} are there; "
                "ask for fewer --cases, --labelled or --tested."
            )
        for member in range(cost.members):
            segmenter = segmenter_at(
                _member(folder, member), start.labelled, options.segmenter, seed + member,
                named(watch, f"member {member + 1} of {cost.members}"),
            )  # fmt: skip
            if member == 0:
                for scan in start.unlabelled():
                    if scan.name in cases and not _masks(folder, scan.name).is_file():
                        keep_labels(_masks(folder, scan.name), segmenter.label(scan))
        published = folder / "published.safetensors"
        if not published.is_file():
            save_checkpoint(_untrained_published(), published)
        tables = []
        for method in METHODS:
            path = folder / f"{method}.csv"
            if not path.is_file():
                job = {
                    "method": method, "folder": str(folder.absolute()), "cases": cases,
                    "members": cost.members, "passes": options.passes, "seed": seed,
                    "segmenter": options.segmenter.as_json(),
                    "model": str((published if method == "published" else model).absolute()),
                }  # fmt: skip
                again = "run again"
                messages = ExitMessages(f"Judging by {method}", f"free memory and {again}", again, again)
                function = "segae_trainer.experiments.cost:judge_cases"
                rows = CallJob(function, job, messages, log=folder / "log.txt").run(named(watch, method))
                write_table(pd.DataFrame(rows), path)
            tables.append(read_table(path))
        table = pd.concat(tables, ignore_index=True)
        write_table(table, out / "cost.csv")
    return table


def _member(folder: Path, member: int) -> Path:
    return folder / f"segmenter-{member}.pt"


def _masks(folder: Path, case: str) -> Path:
    return folder / "masks" / f"{case}.npy"


def _untrained_published() -> Checkpoint:
    """The published architecture at its size. What a network computes costs the same whatever its weights
    are; the last layer gives .5, so that the scores can be Dice."""
    spec = new_spec("published-untrained", PUBLISHED.architecture, PUBLISHED.backbone, _TEXT_DIM)
    torch.manual_seed(0)
    weights = dict(build_network(spec).state_dict())
    weights["fc2.weight"], weights["fc2.bias"] = (
        torch.zeros_like(weights["fc2.weight"]), torch.full_like(weights["fc2.bias"], 0.5)
    )  # fmt: skip
    rows = offered_structures()[-1].index + 1
    return Checkpoint(spec, weights, torch.randn(rows, _TEXT_DIM))


def judge_cases(
    watch: Watch, method: str, folder: str, cases: list[str], members: int, passes: int, seed: int,
    segmenter: dict[str, Any], model: str,
) -> list[dict[str, Any]]:  # fmt: skip
    """In a process of its own: what `method` costs for each case. Reading the CT and writing what the method
    leaves on the disk count, loading networks does not."""
    root, work = Path(folder), Path(folder) / method
    shutil.rmtree(work, ignore_errors=True)
    settings = SegmenterSettings(**{**segmenter, "early": tuple(segmenter["early"])})
    judge: Judge
    draws: Draws | None = None
    if method in ("segae", "published"):
        slices = _PUBLISHED_SLICES if method == "published" else None
        judge = _BySegae(model, slices, settings.device)
    else:
        networks = [load_segmenter(_member(root, n), settings) for n in range(members)]
        draws = {
            "mc-dropout": lambda: dropout_passes(networks[0], passes, seed),
            "entropy": lambda: one_pass(networks[0]),
            "ensemble": lambda: by_members(networks),
        }[method]()
        judge = Certainty(draws, 1 + len(networks[0].rows))
    scans = {scan.name: scan for scan in read_index(root / "index.json").scans}
    before, rows = _peak_mb(), []
    for done, case in enumerate(cases):
        watch.step("judging", done, len(cases))
        rows.append(_measured(method, judge, draws, scans[case], root, work / case))
    peak = _peak_mb()
    watch.step("judging", len(cases), len(cases))
    return [{**row, "peak_mb": peak, "peak_mb_loaded": before} for row in rows]


def _measured(
    method: str, judge: Judge, draws: Draws | None, case: Scan, root: Path, work: Path
) -> dict[str, Any]:
    labels = np.load(_masks(root, case.name))
    wall, cpu = time.perf_counter(), time.process_time()
    scan = read_unlabelled_scan(case)[0]
    work.mkdir(parents=True)
    if isinstance(judge, Certainty) and draws is not None:
        judge = judge.with_draws(_kept_on_disk(draws, work))
    qualities = judge.judge(scan, labels)
    with whole_file(work / "qualities.csv") as stream:
        stream.write("".join(f"{one},{value:.4f}\n" for one, value in qualities.items()).encode())
    return {
        "method": method, "scan": case.name, "masks": len(qualities),
        "wall_s": time.perf_counter() - wall, "cpu_s": time.process_time() - cpu,
        "disk_bytes": sum(path.stat().st_size for path in work.iterdir()),
    }  # fmt: skip


def _kept_on_disk(draws: Draws, work: Path) -> Draws:
    """`draws`, of which each probability goes to the disk in half precision, as the paper counts it."""

    def kept(scan: LabelledScan) -> Iterator[list[Tensor]]:
        with ExitStack() as files:
            streams: list[Any] = []
            for drawn in draws(scan):
                for place, one in enumerate(drawn):
                    if place == len(streams):
                        streams.append(files.enter_context((work / f"{place}.npy").open("wb")))
                        write_header(streams[place], np.dtype(np.float16), (len(scan.ct), *one.shape))
                    streams[place].write(one.half().numpy().tobytes())
                yield drawn

    return kept


class _BySegae:
    """What `segae score` does with the masks of a case. Names that the model does not know, or may mean
    otherwise, are replaced by ones that it knows: a name does not change the cost."""

    def __init__(self, model: str, slices: int | None, device: str) -> None:
        self._scorer = Scorer(model, device=device)
        self._options = ScoringOptions(slices=slices)

    def judge(self, scan: LabelledScan, labels: np.ndarray) -> Qualities:
        found, volume = structures_in(labels), volume_of(scan)
        named = dict(zip(found, _known_names(self._scorer.model, found), strict=True))
        segments = tuple(Segment.from_mask(str(one), named[one], labels == one, volume.grid) for one in found)
        report = self._scorer.score_case(
            volume, Segmentation(segments, scan.name), case=scan.name, options=self._options
        )
        return {int(one.segment): one.predicted_dice or 0.0 for one in report.segments}


def _known_names(model: QualityModel, indices: list[int]) -> list[Any]:
    known = [one for one in model.label_table.offered if model.knows(one)]
    own = {one.index: one for one in known if one.index in indices and one.index < FIRST_OWN}
    others = (one for one in known if one.index not in own)
    return [own[index] if index in own else next(others) for index in indices]


def _peak_mb() -> float:
    """The most memory that this process has held so far. Linux counts what the process that started it held
    in `getrusage` too, so that it is asked elsewhere there."""
    status = Path("/proc/self/status")
    if status.is_file():
        line = next(
            one for one in status.read_text(encoding="utf-8").splitlines() if one.startswith("VmHWM:")
        )
        return int(line.split()[1]) * 1024 / _MEGABYTE
    try:
        import resource
    except ImportError:
        raise InputError(
            "Peak memory cannot be measured on Windows; run this experiment elsewhere."
        ) from None
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / _MEGABYTE  # bytes on macOS
