"""The scores of all slices painted into one image, so that bins can be moved without a look at masks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from segae.data import Segment
from segae.geometry.box import Box, enclosing_box
from segae.results.bins import ScoreBins

# Scores 1..0 become 1..CODES + 1 and 0 is background, so where segments overlap the worst is the highest.
CODES = 65534


def encode(scores: np.ndarray) -> np.ndarray:
    """Codes of scores, clipped to 0..1, in steps of 1/65534: the lower the score, the higher; 0 for NaN."""
    return np.where(np.isnan(scores), 0, np.rint((1 - np.clip(scores, 0, 1)) * CODES) + 1).astype(np.uint16)


class ScoreImage:
    """Slice scores of segments on the voxels of `box` (k, j, i); slice indices count along axis `axis`."""

    def __init__(self, box: Box, axis: int) -> None:
        self.box = box
        self.axis = axis
        self.codes = np.zeros(box.shape, np.uint16)
        self._painted: dict[str, tuple[Segment, Mapping[int, float]]] = {}
        self._hidden: frozenset[str] = frozenset()

    def paint(self, key: str, segment: Segment, scores: Mapping[int, float]) -> Box:
        """Show `scores` by slice index on the voxels of `segment`; slices without score are left out.

        Takes the place of what was painted under the same key. The image grows when the segment reaches out
        of it. Returns the box (k, j, i) in which voxels may have changed.
        """
        grown = self._grow(segment.box)
        before = self._painted.pop(key, None)
        if before is not None:
            self._erase(before[0].box)
        self._painted[key] = (segment, dict(scores))
        if key not in self._hidden:
            self._draw(segment, scores, segment.box)
        return self.box if grown else segment.box.union(before[0].box if before else segment.box)

    def hide(self, keys: Iterable[str]) -> Box:
        """Show all that was painted but for these keys, now and when they are painted again; returns the box
        in which voxels may have changed."""
        before, self._hidden = self._hidden, frozenset(keys)
        changed = (before ^ self._hidden) & self._painted.keys()
        box = enclosing_box(self._painted[key][0].box for key in changed)
        if not box.is_empty:
            self._erase(box)
        return box

    def bins(self, bins: ScoreBins, out: np.ndarray, box: Box | None = None) -> None:
        """Write 0 for no score and 1 (worst) to 4 (best) into `out`, uint8 of the image's shape.

        Only inside of `box`, when one is given. An edge of the bins is rounded to the steps of the codes.
        """
        part = (box or self.box).relative_to(self.box).slices
        edges = encode(np.array(bins.edges))
        for codes, target in zip(
            self.codes[part], out[part], strict=True
        ):  # a slice at a time stays in the cache
            np.multiply(codes > 0, np.uint8(4), out=target)
            for edge in edges:
                np.subtract(target, codes > edge, out=target)

    def _grow(self, box: Box) -> bool:
        wide = self.box.union(box)
        if wide == self.box:
            return False
        old, self.box = self.box, wide
        codes = np.zeros(wide.shape, np.uint16)
        codes[old.relative_to(wide).slices] = self.codes
        self.codes = codes
        return True

    def _erase(self, box: Box) -> None:
        self.codes[box.relative_to(self.box).slices] = 0
        for key, (segment, scores) in self._painted.items():
            if key not in self._hidden:
                self._draw(segment, scores, box)

    def _draw(self, segment: Segment, scores: Mapping[int, float], within: Box) -> None:
        box = segment.box.intersect(within).intersect(self.box)
        if box.is_empty:
            return
        slices = range(box[self.axis].start, box[self.axis].stop)
        codes = encode(np.array([scores.get(s, np.nan) for s in slices]))
        shape = [1, 1, 1]
        shape[self.axis] = -1
        inside = segment.voxels()[box.relative_to(segment.box).slices]
        target = self.codes[box.relative_to(self.box).slices]
        np.maximum(target, inside * codes.reshape(shape), out=target)
