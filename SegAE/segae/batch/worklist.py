"""The masks of a data set in review order, and which of them are done: what a reviewer works through.

A list of thousands of cases is read in another process (`gather_worklist`) and taken over in pieces. From
then on it follows the decisions, its own and those of others, as their files grow; nothing else is
remembered, so it goes on where it was, whatever happened in between.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Literal, NamedTuple, get_args

from segae.batch.store import report_files
from segae.errors import InputError
from segae.files import file_name
from segae.io.case_files import CaseFiles
from segae.progress import Watch
from segae.results.files import read_summary
from segae.results.review_order import segment_key
from segae.results.reviews import (
    LABELLED,
    Decision,
    Review,
    ReviewedSlice,
    latest,
    now,
    read_new_reviews,
    review_files,
)
from segae.results.types import CaseReport, SegmentResult, Verdict

CORRECTED = "corrected"  # folder of the masks that were saved anew, in that of the results


def corrected_path(folder: Path, case: str) -> Path:
    """The file that corrections of a case of the results in `folder` go to."""
    return folder / CORRECTED / f"{file_name(case)}.seg.nrrd"


def with_corrections(cases: Iterable[CaseFiles], folder: Path) -> list[CaseFiles]:
    """Cases with the corrected masks of the results in `folder` in the place of their own, where there are
    such. Raises `InputError` when there are none at all."""
    if not any((folder / CORRECTED).glob("[!.]*.seg.nrrd")):
        raise InputError(
            f'"{folder}" holds no corrected masks; give the folder of results in whose folder {CORRECTED} a '
            "worklist saved them."
        )
    return [with_correction(one, folder) or one for one in cases]


def with_correction(files: CaseFiles, folder: Path) -> CaseFiles | None:
    """A case with its corrected masks of the results in `folder`, which bring their own names; None where
    there are none."""
    path = corrected_path(folder, files.case)
    return replace(files, masks=path.absolute(), name=None, values=None) if path.is_file() else None


Choice = Literal["to do", "to review", "all"]
CHOICES: tuple[Choice, ...] = get_args(Choice)


class WorkItem(NamedTuple):
    """One mask. `report`: the file of its case's report, relative to the results; the rest as in
    `SegmentResult`."""

    case: str
    segment: str
    verdict: Verdict
    predicted_dice: float | None
    interval_low: float | None
    interval_high: float | None
    wrong_ml: float
    volume_ml: float
    needs_review: bool
    report: str

    @property
    def key(self) -> tuple[str, str]:
        """Case and segment, as in `Review.key`."""
        return self.case, self.segment


class Done(NamedTuple):
    """What was decided about a mask last, by whom, and how large it was then."""

    decision: Decision
    reviewer: str
    time: str
    volume_mm3: float

    @classmethod
    def of(cls, review: Review) -> Done:
        return cls(review.decision, review.reviewer, review.time, review.volume_mm3)

    def holds(self, item: WorkItem) -> bool:
        """Whether it is about the mask as it is now; another one may have been scored since."""
        return abs(self.volume_mm3 - item.volume_ml * 1000) <= 1e-6 * max(self.volume_mm3, 1.0)


def gather_worklist(watch: Watch, folder: str, out: str) -> list[str]:
    """Read all reports in `folder` and what was decided, and leave the list in the file `out`, for
    `read_worklist`.

    Returns sentences about reports and decisions that could not be read, which are left out. Raises
    `InputError` when there is nothing to read.
    """
    results = Path(folder)
    paths, problems, keyed = report_files(results), [], []
    for n, path in enumerate(paths):
        watch.step("reading reports", n, len(paths))
        try:
            report = read_summary(path)
        except InputError as error:
            problems.append(str(error))
            continue
        relative = str(path.relative_to(results)) if path != results else ""
        keyed += [
            (segment_key(one, "review"), _item(report, one, one.verdict, relative))
            for one in report.segments
            # Masks of unknown structures were not scored, and absent organs have no mask.
            if one.verdict is not None and one.verdict != "absent"
        ]
    keyed.sort(key=lambda pair: pair[0])
    offsets, done, damaged = _decisions(results)
    with Path(out).open("w", encoding="utf-8") as stream:
        json.dump({"offsets": offsets, "done": [[*key, *one] for key, one in done.items()]}, stream)
        stream.write("\n")
        stream.writelines(json.dumps(item) + "\n" for _, item in keyed)
    return [*problems, *damaged]


def _item(report: CaseReport, one: SegmentResult, verdict: Verdict, path: str) -> WorkItem:
    return WorkItem(
        report.case, one.segment, verdict, one.predicted_dice, one.interval_low, one.interval_high,
        one.wrong_ml, one.volume_ml, one.needs_review, path,
    )  # fmt: skip


def _decisions(folder: Path) -> tuple[dict[str, int], dict[tuple[str, str], Done], list[str]]:
    """How far each file was read, the last decision about each mask, and which files cannot be read."""
    reviews, offsets, problems = [], {}, []
    for path in review_files(folder):
        try:
            found, offsets[path.name] = read_new_reviews(path, 0)
            reviews += found
        except InputError as error:
            problems.append(str(error))
    return offsets, {key: Done.of(review) for key, review in latest(reviews).items()}, problems


PIECE = 500  # masks that are taken over at once


class Worklist:
    """What was gathered, in review order. `read` takes it over; `follow` and `add` keep it true."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.items: list[WorkItem] = []
        self.revision = 0  # grows with every change
        self._places: dict[tuple[str, str], int] = {}
        self._words: list[str] = []  # what a filter looks at, by place
        self._done: dict[tuple[str, str], Done] = {}
        self._offsets: dict[str, int] = {}
        self._total = self._n_done = 0

    def read(self, path: Path) -> Iterator[None]:
        """Take over what `gather_worklist` left in a file, a piece at each step."""
        with path.open(encoding="utf-8") as stream:
            head = json.loads(stream.readline())
            self._offsets = head["offsets"]
            self._done = {(case, segment): Done(*rest) for case, segment, *rest in head["done"]}
            while lines := list(islice(stream, PIECE)):
                for line in lines:
                    self._append(WorkItem(*json.loads(line)))
                self.revision += 1
                yield

    def _append(self, item: WorkItem) -> None:
        self._places[item.key] = len(self.items)
        self.items.append(item)
        self._words.append(f"{item.case} {item.segment} {item.verdict}".casefold())
        self._total += item.needs_review
        self._n_done += item.needs_review and self.done(item) is not None

    @property
    def progress(self) -> tuple[int, int]:
        """Of the masks that need review: how many are done, and how many there are."""
        return self._n_done, self._total

    def done(self, item: WorkItem) -> Done | None:
        """What was decided about a mask as it is now, whoever did; None when nobody did."""
        done = self._done.get(item.key)
        return done if done is not None and done.holds(item) else None

    def corrected_cases(self) -> list[str]:
        """Cases of which a mask was saved anew."""
        return sorted({case for (case, _), one in self._done.items() if one.decision == "corrected"})

    def place(self, item: WorkItem) -> int | None:
        """Where a mask stands in the list; None for one that is not in it."""
        return self._places.get(item.key)

    def next_open(self, after: WorkItem | None = None) -> WorkItem | None:
        """The next mask that needs review and has no decision: behind `after`, then from the top."""
        start = -1 if after is None else self._places.get(after.key, -1)
        around = (*range(start + 1, len(self.items)), *range(start + 1))
        return next((self.items[n] for n in around if self._is_open(self.items[n])), None)

    def matching(self, choice: Choice, text: str = "") -> list[WorkItem]:
        """The masks of a choice whose case, segment and verdict hold all words of `text`."""
        found = self.items
        for word in text.casefold().split():
            found = [item for item in found if word in self._words[self._places[item.key]]]
        if choice == "to do":
            return [item for item in found if self._is_open(item)]
        return [item for item in found if item.needs_review or choice == "all"]

    def report_path(self, item: WorkItem) -> Path:
        """The report of the case of a mask."""
        return self.folder / item.report

    def follow(self) -> None:
        """Take up what was decided since, by whomever. Raises `InputError` for a file that cannot be read."""
        for path in review_files(self.folder):
            start = self._offsets.get(path.name, 0)
            if path.stat().st_size > start:
                reviews, self._offsets[path.name] = read_new_reviews(path, start)
                for review in reviews:
                    self.add(review)

    def add(self, review: Review) -> None:
        """Take up a decision; one that is older than what is known of the mask changes nothing."""
        before, place = self._done.get(review.key), self._places.get(review.key)
        if before is not None and before.time > review.time:
            return
        was = place is not None and self.done(self.items[place]) is not None
        self._done[review.key] = Done.of(review)
        self.revision += 1
        if place is not None and self.items[place].needs_review:
            self._n_done += (self.done(self.items[place]) is not None) - was

    def _is_open(self, item: WorkItem) -> bool:
        return item.needs_review and self.done(item) is None


@dataclass(frozen=True)
class Outcome:
    """What a reviewer decided about a mask; `dice` and `slices` (by index): between before and after, where
    it was saved anew."""

    decision: Decision
    seconds: float
    note: str = ""
    dice: float | None = None
    slices: Mapping[int, float] | None = None
    corrected: str = ""


def review_of(report: CaseReport, segment: str, reviewer: str, outcome: Outcome) -> Review:
    """The line of the log for a decision about a mask, with all that was predicted of it."""
    one = next(found for found in report.segments if found.segment == segment)
    labelled = outcome.decision in LABELLED
    return Review(
        case=report.case,
        segment=segment,
        structure_index=one.structure_index,
        decision=outcome.decision,
        reviewer=reviewer,
        time=now(),
        seconds=round(outcome.seconds, 1),
        patient=report.patient,
        model_sha256=report.model.sha256,
        raw_dice=one.raw_dice,
        predicted_dice=one.predicted_dice,
        volume_mm3=one.volume_ml * 1000,
        dice=(1.0 if outcome.dice is None else outcome.dice) if labelled else None,
        slices=tuple(_reviewed(one, outcome.slices)) if labelled else (),
        corrected=outcome.corrected,
        note=outcome.note,
    )


def _reviewed(segment: SegmentResult, dice: Mapping[int, float] | None) -> Iterable[ReviewedSlice]:
    """The scored slices; without `dice` each is right as it is."""
    for one in segment.slices:
        if one.raw_score is not None:
            share = 1.0 if dice is None else dice.get(one.slice, 0.0)
            yield ReviewedSlice(one.slice, one.raw_score, one.area_mm2, share)
