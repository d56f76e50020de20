"""What reviewers decided about the masks of a data set: one file for each reviewer, read together.

    DIR/reviews/<reviewer>.jsonl    one line of JSON for each decision, in the order in which they were made

A file is only ever added to, by one person, so that two people can work in one folder without a lock, and a
program that is killed loses at most the line it was writing. Each line holds all that a recalibration needs:
what the model said of the mask, and the Dice between the mask before and after.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Literal, get_args

from segae.errors import InputError, OutputError
from segae.files import file_name, reason

Decision = Literal["accept", "corrected", "needs work", "skip"]
DECISIONS: tuple[Decision, ...] = get_args(Decision)
LABELLED: tuple[Decision, ...] = ("accept", "corrected")  # decisions that say what the mask should be
FOLDER = "reviews"
ENDING = ".jsonl"


@dataclass(frozen=True, slots=True)
class ReviewedSlice:
    """One slice of a reviewed mask: `slice` index in the file, what the model said (`raw_score`, unbounded),
    `area_mm2` of the mask before, and the `dice` 0..1 between the mask before and after in that slice."""

    slice: int
    raw_score: float
    area_mm2: float
    dice: float


@dataclass(frozen=True)
class Review:
    """One decision about one mask.

    `case`, `segment`: as in the report; `patient` "" where the data set does not tell. `structure_index`: row
    of the label table that the mask was scored as. `decision`: "accept" (good as it is), "corrected" (saved
    anew), "needs work" or "skip". `reviewer`, `time` (ISO 8601 with zone), `seconds` spent, `note`.
    `model_sha256`: whose scores these are. `raw_dice`, `predicted_dice`: of the whole mask before, None
    without one. `volume_mm3`: of the mask before. `dice`: 0..1 between the mask before and after; 1 for one
    that was accepted, None where the decision does not say what is right. `slices`: those that were scored;
    empty where `dice` is None. `corrected`: file that was saved, relative to the results, "" for none.
    """

    case: str
    segment: str
    structure_index: int | None
    decision: Decision
    reviewer: str
    time: str
    seconds: float = 0.0
    patient: str = ""
    model_sha256: str = ""
    raw_dice: float | None = None
    predicted_dice: float | None = None
    volume_mm3: float = 0.0
    dice: float | None = None
    slices: tuple[ReviewedSlice, ...] = field(default=(), repr=False)
    corrected: str = ""
    note: str = ""

    def __post_init__(self) -> None:
        """Raises ValueError for values that no decision has."""
        if self.decision not in DECISIONS:
            raise ValueError(f'"{self.decision}" is no decision of a review')
        if (self.dice is not None) != (self.decision in LABELLED):
            raise ValueError(f'"{self.decision}" does not go with the Dice {self.dice}')
        shares = [one.dice for one in self.slices] + [0.0 if self.dice is None else self.dice]
        if not all(0 <= share <= 1 for share in shares):
            raise ValueError("a Dice lies in 0..1")
        others = (self.raw_dice, self.predicted_dice, self.volume_mm3, self.seconds)
        numbers = [n for one in self.slices for n in (one.raw_score, one.area_mm2)]
        if not all(math.isfinite(n) for n in (*numbers, *others) if n is not None):
            raise ValueError("scores and sizes are finite numbers")

    @property
    def key(self) -> tuple[str, str]:
        """The mask that it is about: case and segment."""
        return self.case, self.segment


def now() -> str:
    """The time of a decision made now, in UTC."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


class ReviewLog:
    """The decisions of one reviewer, kept in a file of their own under `folder`, that of the results."""

    def __init__(self, folder: Path, reviewer: str) -> None:
        """Raises `InputError` for a reviewer without a name."""
        if not reviewer.strip():
            raise InputError("A review needs the name of the reviewer; enter one.")
        self.path = folder / FOLDER / f"{file_name(reviewer.strip())}{ENDING}"
        self.reviewer = reviewer.strip()

    def append(self, review: Review) -> None:
        """Add one decision; it is on the disk when this returns. Raises `OutputError` when it cannot be
        written; what was there before stays."""
        line = json.dumps(asdict(review), ensure_ascii=False, separators=(",", ":")) + "\n"
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("ab+") as stream:
                start = stream.seek(0, os.SEEK_END)
                try:
                    stream.write(_line_end(stream, start) + line.encode("utf-8", "backslashreplace"))
                    stream.flush()
                    os.fsync(stream.fileno())
                except OSError:
                    stream.truncate(start)  # a full disk leaves no half line behind
                    raise
        except OSError as error:
            raise OutputError(
                f"Cannot write {self.path} ({reason(error)}); free some space or ask for write access, then "
                "review that mask again."
            ) from error


def _line_end(stream: Any, end: int) -> bytes:
    """What ends a line that a killed program left half-written; nothing where the last line is whole."""
    if end == 0:
        return b""
    stream.seek(end - 1)
    return b"" if stream.read(1) == b"\n" else b"\n"


def review_files(folder: Path) -> list[Path]:
    """The files of all reviewers of the results in `folder`; none when nobody reviewed."""
    return sorted(path for path in (folder / FOLDER).glob(f"*{ENDING}") if path.name[0] != ".")


def files_of_reviews(paths: Iterable[Path]) -> list[Path]:
    """The files of reviewers at these paths, each a file or a folder of results. Raises `InputError` for one
    that holds none."""
    found: list[Path] = []
    for path in paths:
        files = review_files(path.parent if path.name == FOLDER else path) if path.is_dir() else [path]
        if not files:
            raise InputError(
                f'"{path}" holds no reviews; give a folder of results in whose folder {FOLDER} somebody kept '
                "decisions, or such a file."
            )
        found += files
    return list(dict.fromkeys(found))


def read_reviews(paths: Iterable[Path]) -> tuple[Review, ...]:
    """All decisions in these files, the earliest first. A line that a killed program left half-written is
    passed over. Raises `InputError` for a file that is missing or is no list of reviews."""
    found = [review for path in paths for review in _read(path)]
    return tuple(sorted(found, key=lambda review: review.time))


def read_new_reviews(path: Path, start: int) -> tuple[tuple[Review, ...], int]:
    """The decisions in a file from byte `start` on, and where the next one will begin: for whoever follows
    what others do. A line that is not finished is left for later. Raises like `read_reviews`."""
    try:
        with path.open("rb") as stream:
            stream.seek(start)
            found = stream.read()
    except OSError as error:
        raise _unreadable(path, error) from error
    whole = found[: found.rfind(b"\n") + 1]
    return tuple(_of_lines(whole.split(b"\n"), path)), start + len(whole)


def latest(reviews: Iterable[Review]) -> Mapping[tuple[str, str], Review]:
    """The last decision about each mask, by case and segment."""
    return {review.key: review for review in sorted(reviews, key=lambda review: review.time)}


def _read(path: Path) -> list[Review]:
    try:
        return _of_lines(path.read_bytes().split(b"\n"), path)
    except OSError as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: OSError) -> InputError:
    return InputError(
        f'"{path}" cannot be read ({reason(error)}); give a file from the folder {FOLDER} of the results.'
    )


def _of_lines(lines: Sequence[bytes], path: Path) -> list[Review]:
    return [
        _review(line, f'"{path}", line {number},')
        for number, line in enumerate(lines, 1)
        if line.strip() and not _is_half_written(line)
    ]


def _is_half_written(line: bytes) -> bool:
    """Whoever wrote it was killed, and the mask was not counted as done."""
    return line.startswith(b"{") and not line.rstrip().endswith(b"}")


_NAMES = tuple(one.name for one in fields(Review))


def _review(line: bytes, where: str) -> Review:
    try:
        values = json.loads(line)
        known: dict[str, Any] = {name: values[name] for name in _NAMES if name in values}
        slices: Sequence[Mapping[str, Any]] = known.pop("slices", ())
        return Review(**known, slices=tuple(ReviewedSlice(**one) for one in slices))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"{where} is no review ({error}); remove that line.") from error
