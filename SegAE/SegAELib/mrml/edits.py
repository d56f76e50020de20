"""What a segment looked like when it was scored, and whether it was edited since."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Generator, Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from segae.data import Segment
from segae.geometry.box import Box
from SegAELib.mrml.binding import BINARY_LABELMAP, SegmentationNode, VolumeNode, slicer
from SegAELib.mrml.nodes import require_segmentation
from SegAELib.mrml.scene_reader import masks_in_parts, whole
from SegAELib.mrml.score_tags import set_stale


@dataclass(frozen=True)
class Fingerprint:
    """A digest of the mask in each scored slice; slices count along `axis` (0, 1, 2 = k, j, i).

    `unscored`: slices that had a mask then and were not scored; None when that is not known.
    """

    axis: int
    digests: Mapping[int, str]
    unscored: frozenset[int] | None = frozenset()

    def of_scored(self, scored: Collection[int]) -> Fingerprint:
        """The same when only the slices `scored` were."""
        digests = {index: digest for index, digest in self.digests.items() if index in scored}
        if self.unscored is None:
            return Fingerprint(self.axis, digests, None)
        return Fingerprint(self.axis, digests, (self.unscored | self.digests.keys()) - frozenset(scored))

    def counts(self, index: int) -> bool:
        """Whether a mask in this slice is a change, if it is not the one that was scored."""
        return index in self.digests or (self.unscored is not None and index not in self.unscored)


@dataclass(frozen=True)
class SliceChanges:
    """Slices that differ from what was scored: `rescore` have a new mask, `removed` have none any more."""

    rescore: tuple[int, ...]
    removed: tuple[int, ...]

    def __bool__(self) -> bool:
        return bool(self.rescore or self.removed)


def fingerprint(segment: Segment, axis: int) -> Fingerprint:
    """Digests of the slices of `segment` along array axis `axis` (0, 1, 2 = k, j, i) of its grid.

    A digest depends on the voxels of its slice and their place in the grid only, not on the rest of the
    segment.
    """
    planes = np.moveaxis(segment.voxels(), axis, 0)
    start = segment.box[axis].start
    rows, columns = (segment.box[a].start for a in range(3) if a != axis)
    digests = ((start + n, _digest(plane, rows, columns)) for n, plane in enumerate(planes))
    return Fingerprint(axis, {index: digest for index, digest in digests if digest})


def changed_slices(old: Fingerprint, segment: Segment) -> SliceChanges:
    """What has to be scored again, and what has to go, since `old` was taken of the same segment.

    A slice that was not scored has no score that could be out of date; one that had no mask then is new.
    """
    new = fingerprint(segment, old.axis).digests
    rescore = (i for i, digest in new.items() if old.counts(i) and old.digests.get(i) != digest)
    return SliceChanges(tuple(sorted(rescore)), tuple(sorted(old.digests.keys() - new.keys())))


def _digest(plane: np.ndarray, rows: int, columns: int) -> str:
    """Hash of the set voxels of a plane that begins at (`rows`, `columns`); "" when none is set."""
    j, i = Box.of_mask(plane)
    if j.start == j.stop:
        return ""
    place = np.array([rows + j.start, columns + i.start, j.stop - j.start, i.stop - i.start], "<i4")
    return hashlib.blake2b(place.tobytes() + np.packbits(plane[j, i]).tobytes(), digest_size=8).hexdigest()


class EditWatch:
    """Watches the voxels of one segmentation, and where they lie on a volume.

    An edit only calls `on_edit`, since it happens with each stroke of a brush; `touched` is cheap, and
    `check` reads what may have changed and tells which slices have. Call `close` when done.
    """

    def __init__(
        self, node: SegmentationNode, volume: VolumeNode, on_edit: Callable[[], None] | None = None
    ) -> None:
        self._node, self._volume, self._on_edit = node, volume, on_edit
        self._seen: dict[str, tuple[int, ...]] = {}
        moved = slicer.vtkMRMLTransformableNode.TransformModifiedEvent
        edited = slicer.vtkSegmentation.SourceRepresentationModified
        removed = slicer.vtkSegmentation.SegmentRemoved
        self._observed = [
            (target, target.AddObserver(event, self._heard))
            for target, event in ((node, edited), (node, removed), (node, moved), (volume, moved))
        ]

    def close(self) -> None:
        """Stop watching."""
        for target, tag in self._observed:
            target.RemoveObserver(tag)
        self._observed = []

    def remember(self, segment_ids: Iterable[str]) -> None:
        """Take the segments as they are now for what is scored; call it right after they were read."""
        self._seen.update({segment_id: self._state(segment_id) for segment_id in segment_ids})

    def touched(self, scored: Iterable[str]) -> list[str]:
        """Those of the `scored` segments whose labelmap or place may differ from what `remember` saw."""
        return [segment_id for segment_id in scored if self._seen.get(segment_id) != self._state(segment_id)]

    def check(self, scored: Mapping[str, Fingerprint]) -> dict[str, SliceChanges]:
        """What changed in the scored segments, by id; unchanged ones are left out.

        Segments are marked as stale, or as good again, in their tags. A deleted segment has all its slices
        removed. Raises `InputError` when a node is gone or cannot be read.
        """
        return whole(self.check_in_parts(scored))

    def check_in_parts(
        self, scored: Mapping[str, Fingerprint]
    ) -> Generator[int, None, dict[str, SliceChanges]]:
        """`check` in parts (see `scene_reader`); what is edited between two of them is seen the next time."""
        touched = self.touched(scored)
        states = {segment_id: self._state(segment_id) for segment_id in touched}
        present = set(require_segmentation(self._node).GetSegmentation().GetSegmentIDs())
        segments = yield from masks_in_parts(self._node, self._volume, [i for i in touched if i in present])
        changes: dict[str, SliceChanges] = {}
        for segment_id, segment in segments.items():
            changes[segment_id] = changed_slices(scored[segment_id], segment)
            yield len(changes)
        present &= set(require_segmentation(self._node).GetSegmentation().GetSegmentIDs())
        changes = {i: change for i, change in changes.items() if i in present}  # not deleted meanwhile
        was = self._node.StartModify()
        for segment_id, change in changes.items():
            set_stale(self._node, segment_id, bool(change))
        self._node.EndModify(was)
        self._seen.update({i: states[i] for i, change in changes.items() if not change})
        gone = {i: SliceChanges((), tuple(sorted(scored[i].digests))) for i in touched if i not in present}
        return {**{i: change for i, change in changes.items() if change}, **gone}

    def _heard(self, *_: object) -> None:
        if self._on_edit is not None:
            self._on_edit()

    def _state(self, segment_id: str) -> tuple[int, ...]:
        """Label value, and times of the last change of labelmap and transforms; () when it is gone."""
        segment = self._node.GetSegmentation().GetSegment(segment_id)
        if segment is None:
            return ()
        image = segment.GetRepresentation(BINARY_LABELMAP)
        transforms = (node.GetParentTransformNode() for node in (self._node, self._volume))
        return (
            segment.GetLabelValue(),
            image.GetMTime() if image is not None else 0,
            *(
                transform.GetTransformToWorldMTime() if transform is not None else 0
                for transform in transforms
            ),
        )
