"""What a job on a cluster does."""

from __future__ import annotations

import os
import signal
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from segae.batch.runner import BatchObserver, run_batch
from segae.errors import ModelError, SegAEError
from segae.io.layouts import CaseFiles
from segae.models.quality_model import QualityModel
from segae.scoring.options import ScoringOptions
from segae.scoring.scorer import Scorer


@dataclass(frozen=True)
class Work:
    """How cases are scored. `sha256`: of the model; jobs that find another one refuse."""

    out: Path
    model: str
    sha256: str
    options: ScoringOptions = field(default_factory=ScoringOptions)
    device: str = "auto"
    engine: str = "torch"
    batch_size: int = 32

    @classmethod
    def of(
        cls, out: Path, model: str, options: ScoringOptions, device: str, engine: str, batch_size: int
    ) -> Work:
        """With paths that do not depend on the working directory; raises `InputError` or `ModelError` for a
        model that cannot be used."""
        sha256 = QualityModel.load(model).sha256
        model = str(Path(model).absolute()) if Path(model).is_file() else model
        return cls(out.absolute(), model, sha256, options, device, engine, batch_size)

    def asked(self) -> dict[str, Any]:
        return {
            "model": self.sha256, **self.options.as_dict(), "device": self.device, "engine": self.engine,
            "batch_size": self.batch_size,
        }  # fmt: skip


@dataclass(frozen=True)
class PartJob:
    """What a job does: score its cases, of which those that are finished are skipped.

    Before its time is up, or when another job needs its place, Slurm sends SIGUSR2: a job that has finished a
    case since it began puts itself back into the queue, so that the part goes on without anyone watching.
    """

    cases: tuple[CaseFiles, ...]
    work: Work

    def __call__(self) -> str:
        """The sentence of what made further cases pointless, or ""."""
        finished: list[object] = []

        def leave(_signal: int, _frame: object) -> None:
            if finished:
                subprocess.run(["scontrol", "requeue", os.environ["SLURM_JOB_ID"]], check=False)
            raise SystemExit(1)

        signal.signal(signal.SIGUSR2, leave)
        work = self.work
        try:
            scorer = Scorer(work.model, device=work.device, engine=work.engine, batch_size=work.batch_size)
            if scorer.model.sha256 != work.sha256:
                raise ModelError(
                    f'The model "{work.model}" is another one than when the jobs were submitted.'
                )
            observer = BatchObserver(on_report=finished.append, on_failure=finished.append)
            run_batch(self.cases, work.out, scorer, work.options, observer=observer)
        except SegAEError as error:
            return str(error)
        return ""
