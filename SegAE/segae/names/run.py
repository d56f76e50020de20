"""The one call: files or arrays in, an answer for every name out."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path

from segae.data import Segmentation, Volume
from segae.errors import InputError
from segae.io.ct import read_ct
from segae.io.segmentation import read_segmentation
from segae.models.quality_model import QualityModel
from segae.names.check import check_names
from segae.names.findings import name_findings
from segae.names.name_check import NameCheck
from segae.preflight.findings import Finding, Preflight
from segae.progress import CancelToken, ProgressCallback, Watch
from segae.report.report import QualityReport
from segae.scoring.case_name import case_name
from segae.scoring.device import AUTO
from segae.scoring.options import ScoringOptions
from segae.scoring.scorer import Scorer


@dataclass(frozen=True)
class NameReport:
    """The answers for one case, and what was said before the check, by the rules over all masks too."""

    case: str
    checks: tuple[NameCheck, ...]
    findings: tuple[Finding, ...] = ()


def name_check(
    ct: str | PathLike[str] | Volume,
    segmentation: str | PathLike[str] | Segmentation,
    *,
    model: str | Path | QualityModel = "bundled",
    name: str | None = None,
    names: str | PathLike[str] | None = None,
    only: Collection[str] | None = None,
    resample: bool = False,
    device: str = AUTO,
    engine: str = "torch",
    case: str | None = None,
    progress: ProgressCallback | None = None,
    cancel: CancelToken | None = None,
) -> NameReport:
    """Check whether each mask of a CT is what its name says; nothing is renamed.

    Arguments as in `segae.score`; `only` names the segments that are checked. Raises `InputError` for input
    that cannot be checked, `ModelError` for an unusable model, `Cancelled` on request.
    """
    options = ScoringOptions(resample=resample, names=None if names is None else Path(names))
    scorer = Scorer(model, device=device, engine=engine)
    volume = ct if isinstance(ct, Volume) else read_ct(Path(ct))
    if not isinstance(segmentation, Segmentation):
        segmentation = read_segmentation(Path(segmentation), name=name, names=options.names)
    checked = scorer.check(volume, segmentation, options)
    checked.raise_for_errors()
    absent = set(only or ()) - {segment.name for segment in checked.segmentation.segments}
    if absent:
        raise InputError(
            f'"{segmentation.source}" holds no mask "{min(absent)}" that can be checked; '
            "ask for one that is there."
        )
    segments, watch = checked.segmentation.segments, Watch(progress, cancel)
    checks = check_names(scorer, volume, segments, checked.findings, only=only, watch=watch)
    return NameReport(case or case_name(volume.source), checks, checked.findings)


def with_name_findings(
    report: QualityReport, scorer: Scorer, ct: Volume, checked: Preflight, watch: Watch | None = None
) -> QualityReport:
    """The report of a case whose names were checked too, with a finding for each that is in doubt. `checked`:
    what `Scorer.check` left to score."""
    checks = check_names(scorer, ct, checked.segmentation.segments, report.findings, watch=watch)
    return replace(report, findings=(*report.findings, *name_findings(checks)))
