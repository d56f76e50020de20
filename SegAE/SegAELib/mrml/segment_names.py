"""Name and terminology of a segment: which structure it is, and how it is called something else."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from segae.errors import InputError
from segae.labels.identify import Identification, identify
from segae.labels.structure import Structure
from segae.labels.table import LabelTable
from segae.labels.terminology import terminology_for
from SegAELib.mrml.binding import Segment, SegmentationNode


@dataclass(frozen=True)
class Naming:
    """`terminology`: Slicer's entry, from which the DICOM codes of an export come; "" when there is none."""

    name: str
    terminology: str


def naming_of(node: SegmentationNode, segment_id: str) -> Naming:
    """What a segment is called now; raises `InputError` when it is gone."""
    segment = _segment(node, segment_id)
    return Naming(segment.GetName() or "", segment.GetTerminology() or "")


def namings_of(node: SegmentationNode) -> dict[str, Naming]:
    """What all segments are called, by id."""
    return {segment_id: naming_of(node, segment_id) for segment_id in node.GetSegmentation().GetSegmentIDs()}


def set_naming(node: SegmentationNode, segment_id: str, naming: Naming) -> None:
    """Call a segment something else; raises `InputError` when it is gone. Slicer's own undo, where it is
    switched on, takes it back too."""
    segment = _segment(node, segment_id)
    node.GetScene().SaveStateForUndo(node)
    was = node.StartModify()
    segment.SetName(naming.name)
    segment.SetTerminology(naming.terminology)
    node.EndModify(was)


def naming_for(structure: Structure, before: Naming, others: Iterable[str] = ()) -> Naming:
    """Name and terminology of a structure, spelt as the name `before` was; where that has one word only, as
    most of the `others` of its file."""
    return Naming(spelt_like(structure.name, [before.name], others), terminology_for(structure))


def spelt_like(name: str, *examples: Iterable[str]) -> str:
    """`name`, words apart, with the blanks or underscores, and the capitals, of the first examples that show
    them: "kidney left" like "Lung_Right" is "Kidney_Left"."""
    for names in map(list, examples):
        signs = Counter(sign for one in names for sign in "_ " if sign in one.strip())
        if signs:
            words = next(one for one in names if signs.most_common(1)[0][0] in one)
            if all(word[:1].isupper() or word[:1].isdecimal() for word in re.split("[_ ]", words) if word):
                name = " ".join(word[:1].upper() + word[1:] for word in name.split())
            return name.replace(" ", signs.most_common(1)[0][0])
    return name


_GENERIC = re.compile(r"segment[_ ](\d+)", re.IGNORECASE)  # as Slicer calls the values of a label map


def label_values(node: SegmentationNode) -> dict[str, int]:
    """The value that each segment had in its file, by id, of those that are called after it ("Segment_6")."""
    segmentation = node.GetSegmentation()
    matches = {
        i: _GENERIC.fullmatch(segmentation.GetSegment(i).GetName() or "")
        for i in segmentation.GetSegmentIDs()
    }
    return {i: int(match.group(1)) for i, match in matches.items() if match}


def namings_by_value(
    node: SegmentationNode, names: Mapping[int, str], table: LabelTable | None = None
) -> dict[str, Naming]:
    """Name and terminology of the segments that are called after a value of `names`, by id."""
    named = {i: names[value] for i, value in label_values(node).items() if value in names}
    found = {i: identify(name, table=table).structure for i, name in named.items()}
    return {i: Naming(named[i], "" if one is None else terminology_for(one)) for i, one in found.items()}


def _segment(node: SegmentationNode, segment_id: str) -> Segment:
    segment = node.GetSegmentation().GetSegment(segment_id)
    if segment is None:
        raise InputError(f'"{node.GetName()}" has no segment {segment_id} any more; check the names again.')
    return segment


def identify_segments(
    node: SegmentationNode,
    segment_ids: Iterable[str] | None = None,
    table: LabelTable | None = None,
) -> dict[str, Identification]:
    """What each segment is taken for, by id (`segment_ids` None: all; `table` None: the default one)."""
    segmentation = node.GetSegmentation()
    chosen = segmentation.GetSegmentIDs() if segment_ids is None else segment_ids
    return {
        i: identify(
            segment.GetName() or "", segment_id=i, terminology=segment.GetTerminology() or "", table=table
        )
        for i in chosen
        if (segment := segmentation.GetSegment(i)) is not None
    }
