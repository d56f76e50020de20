"""Where things go in the work folder, until the user says otherwise."""

from __future__ import annotations

from pathlib import Path

INDEX, TRAINING_SET, RUN = "index.json", "training-set", "training-1"


def proposed(chosen: str, before: str, work: str, name: str) -> str:
    """The path that takes the place of `chosen` when the work folder `before` becomes `work`: a path that was
    proposed, or none, follows it; one that the user chose stays. All are "" for none."""
    was_proposed = bool(before) and Path(chosen) == Path(before) / name
    if chosen and not was_proposed:
        return chosen
    return str(Path(work) / name) if work else ""
