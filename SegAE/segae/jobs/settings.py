"""What a job is to do with a CT and its masks."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from segae.scoring.device import AUTO
from segae.scoring.options import ScoringOptions

Task = Literal["score", "locate", "check names"]


@dataclass(frozen=True)
class JobSettings:
    """`task`: "score" all masks, "locate" the errors of the one mask that is there, or "check names" of all.
    `model`: path of a checkpoint or a bundled name. `device`, `engine`, `batch_size`: as in
    `segae.scoring.scorer.Scorer`. `case`: the report's name of the case. `options`: what is scored, of some
    segments or slices only if it says so."""

    task: Task = "score"
    model: str = "bundled"
    device: str = AUTO
    engine: str = "torch"
    batch_size: int = 32
    case: str = "case"
    options: ScoringOptions = field(default_factory=ScoringOptions)

    def as_dict(self) -> dict[str, Any]:
        """JSON values."""
        return {**vars(self), "model": str(self.model), "options": self.options.as_dict()}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> JobSettings:
        """Inverse of `as_dict`."""
        options = dict(values["options"])
        options["names"] = None if options["names"] is None else Path(options["names"])
        return cls(**{**values, "options": ScoringOptions(**options)})
