"""A job that is the call of one function in a child of its own, such as an import, a check or a program."""

from __future__ import annotations

import queue
import runpy
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from segae.errors import InputError, ModelError, OutputError, SegAEError
from segae.files import python_executable, reason
from segae.jobs.events import LAST, Event, Failed, Progress, Returned, command
from segae.jobs.process import ChildProcess, Exit, ExitMessages, explain_exit
from segae.jobs.scratch import Scratch
from segae.jobs.tasks import failure
from segae.progress import Watch, listening

_LOOK = 0.2  # seconds between two looks at the cancel token
_PATIENCE = 10.0  # seconds in which a stopped child and what it started may end by themselves
_ERRORS: Mapping[str, type[SegAEError]] = {"input": InputError, "model": ModelError}


class CallJob:
    """Calls `function` ("module:name") as name(watch, **arguments) in a child; arguments and the value that
    it returns are JSON values.

    `messages`: how an end without an event is told. `log`: file to which all that is printed there is added.
    `variables`: more environment variables. The child ends with `close`, and by itself when this process
    ends in any way.
    """

    def __init__(
        self,
        function: str,
        arguments: Mapping[str, Any],
        messages: ExitMessages,
        *,
        log: Path | None = None,
        variables: Mapping[str, str] | None = None,
        executable: str | None = None,
    ) -> None:
        self._function, self._arguments, self._messages = function, dict(arguments), messages
        self._log, self._variables = log, variables
        self._executable = executable or python_executable()
        self._child: ChildProcess | None = None

    @property
    def running(self) -> bool:
        """Whether its end was not fetched yet."""
        return self._child is not None

    def start(self) -> None:
        """Begin; raises `OutputError` when no child can be started."""
        scratch = None
        try:
            scratch = Scratch()
            if self._log is not None:
                self._log.parent.mkdir(parents=True, exist_ok=True)
            self._child = ChildProcess(
                self._executable,
                scratch,
                log=self._log,
                variables=self._variables,
            )
        except OSError as error:
            if scratch is not None:
                scratch.remove()
            place = "" if error.filename is None else f': "{error.filename}"'
            raise OutputError(
                f"{self._messages.name} cannot be started ({reason(error)}{place}); check that place, or "
                "install the application again."
            ) from error
        self._child.send(
            command(
                "call", 1, function=self._function, arguments=self._arguments, paths=_paths(self._function)
            )
        )

    def poll(self) -> list[Event]:
        """The events since the last call, without waiting for more. The last one is `Returned` or
        `Failed`."""
        events: list[Event] = []
        while self._child is not None:
            try:
                events += self._take(self._child.messages.get_nowait())
            except queue.Empty:
                break
        return events

    def run(self, watch: Watch | None = None) -> Any:
        """Do all of it and wait; returns what the function returned, and tells `watch` its steps.

        Raises the function's `SegAEError`, `OutputError` when the child ended otherwise, and `Cancelled`.
        """
        watch = watch or Watch()
        self.start()
        try:
            while self._child is not None:
                if watch.cancel is not None:
                    watch.cancel.raise_if_cancelled()
                try:
                    message = self._child.messages.get(timeout=_LOOK)
                except queue.Empty:
                    continue
                for event in self._take(message):
                    if isinstance(event, Progress):
                        watch.step(event.stage, event.done, event.total)
                    elif isinstance(event, Failed):
                        raise _ERRORS.get(event.kind, OutputError)(event.sentence)
                    elif isinstance(event, Returned):
                        return event.value
            raise AssertionError("a call ends with an event")
        finally:
            self.close(_PATIENCE)

    def close(self, patience: float = 0.0) -> None:
        """Stop it and what it started, within `patience` seconds by itself; nothing stays behind."""
        child, self._child = self._child, None
        if child is not None:
            child.end(patience)

    def _take(self, message: tuple[int, Event] | Exit | Exception) -> list[Event]:
        if isinstance(message, Exception):
            raise message
        if isinstance(message, Exit):
            self.close()
            return [explain_exit(message.code, message.details, self._messages)]
        event = message[1]
        if isinstance(event, LAST):
            self.close(_PATIENCE)
        return [event]


def _paths(function: str) -> list[str]:
    """The folder of the function's package, as the child may know another path, or none."""
    package = find_spec(function.split(":")[0].split(".")[0])
    return [] if package is None or package.origin is None else [str(Path(package.origin).parents[1])]


def call(function: str, arguments: Mapping[str, Any], paths: Sequence[str], watch: Watch) -> Event:
    """In the child: call the function and tell how it ended. What a user cannot help is raised."""
    sys.path[:0] = [path for path in paths if path not in sys.path]
    module, name = function.split(":")
    try:
        return Returned(getattr(import_module(module), name)(watch, **arguments))
    except (SegAEError, MemoryError, RuntimeError) as error:
        return failure(error)


# Functions for `CallJob`


def import_published_model(watch: Watch, weights: str, embeddings: str, out: str) -> None:
    """Write published weights as a checkpoint; raises what `import_published` raises."""
    from segae.models.checkpoint import save_checkpoint
    from segae.models.published_import import import_published

    save_checkpoint(import_published(Path(weights), Path(embeddings)), Path(out))


def read_mask_files(watch: Watch, path: str, names: str | None, folder: str, ct: dict[str, Any]) -> None:
    """Read masks and leave them in a folder, for `payload.read_masks`; raises what `read_segmentation`
    raises. `names`: a file or a scheme. `ct`: a `CTPlace` as plain values."""
    from segae.data import CTPlace
    from segae.io.segmentation import read_segmentation
    from segae.jobs.payload import write_masks

    write_masks(Path(folder), read_segmentation(path, names=names, ct=CTPlace.from_json(ct)))


def import_modules(watch: Watch, names: list[str]) -> None:
    """Import modules; raises `InputError` with the reason when that fails."""
    for name in names:
        try:
            import_module(name)
        except (ImportError, OSError, RuntimeError) as error:
            raise InputError(reason(error)) from error


def run_program(watch: Watch, program: str, arguments: list[str]) -> int:
    """Run a module by its name, or a script by its path, as Python does, and tell the steps that it shows;
    returns its exit code."""
    sys.argv = [program, *arguments]
    try:
        with listening(lambda step: watch.step(step.stage, step.done, step.total)):
            if program.endswith(".py"):
                runpy.run_path(program, run_name="__main__")
            else:
                runpy.run_module(program, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        sys.stdout.flush()
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0
