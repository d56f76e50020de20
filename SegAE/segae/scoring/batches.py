"""Slices of different segments share the network's batches."""

from __future__ import annotations

from collections.abc import Iterator

from segae.scoring.inputs import PreparedSlices


def batches(parts: Iterator[PreparedSlices], size: int) -> Iterator[list[PreparedSlices]]:
    """Groups of parts of `size` slices together; a part that does not fit is split, the last group may be
    smaller."""
    batch: list[PreparedSlices] = []
    filled = 0
    for part in parts:
        while filled + len(part.slices) >= size:
            room = size - filled
            yield [*batch, part.part(slice(0, room))]
            part, batch, filled = part.part(slice(room, None)), [], 0
        if part.slices:
            batch.append(part)
            filled += len(part.slices)
    if batch:
        yield batch
