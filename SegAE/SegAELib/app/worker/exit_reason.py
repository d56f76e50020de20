"""What the end of a child that said nothing means to a user."""

from __future__ import annotations

import signal

from segae.worker.events import Failed

_ACCESS_VIOLATION = 0xC0000005  # how Windows ends a program that crashes
_SHELL_SIGNAL = 128  # a shell in between turns signal n into exit code 128 + n


def explain_exit(code: int, details: str) -> Failed:
    """`code` as subprocess gives it (negative: killed by a signal); `details`: the end of stderr."""
    number = -code if code < 0 else code - _SHELL_SIGNAL
    name = _signal_name(number)
    if name == "SIGKILL":
        sentence = (
            "The scoring process was killed from outside, most likely because memory ran out; close other "
            "programs, or score fewer segments at a time."
        )
        return Failed(sentence, "memory", details)
    if name or code == _ACCESS_VIOLATION:
        sentence = (
            f"The scoring process crashed ({name or 'access violation'}); score again, and install PyTorch "
            "again if it stays so."
        )
        return Failed(sentence, "crash", details)
    last = details.strip().splitlines()[-1:] or ["no message"]
    sentence = f"The scoring process ended with code {code} ({last[0].strip()}); report it with the log."
    return Failed(sentence, "crash", details)


def _signal_name(number: int) -> str | None:
    try:
        return signal.Signals(number).name
    except ValueError:
        return None
