"""A long call as a row of `Progress`, so that whoever waits for it can do other things in between."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Generator
from typing import TypeVar

from segae.progress import CancelToken, Step, Watch
from segae.worker.events import Progress

Outcome = TypeVar("Outcome")


def steps_of(work: Callable[[Watch], Outcome], cancel: CancelToken) -> Generator[Progress, None, Outcome]:
    """Do `work` in a thread; yields a `Progress` for each of its steps and returns what it returns, or raises
    what it raises. A generator that is closed early stops the work at its next step."""
    steps: queue.SimpleQueue[Step | None] = queue.SimpleQueue()
    outcome: list[Outcome] = []
    problem: list[BaseException] = []

    def run() -> None:
        try:
            outcome.append(work(Watch(steps.put, cancel)))
        except BaseException as error:  # raised again where the caller waits
            problem.append(error)
        finally:
            steps.put(None)

    thread = threading.Thread(target=run, daemon=True)
    started = time.perf_counter()
    thread.start()
    try:
        while (step := steps.get()) is not None:
            yield Progress(step.stage, step.done, step.total, time.perf_counter() - started)
    except GeneratorExit:
        cancel.cancel()
        raise
    finally:
        thread.join()
    if problem:
        raise problem[0]
    return outcome[0]
