"""A folder of results on its way into the panel: read in a child process, taken over in pieces."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from segae.batch.worklist import Worklist
from segae.errors import OutputError
from segae.files import reason
from segae.jobs.events import Progress
from segae.jobs.process import ExitMessages
from segae.jobs.scratch import Scratch
from SegAELib.app.binding import _, qt
from SegAELib.app.calls import Calls

READING = ExitMessages(
    _("Reading the results"),
    _("close other programs and open the folder again"),
    _("open the folder again"),
    _("report it with the log"),
)


def new_scratch() -> Scratch:
    """A folder for what passes between processes; raises `OutputError` where there is no room for one."""
    try:
        return Scratch()
    except OSError as error:
        sentence = _("There is no place for temporary files ({reason}); free some space.")
        raise OutputError(sentence.format(reason=reason(error))) from error


@dataclass(frozen=True)
class Reader:
    """Who is told: `ready` gets the list and sentences about files that were left out, `failed` a sentence,
    `progress` how far it is."""

    ready: Callable[[Worklist, list[str]], None]
    failed: Callable[[str], None]
    progress: Callable[[Progress], None]


class WorklistReader:
    """Reads one folder at a time; the last one that was asked for counts."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._current: Worklist | None = None

    def read(self, folder: Path, reader: Reader) -> None:
        """Begin. Raises `OutputError` where there is no room for temporary files."""
        scratch, worklist = new_scratch(), Worklist(folder)
        out = scratch.path / "worklist.jsonl"
        self._current = worklist

        def read(problems: list[str]) -> None:
            self._take(worklist, worklist.read(out), scratch, lambda: reader.ready(worklist, problems))

        def failed(sentence: str) -> None:
            scratch.remove()
            reader.failed(sentence)

        arguments = {"folder": str(folder), "out": str(out)}
        function = "segae.batch.worklist:gather_worklist"
        self._calls.start("results", function, arguments, READING, read, failed, reader.progress)

    def stop(self) -> None:
        """Tell nobody any more."""
        self._calls.stop("results")
        self._current = None

    def _take(
        self, worklist: Worklist, pieces: Iterator[None], scratch: Scratch, done: Callable[[], None]
    ) -> None:
        """Take a piece of the list over, and the rest when the application had its turn."""
        if self._current is worklist:
            for _piece in pieces:
                qt.QTimer.singleShot(0, lambda: self._take(worklist, pieces, scratch, done))
                return
        scratch.remove()
        if self._current is worklist:
            done()
