"""What the page of a data set says, gathered from one report after the other."""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from segae.finding import Finding
from segae.report.opening import absolute
from segae.results.review_order import Order, first_slice, segment_key
from segae.results.types import CaseReport, ModelIdentity, SegmentResult

MOST_ROWS = 150_000  # masks in the table of the page, those to look at first; all are counted
MOST_EXAMPLES = 5  # sentences shown of each kind of finding
MOST_NAMES = 1000  # findings about names that are listed one by one
# Findings that say that a mask may not be what its name says.
ABOUT_NAMES = ("NAME_DOUBTFUL", "UNKNOWN_NAME", "NAME_NOT_IN_MODEL", "DUPLICATE_STRUCTURE", "WRONG_SIDE")
SEVERITIES = ("error", "warning", "info")


class CaseEntry(NamedTuple):
    """A case as its rows refer to it."""

    case: str
    ct: str
    masks: str
    slice_axis: str
    options: dict[str, Any]
    model: ModelIdentity
    patient: str


class MaskEntry(NamedTuple):
    """A mask: `place` (x, y, z in mm, RAS) and `slice` are those to look at first, None where there are
    none. `case`: its place in the list of cases."""

    case: int
    segment: str
    structure: str
    verdict: str
    predicted_dice: float | None
    interval: tuple[float, float] | None
    wrong_ml: float
    slice: int | None
    place: tuple[float, float, float] | None
    needs_review: bool
    reasons: tuple[str, ...]


@dataclass
class FindingGroup:
    """Findings of one code."""

    code: str
    severity: str
    count: int = 0
    cases: set[int] = field(default_factory=set)
    examples: list[tuple[str, str]] = field(default_factory=list)  # case, sentence

    def add(self, number: int, case: str, finding: Finding) -> None:
        self.count += 1
        self.cases.add(number)
        if len(self.examples) < MOST_EXAMPLES:
            self.examples.append((case, finding.message))


@dataclass
class Contents:
    """Everything on the page but pictures. `masks`: the first in review order, at most `MOST_ROWS`; the
    counts are of all. `dice`: predicted Dice of each structure's masks."""

    cases: list[CaseEntry] = field(default_factory=list)
    masks: list[MaskEntry] = field(default_factory=list)
    n_masks: int = 0
    n_slices: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)
    n_to_review: int = 0
    wrong_ml: float = 0.0
    dice: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    to_review: Counter[str] = field(default_factory=Counter)
    findings: dict[str, FindingGroup] = field(default_factory=dict)
    names: list[tuple[str, Finding]] = field(default_factory=list)  # case and finding
    n_names: int = 0
    models: Counter[ModelIdentity] = field(default_factory=Counter)

    @property
    def finding_groups(self) -> list[FindingGroup]:
        """The kinds of findings, the worst and most frequent first."""
        groups = self.findings.values()
        return sorted(groups, key=lambda one: (SEVERITIES.index(one.severity), -len(one.cases), one.code))


NO_VERDICT = "name unknown"


def gather(reports: Iterable[CaseReport], order: Order = "review", most: int = MOST_ROWS) -> Contents:
    """The contents of a page about some reports, which are seen once and not kept."""
    contents = Contents()
    keyed = _entries(reports, contents, order)
    contents.masks = [entry for _, entry in heapq.nsmallest(most, keyed, key=lambda pair: pair[0])]
    return contents


def _entries(
    reports: Iterable[CaseReport], contents: Contents, order: Order
) -> Iterator[tuple[tuple[Any, ...], MaskEntry]]:
    """Each mask with its key; everything that is counted is counted on the way."""
    for number, report in enumerate(reports):
        options = {key: value for key, value in report.options.items() if key != "inputs"}  # a long list
        contents.cases.append(
            CaseEntry(
                report.case,
                absolute(report.ct),
                absolute(report.segmentation),
                report.slice_axis,
                options,
                report.model,
                report.patient,
            )
        )
        contents.models[report.model] += 1
        contents.n_slices += report.n_slices
        _count_findings(contents, number, report)
        for segment in report.segments:
            entry = _entry(number, segment, order)
            _count(contents, segment, entry)
            yield (segment.verdict is None, *segment_key(segment, order)), entry


def _entry(number: int, segment: SegmentResult, order: Order) -> MaskEntry:
    first, low, high = first_slice(segment, order), segment.interval_low, segment.interval_high
    return MaskEntry(
        number, segment.segment, segment.structure, segment.verdict or NO_VERDICT, segment.predicted_dice,
        None if low is None or high is None else (low, high), segment.wrong_ml,
        None if first is None else first.slice, None if first is None else (first.x, first.y, first.z),
        segment.needs_review, segment.reasons if segment.needs_review else (),
    )  # fmt: skip


def _count(contents: Contents, segment: SegmentResult, entry: MaskEntry) -> None:
    contents.n_masks += 1
    contents.verdicts[entry.verdict] += 1
    contents.n_to_review += segment.needs_review
    contents.wrong_ml += segment.wrong_ml
    if segment.structure and segment.predicted_dice is not None:
        contents.dice[segment.structure].append(segment.predicted_dice)
        contents.to_review[segment.structure] += segment.needs_review


def _count_findings(contents: Contents, number: int, report: CaseReport) -> None:
    for finding in report.findings:
        group = contents.findings.setdefault(finding.code, FindingGroup(finding.code, finding.severity))
        if SEVERITIES.index(finding.severity) < SEVERITIES.index(group.severity):
            group.severity = finding.severity
        group.add(number, report.case, finding)
        if finding.code in ABOUT_NAMES:
            contents.n_names += 1
            if len(contents.names) < MOST_NAMES:
                contents.names.append((report.case, finding))


def quantiles(values: Sequence[float]) -> list[float]:
    """5, 25, 50, 75 and 95 % of some numbers."""
    return np.quantile(np.asarray(values), (0.05, 0.25, 0.5, 0.75, 0.95)).round(4).tolist()
