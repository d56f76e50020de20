"""Pictures of the masks to look at first, for the page of a data set."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from segae.data import Segment, Volume
from segae.errors import Cancelled, InputError, SegAEError
from segae.files import reason
from segae.inputs.stack import CTStack
from segae.io.case_files import read_case
from segae.io.layouts import CaseFiles
from segae.progress import Watch
from segae.report.cutout import plane_of
from segae.report.page.contents import CaseEntry, Contents, MaskEntry
from segae.report.slice_picture import thumbnail
from segae.report.style import Palette, colour
from segae.scoring.error_map import locate_errors
from segae.scoring.options import ScoringOptions
from segae.scoring.scorer import Scorer


@dataclass
class Thumbnails:
    """`pictures`: WebP by place in `Contents.masks`. `notes`: sentences about those that could not be made,
    or were made without errors."""

    pictures: dict[int, bytes] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def draw_thumbnails(
    contents: Contents, most: int, scorer: Scorer, *, palette: Palette = "traffic", watch: Watch | None = None
) -> Thumbnails:
    """Pictures of the first `most` masks that need review, each in the slice to look at first.

    Predicted errors are drawn where `scorer` has the model that the case was scored with, and that model
    predicts them. CTs and masks are read anew, case by case; what cannot be read is told. Raises `Cancelled`.
    """
    watch, made = watch or Watch(), Thumbnails()
    first = [n for n, one in enumerate(contents.masks) if one.needs_review and one.slice is not None][:most]
    by_case: dict[int, list[int]] = defaultdict(list)
    for n in first:
        by_case[contents.masks[n].case].append(n)
    others: set[str] = set()
    done = 0
    for number, places in by_case.items():
        watch.step("pictures", done, len(first))
        case, masks = contents.cases[number], [contents.masks[n] for n in places]
        if case.model.sha256 != scorer.model.sha256:
            others.add(case.model.name)
        try:
            drawn = _draw_case(case, masks, scorer, palette)
            made.pictures |= {n: one for n, one in zip(places, drawn, strict=True) if isinstance(one, bytes)}
            made.notes += [f"No picture of {case.case}: {one}" for one in drawn if isinstance(one, str)]
        except Cancelled:
            raise
        except SegAEError as error:
            made.notes.append(f"No pictures of {case.case}: {error}")
        except OSError as error:
            made.notes.append(f'No pictures of {case.case}: "{case.ct}" cannot be read ({reason(error)}).')
        done += len(places)
    watch.step("pictures", len(first), len(first))
    for label in sorted(others):
        made.notes.append(
            f"Pictures of cases that were scored with {label} show no predicted errors; give that model with "
            "--model."
        )
    return made


def _draw_case(
    case: CaseEntry, masks: Sequence[MaskEntry], scorer: Scorer, palette: Palette
) -> list[bytes | str]:
    """A picture of each mask, or a sentence that says why there is none."""
    options = ScoringOptions.of_report(case.options)
    files = CaseFiles.of_report(case.case, case.ct, case.masks, case.options)
    volume, segmentation = read_case(files, options.names, scorer.model.label_table)
    checked = scorer.check(volume, segmentation, options).segmentation
    # Empty masks are not among those that can be scored, but their organ may be there.
    segments = {one.name: one for one in (*segmentation.segments, *checked.segments)}
    knows_errors = case.model.sha256 == scorer.model.sha256 and scorer.model.spec.predicts_areas
    stack = scorer.orient(volume) if knows_errors else None
    return [_draw(one, segments.get(one.segment), volume, stack, scorer, palette) for one in masks]


def _draw(
    mask: MaskEntry,
    segment: Segment | None,
    volume: Volume,
    stack: CTStack | None,
    scorer: Scorer,
    palette: Palette,
) -> bytes | str:
    """One picture, or why there is none; `stack`: None when errors cannot be drawn."""
    if segment is None or mask.slice is None:
        return f'there is no mask "{mask.segment}" any more.'
    try:
        errors = None
        if stack is not None and segment.structure is not None:
            is_there = plane_of(segment, mask.slice).any()
            located = locate_errors(scorer, stack, segment, [mask.slice] if is_there else None)
            errors = (located.missing, located.extra)
        hue = colour(mask.predicted_dice or 0.0, palette)
        return thumbnail(volume, segment, mask.structure, mask.slice, hue, errors)
    except InputError as error:
        return str(error)
