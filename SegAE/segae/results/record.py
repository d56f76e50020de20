"""A report as plain values and back: the part that all file formats share.

A report is stored as a header (everything that is said once, segments included) and a table of scored slices,
segment by segment. The header knows how many rows are its own and how many belong to each segment, so several
reports can follow each other in one table. Slices in which an organ was only looked for stand with their
segment in the header, so that every row of the table is a score.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, fields, replace
from itertools import islice
from typing import Any

from segae.errors import InputError
from segae.finding import Finding
from segae.results import columns
from segae.results.types import CaseReport, ModelIdentity, SegmentResult, SliceResult, clipped, plain
from segae.results.verdicts import Doubts, judged, volume_dice

FORMAT = 2  # rises when a file written now could not be read by the code of before
READ = (1, 2)
_FIRST_VERSIONS = ("0.1", "0.2")  # whose columns every table of this format has

_KEPT = ("case", "ct", "segmentation", "timings", "options", "slice_axis")  # as JSON holds them
_OF_SEGMENT = [one.name for one in fields(SegmentResult) if one.name not in ("slices", "searched")]
_OF_SEARCH = list(columns.stored(columns.SEARCHED, SliceResult, "slice"))
_OF_SLICE = columns.stored(columns.SLICES, SliceResult, "slice")

# What the table of version 0.1 holds beside the columns that are still written.
_OLD_KINDS: Mapping[str, type] = {"score": float}
KINDS: Mapping[str, type] = {**{one.name: one.kind for one in columns.SLICES}, **_OLD_KINDS}
MAY_BE_EMPTY = frozenset(one.name for one in columns.SLICES if one.optional)


def header_of(report: CaseReport) -> dict[str, Any]:
    """Everything but the scored slices, as JSON values."""
    return {
        "format": FORMAT,
        **{name: getattr(report, name) for name in _KEPT},
        "threshold": report.threshold,
        "patient": report.patient,
        "model": asdict(report.model),
        "findings": [asdict(finding) for finding in report.findings],
        "segments": [_segment_values(segment) for segment in report.segments],
        "n_slices": report.n_slices,
    }


def row_values(report: CaseReport) -> Iterator[list[Any]]:
    """The scored slices in the order of `columns.SLICES`, as Python's own numbers and text."""
    return iter(columns.table_rows(columns.SLICES, report.rows()))


def report_from(header: Mapping[str, Any], names: Sequence[str], rows: Iterable[Sequence[Any]]) -> CaseReport:
    """The report of a header and its rows, whose values have these column `names`.

    Raises `InputError` for a header of another format; KeyError, TypeError or ValueError for broken ones.
    """
    if header["format"] not in READ:
        raise InputError(
            f"The report has format {header['format']} and this version reads up to {FORMAT}; "
            "update SegAE or score again."
        )
    rows = list(rows)
    if len(rows) != header["n_slices"]:
        raise ValueError(f"{header['n_slices']} slices are announced and {len(rows)} are there")
    return (_read_first if header["format"] == 1 else _read)(header, names, rows)


def summary_from(header: Mapping[str, Any]) -> CaseReport | None:
    """The report of a header without its scored slices, for a list of masks; None for one of version 0.1,
    whose verdicts are decided on its slices. Raises like `report_from`."""
    if header["format"] == 1:
        return None
    without = [{**values, "n_slices": 0} for values in header["segments"]]
    return report_from({**header, "segments": without, "n_slices": 0}, list(KINDS), [])


def reports_from(
    headers: Iterable[Mapping[str, Any]], names: Sequence[str], rows: Iterable[Sequence[Any]]
) -> tuple[CaseReport, ...]:
    """The reports whose rows follow each other in one table; raises like `report_from`."""
    left = iter(rows)
    reports = tuple(report_from(header, names, islice(left, header["n_slices"])) for header in headers)
    if next(left, None) is not None:
        raise ValueError("there are more slices than announced")
    return reports


def slice_values(slices: Iterable[SliceResult]) -> list[list[Any]]:
    """Slices as lists of plain values, all fields, for `slices_from`."""
    return [[getattr(one, field.name) for field in fields(SliceResult)] for one in slices]


def slices_from(values: Iterable[Sequence[Any]]) -> tuple[SliceResult, ...]:
    """Inverse of `slice_values`."""
    return tuple(SliceResult(*one) for one in values)


def _segment_values(segment: SegmentResult) -> dict[str, Any]:
    searched = [[getattr(one, name) for name in _OF_SEARCH] for one in segment.searched]
    return {
        **{name: plain(getattr(segment, name)) for name in _OF_SEGMENT},
        "n_slices": segment.n_slices,
        "searched": {"columns": _OF_SEARCH, "rows": searched} if searched else None,
    }


def _header_fields(header: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **{name: header[name] for name in _KEPT},
        "patient": header.get("patient", ""),  # files before 0.2 have none
        # Files before 0.2 say more of a model.
        "model": ModelIdentity(*(header["model"][one.name] for one in fields(ModelIdentity))),
        "findings": tuple(Finding.from_dict(finding) for finding in header["findings"]),
    }


def _read(header: Mapping[str, Any], names: Sequence[str], rows: list[Sequence[Any]]) -> CaseReport:
    place = {name: n for n, name in enumerate(names)}
    optional = (one.name for one in _OF_SLICE.values() if one.optional or one.since not in _FIRST_VERSIONS)
    absent = {one.name for one in _OF_SLICE.values()} - place.keys() - set(optional)
    if absent:
        raise ValueError(f"the column {min(absent)} is missing")
    wanted = {name: place[one.name] for name, one in _OF_SLICE.items() if one.name in place}
    left = iter(rows)
    segments = []
    for values in header["segments"]:
        own = list(islice(left, values["n_slices"]))
        if any(row[place["segment"]] != values["segment"] for row in own):
            raise ValueError(f'its rows are not in the order of its segments, see "{values["segment"]}"')
        slices = tuple(SliceResult(**{name: row[n] for name, n in wanted.items()}) for row in own)
        segments.append(_segment(values, slices))
    return CaseReport(**_header_fields(header), segments=tuple(segments), threshold=header["threshold"])


def _segment(values: Mapping[str, Any], slices: tuple[SliceResult, ...]) -> SegmentResult:
    search = values["searched"] or {"columns": [], "rows": []}
    searched = (
        SliceResult(**dict(zip(search["columns"], row, strict=True)), area_mm2=0.0) for row in search["rows"]
    )
    kept = {name: values[name] for name in _OF_SEGMENT if name in values}
    lists = {name: tuple(kept[name]) for name in ("reasons", "missing_slices")}
    return SegmentResult(**{**kept, **lists}, slices=slices, searched=tuple(searched))


def _read_first(header: Mapping[str, Any], names: Sequence[str], rows: list[Sequence[Any]]) -> CaseReport:
    """A report of version 0.1. Rows belong to a segment by name and structure, verdicts are decided now, and
    of a model with intervals the score is the calibrated one, so that the raw one is not known."""
    table = [dict(zip(names, row, strict=True)) for row in rows]
    is_calibrated = any(row.get("interval_low") is not None for row in table)
    common = _header_fields(header)
    doubts, slices, searched = Doubts(common["findings"]), _by_segment(table), _first_searches(header)
    extents = {(one["segment"], one["structure_index"]): one for one in header["segments"]}
    for key, own in slices.items():
        extents.setdefault(key, _unlisted(key, own))
    segments = []
    for key, extent in extents.items():
        slice_mm = header.get("slice_mm") or _slice_mm(extent, slices.get(key, []))
        scored = tuple(_first_slice(row, slice_mm, is_calibrated) for row in slices.get(key, []))
        segment = SegmentResult(
            **{name: extent[name] for name in _EXTENT},
            slices=scored,
            searched=searched.get(key, ()),
            interval_low=extent.get("interval_low"),
            interval_high=extent.get("interval_high"),
        )
        segments.append(judged(_first_dice(segment, extent), doubts, slice_axis=header["slice_axis"]))
    return CaseReport(**common, segments=tuple(segments))


_Key = tuple[str, int | None]
_EXTENT = ("segment", "structure_index", "structure", "n_voxels", "volume_ml")


def _by_segment(rows: Iterable[Mapping[str, Any]]) -> dict[_Key, list[Mapping[str, Any]]]:
    groups: dict[_Key, list[Mapping[str, Any]]] = {}
    for row in rows:
        groups.setdefault((row["segment"], row["structure_index"]), []).append(row)
    return groups


def _first_slice(row: Mapping[str, Any], slice_mm: float, is_calibrated: bool) -> SliceResult:
    kept: dict[str, Any] = {name: row[one.name] for name, one in _OF_SLICE.items() if one.name in row}
    raw = None if is_calibrated else row["score"]
    return SliceResult(**kept, thickness_mm=slice_mm, raw_score=raw, predicted_dice=clipped(row["score"]))


def _first_searches(header: Mapping[str, Any]) -> dict[_Key, tuple[SliceResult, ...]]:
    found: dict[_Key, tuple[SliceResult, ...]] = {}
    for search in header.get("searched", ()):  # the oldest files have none
        rows = (dict(zip(search["columns"], row, strict=True)) for row in search["slices"])
        key = (search["segment"], search["structure_index"])
        found[key] = (*found.get(key, ()), *(SliceResult(**row, area_mm2=0.0) for row in rows))
    return found


def _first_dice(segment: SegmentResult, extent: Mapping[str, Any]) -> SegmentResult:
    """With the Dice that the file holds, or that follows from its slices."""
    volume = volume_dice(segment)
    shown = extent.get("volume_dice")
    raws = [one.raw_score for one in segment.slices]
    known = [raw for raw in raws if raw is not None]
    mean = math.fsum(known) / len(known) if known and len(known) == len(raws) else None
    predicted = volume if shown is None else shown
    return replace(
        segment,
        raw_dice=mean if volume is None else volume,
        predicted_dice=segment.mean if predicted is None else predicted,
    )


def _unlisted(key: _Key, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What to say of a segment that the header does not name."""
    return {
        "segment": key[0], "structure_index": key[1], "structure": rows[0]["structure"],
        "n_voxels": 0, "volume_ml": 0.0,
    }  # fmt: skip


def _slice_mm(extent: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> float:
    """Distance of slices where the header does not say: what the mask's volume asks for, 0 when unknown."""
    area = sum(row["area_mm2"] for row in rows)
    return extent["volume_ml"] * 1000 / area if area > 0 else 0.0


def strict_json(value: object) -> str:
    """JSON in one line of ASCII; raises ValueError for NaN, infinity or a value that JSON does not have."""
    try:
        return json.dumps(value, allow_nan=False)
    except TypeError as error:
        raise ValueError(str(error)) from error


def parse_strict_json(text: str) -> Any:
    """The value of strict JSON; raises ValueError for anything else, NaN included."""
    return json.loads(text, parse_constant=_refuse)


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")
