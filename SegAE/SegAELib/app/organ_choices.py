"""What each segment is taken for: the guess, and the user's own choice before it."""

from __future__ import annotations

from collections.abc import Iterable, MutableMapping

from segae.labels import Structure, by_index
from SegAELib.mrml.binding import SegmentationNode
from SegAELib.mrml.organ_guess import OrganGuess, guess_organs

CHOSEN = "chosen by you"


class OrganChoices:
    """Choices are kept in `store` (a parameter of the scene): table index by segmentation and segment id."""

    def __init__(self, store: MutableMapping[str, str]) -> None:
        self._store = store

    def choose(self, node: SegmentationNode, segment_id: str, structure: Structure | None) -> None:
        """Remember the user's choice; None goes back to the guess."""
        key = _key(node, segment_id)
        if structure is not None:
            self._store[key] = str(structure.index)
        elif key in self._store:
            del self._store[key]

    def is_chosen(self, node: SegmentationNode, segment_id: str) -> bool:
        """Whether the user chose, so that the guess does not count."""
        return _key(node, segment_id) in self._store

    def of(self, node: SegmentationNode, segment_ids: Iterable[str] | None = None) -> dict[str, OrganGuess]:
        """By segment id (None: all): the choice where there is one, else the guess."""
        guesses = guess_organs(node, segment_ids)
        for segment_id in guesses:
            key = _key(node, segment_id)
            if key in self._store:
                guesses[segment_id] = OrganGuess(by_index(int(self._store[key])), CHOSEN, 1.0)
        return guesses


def _key(node: SegmentationNode, segment_id: str) -> str:
    return f"{node.GetID()} {segment_id}"
