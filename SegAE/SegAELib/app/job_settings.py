"""What the panel's parameters mean for a job."""

from __future__ import annotations

from typing import Any

from segae.scoring.options import ScoringOptions
from segae.worker.settings import JobSettings, Task


def job_settings(
    parameters: Any, model: str, case: str, task: Task = "score", options: ScoringOptions | None = None
) -> JobSettings:
    """`model`: path of the weights; the rest from a `SegAEParameterNode`."""
    return JobSettings(
        task=task,
        model=model,
        device=parameters.device,
        batch_size=parameters.batchSize,
        case=case,
        options=options or ScoringOptions(),
    )
