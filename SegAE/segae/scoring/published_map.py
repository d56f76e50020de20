"""Repeats the two slips of the published TotalSegmentator map, to compare numbers with the published code."""

from __future__ import annotations

from dataclasses import replace

from segae.data import Segment, Segmentation
from segae.labels.resolver import AmbiguousName, UnknownName, resolve


def with_published_map(segmentation: Segmentation) -> Segmentation:
    """The segments that the published map sends elsewhere (`urinary_bladder`, `face`), renamed as it does."""
    return replace(segmentation, segments=tuple(_mapped(segment) for segment in segmentation.segments))


def _mapped(segment: Segment) -> Segment:
    try:
        found = resolve(segment.name, published_map=True)
    except (UnknownName, AmbiguousName):
        return segment
    return replace(segment, structure=found.structure, reason=found.reason)
