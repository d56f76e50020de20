"""Name and terminology of a segment: which structure it is, and how it is called something else."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from segae.errors import InputError
from segae.labels.resolver import Resolution, resolve
from segae.labels.spelling import is_lesion, readings
from segae.labels.structure import AmbiguousName, Structure, UnknownName
from segae.labels.terminology import parse_terminology, resolve_terminology, terminology_for
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


def set_naming(node: SegmentationNode, segment_id: str, naming: Naming) -> None:
    """Call a segment something else; raises `InputError` when it is gone. Slicer's own undo, where it is
    switched on, takes it back too."""
    segment = _segment(node, segment_id)
    node.GetScene().SaveStateForUndo(node)
    was = node.StartModify()
    segment.SetName(naming.name)
    segment.SetTerminology(naming.terminology)
    node.EndModify(was)


def naming_for(structure: Structure, before: Naming) -> Naming:
    """Name and terminology of a structure, spelt as the name `before` was."""
    underscores = "_" in before.name and " " not in before.name
    name = structure.name.replace(" ", "_") if underscores else structure.name
    return Naming(name, terminology_for(structure))


def _segment(node: SegmentationNode, segment_id: str) -> Segment:
    segment = node.GetSegmentation().GetSegment(segment_id)
    if segment is None:
        raise InputError(f'"{node.GetName()}" has no segment {segment_id} any more; check the names again.')
    return segment


ANATOMY = {"123037004", "T-D000A"}  # category "Anatomical Structure" in SNOMED CT, and in SRT of older scenes


@dataclass(frozen=True)
class OrganGuess:
    """What a segment is taken for.

    `structure` is None when nothing sure can be said; `candidates` then holds what it may be, if anything.
    `reason` is one sentence or a few words for the user, `confidence` runs from 0 to 1.
    """

    structure: Structure | None
    reason: str
    confidence: float = 0.0
    candidates: tuple[Structure, ...] = ()


def guess_organs(node: SegmentationNode, segment_ids: Iterable[str] | None = None) -> dict[str, OrganGuess]:
    """A guess for each segment by id (`segment_ids` None: all)."""
    segmentation = node.GetSegmentation()
    chosen = segmentation.GetSegmentIDs() if segment_ids is None else segment_ids
    return {
        i: guess_organ(terminology_of(segment), i, segment.GetName() or "")
        for i in chosen
        if (segment := segmentation.GetSegment(i)) is not None
    }


def terminology_of(segment: Segment) -> str:
    """The segment's terminology entry as Slicer serialises it, "" when it has none."""
    return segment.GetTerminology() or ""


def guess_organ(terminology: str, segment_id: str, name: str) -> OrganGuess:
    """Codes of the terminology first, then the id, then the name.

    A lesion in any of the three, a plain number, the default entry "Tissue", and sources that contradict each
    other give no structure: the user has to choose.
    """
    lesion = next((text for text in (segment_id, name) if text and any(map(is_lesion, readings(text)))), None)
    if lesion is not None:
        return OrganGuess(
            None, f"'{lesion}' names a lesion, not the organ it lies in; choose the organ yourself."
        )
    named = _from_names(segment_id, name)
    try:
        coded = resolve_terminology(terminology)
    except AmbiguousName as error:
        if named.structure in error.candidates:
            return OrganGuess(named.structure, f"terminology, side from the {named.reason}", named.confidence)
        return OrganGuess(None, str(error), candidates=error.candidates)
    except UnknownName as error:
        if _is_anatomy(terminology) and named.structure is not None:
            return named
        return OrganGuess(None, str(error), candidates=error.nearest)
    except InputError:  # text that is no terminology entry says nothing
        return named
    return named if coded is None else _confirmed(coded, named)


def _confirmed(coded: Resolution, named: OrganGuess) -> OrganGuess:
    """What the terminology says, unless id or name clearly mean something else."""
    if named.structure is None or named.structure == coded.structure:
        return OrganGuess(coded.structure, coded.reason, coded.confidence)
    return _contradiction(
        (coded.structure, f"the terminology ({coded.reason})"), (named.structure, named.reason)
    )


def _from_names(segment_id: str, name: str) -> OrganGuess:
    """What id and name mean; the id counts first, as it survives renaming and translation."""
    sources = {"id": segment_id, "name": name}
    found = {source: _resolve_text(text) for source, text in sources.items() if text.strip()}
    known = {source: guess for source, guess in found.items() if guess.structure is not None}
    if len({guess.structure for guess in known.values()}) > 1:
        first, second = known.items()
        return _contradiction(
            (first[1].structure, f"the {first[0]}"), (second[1].structure, f"the {second[0]}")
        )
    for source, guess in known.items():
        return OrganGuess(guess.structure, f"{source} '{sources[source]}', {guess.reason}", guess.confidence)
    return next(reversed(found.values()), OrganGuess(None, "The segment has no name; choose the organ."))


def _resolve_text(text: str) -> OrganGuess:
    if text.strip().isdecimal():
        return OrganGuess(None, f"'{text}' is a number, not a name; choose the organ.")
    try:
        found = resolve(text)
    except AmbiguousName as error:
        return OrganGuess(None, str(error), candidates=error.candidates)
    except UnknownName as error:
        return OrganGuess(None, str(error), candidates=error.nearest)
    return OrganGuess(found.structure, found.reason, found.confidence)


def _contradiction(first: tuple[Structure | None, str], second: tuple[Structure | None, str]) -> OrganGuess:
    candidates = tuple(structure for structure, _ in (first, second) if structure is not None)
    return OrganGuess(
        None,
        f"{first[1]} says '{first[0]}' and {second[1]} says '{second[0]}'; choose one.",
        candidates=candidates,
    )


def _is_anatomy(terminology: str) -> bool:
    return parse_terminology(terminology).category.value in ANATOMY
