"""Cases of a worklist, read from their files in child processes: the one that is wanted, and the next."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path

from segae.batch.worklist import WorkItem, Worklist, corrected_path
from segae.errors import OutputError, SegAEError
from segae.files import reason
from segae.jobs.case_review import ReviewCase, read_review_case, state_of
from segae.jobs.process import ExitMessages
from segae.jobs.scratch import Scratch
from SegAELib.app.binding import _
from SegAELib.app.calls import Calls
from SegAELib.app.worklist_reader import new_scratch

READING = ExitMessages(
    _("Reading the case"),
    _("close other programs and open it again"),
    _("check its files and open it again"),
    _("check its files"),
)


@dataclass(eq=False)
class CaseFetch:
    """A case that is being read, or was. `told`: what the reader had to say, None while it reads; `problem`:
    why it could not, "" when it could. `state`: of the corrected file when it was read."""

    case: str
    scratch: Scratch
    state: tuple[int, int] | None
    told: dict[str, list[str]] | None = None
    problem: str = ""
    _waiting: list[Callable[[], None]] = field(default_factory=list, repr=False)

    @property
    def is_over(self) -> bool:
        return self.told is not None or bool(self.problem)

    @property
    def folder(self) -> Path:
        """Where the reader left the case, until it is let go."""
        return self.scratch.path

    def content(self) -> ReviewCase:
        """The case. Raises `SegAEError` when it could not be read."""
        if self.problem:
            raise SegAEError(self.problem)
        try:
            return read_review_case(self.folder)
        except (OSError, ValueError, KeyError) as error:
            sentence = _("{case} could not be handed over ({reason}); open it again.")
            raise SegAEError(sentence.format(case=self.case, reason=reason(error))) from error

    def when_over(self, tell: Callable[[], None]) -> None:
        """Call `tell` when it was read, or at once where it was."""
        if self.is_over:
            tell()
        else:
            self._waiting.append(tell)

    def _end(self) -> None:
        waiting, self._waiting = self._waiting, []
        for tell in waiting:
            tell()


class CaseLoader:
    """Holds what was read until `keep` lets it go."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._fetches: dict[str, CaseFetch] = {}  # by case

    def fetch(self, worklist: Worklist, item: WorkItem, model: str) -> CaseFetch:
        """The case of a mask, which is read unless that was done and is still true. Raises `SegAEError` where
        there is no room for it."""
        path = corrected_path(worklist.folder, item.case)
        before, state = self._fetches.get(item.case), _state(path)
        if before is not None and before.state == state and not before.problem:
            return before
        self._drop(item.case)
        fetch = self._fetches[item.case] = CaseFetch(item.case, new_scratch(), state)

        def read(told: dict[str, list[str]]) -> None:
            fetch.told = told
            fetch._end()

        def failed(sentence: str) -> None:
            fetch.problem = sentence
            fetch._end()

        arguments = {
            "report": str(worklist.report_path(item)), "model": model,
            "corrected": str(path), "folder": str(fetch.folder),
        }  # fmt: skip
        function = "segae.jobs.case_review:read_for_review"
        self._calls.start(_key(item.case), function, arguments, READING, read, failed)
        return fetch

    def keep(self, cases: Collection[str]) -> None:
        """Let go of all other cases."""
        for case in [case for case in self._fetches if case not in cases]:
            self._drop(case)

    def _drop(self, case: str) -> None:
        fetch = self._fetches.pop(case, None)
        if fetch is not None:
            self._calls.stop(_key(case))
            fetch.scratch.remove()


def _key(case: str) -> str:
    return f"case {case}"


def _state(path: Path) -> tuple[int, int] | None:
    """Of the corrected file, None also for one that cannot be looked at: the reader says what is wrong."""
    try:
        return state_of(path)
    except OutputError:
        return None
